"""Losses between a student's and a teacher's outputs: ``forward(student, teacher) -> scalar``, mean over the batch."""

from kdtoolbox.losses.embeddings.cosine import Cosine
from kdtoolbox.losses.embeddings.prompt_logits import PromptLogits
from kdtoolbox.losses.embeddings.text_features import load_text_features
from kdtoolbox.losses.embeddings.text_logits import TextLogits
from kdtoolbox.losses.embeddings.vkd import VkD
from kdtoolbox.losses.features.activation_boundary import ActivationBoundary
from kdtoolbox.losses.features.afd import AFD
from kdtoolbox.losses.features.attention_transfer import AttentionTransfer
from kdtoolbox.losses.features.catkd import CATKD
from kdtoolbox.losses.features.channel_wise import ChannelWise
from kdtoolbox.losses.features.factor_transfer import FactorTransfer
from kdtoolbox.losses.features.fsp import FSP
from kdtoolbox.losses.features.hint import Hint
from kdtoolbox.losses.features.l1 import L1
from kdtoolbox.losses.features.l2 import L2
from kdtoolbox.losses.features.mgd import MGD
from kdtoolbox.losses.features.nst import NST
from kdtoolbox.losses.features.overhaul import Overhaul
from kdtoolbox.losses.features.pkd import PKD
from kdtoolbox.losses.features.review_kd import ReviewKD
from kdtoolbox.losses.features.sem_ckd import SemCKD
from kdtoolbox.losses.features.sim_kd import SimKD
from kdtoolbox.losses.features.srd import SRD
from kdtoolbox.losses.features.srrl import SRRL
from kdtoolbox.losses.features.vid import VID
from kdtoolbox.losses.features.video_mean import VideoMean
from kdtoolbox.losses.logits.bce_with_teacher import BCEWithTeacher
from kdtoolbox.losses.logits.dist import DIST
from kdtoolbox.losses.logits.dkd import DKD
from kdtoolbox.losses.logits.hard_target import HardTarget
from kdtoolbox.losses.logits.kl_divergence import KLDivergence
from kdtoolbox.losses.logits.logit_standardization import LogitStandardization
from kdtoolbox.losses.logits.multi_level_logit import MultiLevelLogit
from kdtoolbox.losses.logits.nkd import NKD
from kdtoolbox.losses.logits.sdd import SDD
from kdtoolbox.losses.logits.soft_cross_entropy import SoftCrossEntropy
from kdtoolbox.losses.logits.teacher_free import TeacherFree
from kdtoolbox.losses.logits.temperature_curriculum import TemperatureCurriculum
from kdtoolbox.losses.logits.wsld import WSLD
from kdtoolbox.losses.logits.wttm import WTTM
from kdtoolbox.losses.relations.compress import CompRess
from kdtoolbox.losses.relations.correlation_congruence import CorrelationCongruence
from kdtoolbox.losses.relations.crd import CRD
from kdtoolbox.losses.relations.dark_rank import DarkRank
from kdtoolbox.losses.relations.hierarchical_pkt import HierarchicalPKT
from kdtoolbox.losses.relations.ickd import ICKD
from kdtoolbox.losses.relations.irg import IRG
from kdtoolbox.losses.relations.itrd import ITRD
from kdtoolbox.losses.relations.pkt import PKT
from kdtoolbox.losses.relations.rkd_angle import RKDAngle
from kdtoolbox.losses.relations.rkd_distance import RKDDistance
from kdtoolbox.losses.relations.seed import SEED
from kdtoolbox.losses.relations.similarity_preserving import SimilarityPreserving
from kdtoolbox.losses.temporal.clip_frame_correspondence import ClipFrameCorrespondence
from kdtoolbox.losses.temporal.frame_clip_relation import FrameClipRelation
from kdtoolbox.losses.temporal.frame_wise import FrameWise
from kdtoolbox.losses.temporal.spatio_temporal_attention import SpatioTemporalAttention
from kdtoolbox.losses.temporal.temporal_affinity import TemporalAffinity
from kdtoolbox.losses.temporal.temporal_difference import TemporalDifference
from kdtoolbox.losses.tokens.am_radio import AMRadio
from kdtoolbox.losses.tokens.amd import AMD
from kdtoolbox.losses.tokens.mvd import MVD
from kdtoolbox.losses.tokens.umt import UMT
from kdtoolbox.losses.tokens.video_mae import VideoMAE

__all__ = [
    'AFD',
    'AMD',
    'CATKD',
    'CRD',
    'DIST',
    'DKD',
    'FSP',
    'ICKD',
    'IRG',
    'ITRD',
    'L1',
    'L2',
    'MGD',
    'MVD',
    'NKD',
    'NST',
    'PKD',
    'PKT',
    'SDD',
    'SEED',
    'SRD',
    'SRRL',
    'UMT',
    'VID',
    'WSLD',
    'WTTM',
    'AMRadio',
    'ActivationBoundary',
    'AttentionTransfer',
    'BCEWithTeacher',
    'ChannelWise',
    'ClipFrameCorrespondence',
    'CompRess',
    'CorrelationCongruence',
    'Cosine',
    'DarkRank',
    'FactorTransfer',
    'FrameClipRelation',
    'FrameWise',
    'HardTarget',
    'HierarchicalPKT',
    'Hint',
    'KLDivergence',
    'LogitStandardization',
    'MultiLevelLogit',
    'Overhaul',
    'PromptLogits',
    'RKDAngle',
    'RKDDistance',
    'ReviewKD',
    'SemCKD',
    'SimKD',
    'SimilarityPreserving',
    'SoftCrossEntropy',
    'SpatioTemporalAttention',
    'TeacherFree',
    'TemperatureCurriculum',
    'TemporalAffinity',
    'TemporalDifference',
    'TextLogits',
    'VideoMAE',
    'VideoMean',
    'VkD',
    'load_text_features',
]
