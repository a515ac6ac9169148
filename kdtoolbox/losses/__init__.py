"""Losses between a student's and a teacher's outputs: ``forward(student, teacher) -> scalar``, mean over the batch."""

from kdtoolbox.losses.activation_boundary import ActivationBoundary
from kdtoolbox.losses.attention_transfer import AttentionTransfer
from kdtoolbox.losses.bce_with_teacher import BCEWithTeacher
from kdtoolbox.losses.catkd import CATKD
from kdtoolbox.losses.channel_wise import ChannelWise
from kdtoolbox.losses.clip_frame_correspondence import ClipFrameCorrespondence
from kdtoolbox.losses.correlation_congruence import CorrelationCongruence
from kdtoolbox.losses.cosine import Cosine
from kdtoolbox.losses.crd import CRD
from kdtoolbox.losses.dist import DIST
from kdtoolbox.losses.dkd import DKD
from kdtoolbox.losses.factor_transfer import FactorTransfer
from kdtoolbox.losses.frame_wise import FrameWise
from kdtoolbox.losses.fsp import FSP
from kdtoolbox.losses.hard_target import HardTarget
from kdtoolbox.losses.hint import Hint
from kdtoolbox.losses.ickd import ICKD
from kdtoolbox.losses.kl_divergence import KLDivergence
from kdtoolbox.losses.l1 import L1
from kdtoolbox.losses.l2 import L2
from kdtoolbox.losses.logit_standardization import LogitStandardization
from kdtoolbox.losses.mgd import MGD
from kdtoolbox.losses.multi_level_logit import MultiLevelLogit
from kdtoolbox.losses.nkd import NKD
from kdtoolbox.losses.nst import NST
from kdtoolbox.losses.overhaul import Overhaul
from kdtoolbox.losses.pkd import PKD
from kdtoolbox.losses.pkt import PKT
from kdtoolbox.losses.review_kd import ReviewKD
from kdtoolbox.losses.rkd_angle import RKDAngle
from kdtoolbox.losses.rkd_distance import RKDDistance
from kdtoolbox.losses.sdd import SDD
from kdtoolbox.losses.sim_kd import SimKD
from kdtoolbox.losses.similarity_preserving import SimilarityPreserving
from kdtoolbox.losses.soft_cross_entropy import SoftCrossEntropy
from kdtoolbox.losses.spatio_temporal_attention import SpatioTemporalAttention
from kdtoolbox.losses.srrl import SRRL
from kdtoolbox.losses.teacher_free import TeacherFree
from kdtoolbox.losses.temperature_curriculum import TemperatureCurriculum
from kdtoolbox.losses.temporal_affinity import TemporalAffinity
from kdtoolbox.losses.temporal_difference import TemporalDifference
from kdtoolbox.losses.text_features import load_text_features
from kdtoolbox.losses.text_logits import TextLogits
from kdtoolbox.losses.vid import VID
from kdtoolbox.losses.vkd import VkD
from kdtoolbox.losses.wsld import WSLD
from kdtoolbox.losses.wttm import WTTM

__all__ = ['CATKD', 'CRD', 'DIST', 'DKD', 'FSP', 'ICKD', 'L1', 'L2', 'MGD', 'NKD', 'NST', 'PKD', 'PKT', 'SDD', 'SRRL',
           'VID', 'WSLD', 'WTTM', 'ActivationBoundary', 'AttentionTransfer', 'BCEWithTeacher', 'ChannelWise',
           'ClipFrameCorrespondence', 'CorrelationCongruence', 'Cosine', 'FactorTransfer', 'FrameWise', 'HardTarget',
           'Hint', 'KLDivergence', 'LogitStandardization', 'MultiLevelLogit', 'Overhaul', 'RKDAngle', 'RKDDistance',
           'ReviewKD', 'SimKD', 'SimilarityPreserving', 'SoftCrossEntropy', 'SpatioTemporalAttention', 'TeacherFree',
           'TemperatureCurriculum', 'TemporalAffinity', 'TemporalDifference', 'TextLogits', 'VkD', 'load_text_features']
