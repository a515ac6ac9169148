"""The words that say what an evaluation looks at."""

from mmengine.config import Config
from mmengine.dataset import ConcatDataset

from kdtoolbox.datasets import FolderDataset
from kdtoolbox.engine.protocol import is_not_the_tests, protocol_of

PIPELINE = [
    dict(type='OpenVideo'),
    dict(type='SampleClipsEvenly', clip_len=4, num_clips=3),
    dict(type='DecodeClip'),
    dict(type='ThreeCrop', crop_size=16),
]


def test_it_names_clips_and_crops_and_the_part_of_each_role(data):
    videos, annotations = data['folder']
    shared = dict(data_root=str(videos), ann_file=str(annotations), pipeline=PIPELINE, test_mode=True)
    gallery = FolderDataset(**shared, role='gallery', max_per_class=1)
    queries = FolderDataset(**shared, subset='validation', role='query')
    said = protocol_of(ConcatDataset([gallery, queries]))
    assert said == (f'9 clips a video; gallery: 3 of {gallery.num_available} videos; query: {len(queries)} videos')


def test_other_clips_or_other_metrics_make_another_protocol():
    loader = dict(batch_size=8, dataset=dict(type='X', pipeline=[dict(num_clips=10)]))
    metrics = [dict(type='ClipRetrieval')]
    alike = dict(val_dataloader=loader, test_dataloader={**loader, 'batch_size': 2}, val_evaluator=metrics)
    assert not is_not_the_tests(Config(dict(**alike, test_evaluator=metrics)))
    assert is_not_the_tests(Config(dict(**alike, test_evaluator=[dict(type='ClipRetrieval', prefix='other')])))
    other = dict(alike, val_dataloader=dict(batch_size=8, dataset=dict(type='X', pipeline=[dict(num_clips=2)])))
    assert is_not_the_tests(Config(dict(**other, test_evaluator=metrics)))
