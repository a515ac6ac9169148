"""Repeated augmentation: each video several times in a row, each time another view of it."""

import pickle

import pytest
from torch.utils.data import BatchSampler

from kdtoolbox.datasets import FolderDataset, RepeatedSampler
from tests.videos import write_video


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp('videos')
    for name in ('a', 'b'):
        write_video(folder / name / 'video.avi', seed=ord(name), num_frames=30)
    pipeline = [
        dict(type='OpenVideo'),
        dict(type='SampleFrames', clip_len=2),
        dict(type='DecodeClip'),
        dict(type='RandomResizedCrop'),
        dict(type='Resize', scale=(16, 16), keep_ratio=False),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs', meta_keys=('sample_id',)),
    ]
    return FolderDataset(data_root=str(folder), ann_file='', pipeline=pipeline)


def test_a_batch_has_different_views_of_each_of_its_videos_and_other_ones_in_the_next_epoch(videos):
    sampler = RepeatedSampler(videos, times=2, seed=1)
    clips = []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        batches = list(BatchSampler(sampler, batch_size=4, drop_last=True))
        assert len(batches) == 1 and sorted(map(int, batches[0])) == [0, 0, 1, 1] and batches[0][0] == batches[0][1]
        packed = [videos[index] for index in pickle.loads(pickle.dumps(batches[0]))]  # as a worker gets them
        clips += [(one['data_samples'].sample_id, one['inputs'].numpy().tobytes()) for one in packed]
    assert len(set(clips)) == 8 and len({sample_id for sample_id, _ in clips}) == 2


def test_once_is_the_sampler_of_mmengine(videos):
    once = RepeatedSampler(videos, times=1, shuffle=False)
    assert [(int(index), index.number) for index in once] == [(0, 0), (1, 0)]
    with pytest.raises(ValueError, match='RepeatedSampler times=0: expected 1 or more'):
        RepeatedSampler(videos, times=0)
