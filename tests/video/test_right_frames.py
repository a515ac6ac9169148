"""Frame i is the i-th frame that playing the file shows, in whatever way it was encoded and is asked for."""

import random
from dataclasses import replace

import av
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from torch.utils.data import DataLoader

from kdtoolbox.registry import DATASETS
from kdtoolbox.video import VideoReader
from kdtoolbox.video.frame_index import index_file, save_index
from kdtoolbox.video.indexing import verified_index
from tests.video.numbered_videos import KINDS, NUM_FRAMES, Kind, frames_in_order, make_video, number_of

GREY = np.array([0.299, 0.587, 0.114], np.float32)
REAL_HMDB51 = 'data/clips/hmdb51'


def requests(num_frames: int, seed: int) -> list[list[int]]:
    """Clips of 16 neighbours, scattered, repeated and backward frames, and the very ends."""
    draw = random.Random(seed)
    starts = [draw.randrange(max(num_frames - 16, 1)) for _ in range(4)]
    clips = [[(start + step) % num_frames for step in range(16)] for start in starts]
    scattered = [draw.randrange(num_frames) for _ in range(12)]
    return [
        *clips,
        scattered,
        sorted(scattered, reverse=True),
        [scattered[0]] * 3,
        [num_frames - 1],
        [0, num_frames - 1],
    ]


def assert_right(video, truth: np.ndarray, *, is_new_only: bool = False) -> None:
    """What is read is nearest to the frame that was asked for, of all frames of the file, and near.

    Args:
        is_new_only: each request to a reader of its own, and not also to one that had others before.
    """
    reader = VideoReader(video)
    assert len(reader) == len(reader.seconds) == len(truth)
    assert (np.diff(reader.seconds) > 0).all()
    coarse = truth[:, ::2, ::2].reshape(len(truth), -1)  # comparing is most of the time
    for wanted in requests(len(truth), seed=len(truth)):
        # One reader for many requests, and a new one for each.
        for each in (VideoReader(video),) if is_new_only else (reader, VideoReader(video)):
            greys = np.stack([image.astype(np.float32) @ GREY for image in each.frames(wanted)])
            assert greys.shape == (len(wanted), *truth.shape[1:])
            distances = cdist(greys[:, ::2, ::2].reshape(len(greys), -1), coarse, 'cityblock')
            of_wanted = distances[np.arange(len(wanted)), wanted]
            assert (of_wanted == distances.min(1)).all(), (wanted, distances.argmin(1).tolist())
            assert np.abs(truth[wanted] - greys).mean((1, 2)).max() < 6, wanted


def upright_size(kind: Kind, name: str) -> tuple[int, int]:
    return kind.size[::-1] if '90' in name or '270' in name or 'and_rotated' in name else kind.size


@pytest.mark.parametrize('name', KINDS)
def test_each_frame_is_the_one_that_playing_shows(tmp_path, name):
    kind = KINDS[name]
    video = make_video(kind, tmp_path)
    truth = frames_in_order(video, upright_size(kind, name))
    if kind.is_whole and truth.shape[1:] == (64, 96) and 'mirrored' not in name and 'rotated' not in name:
        assert [number_of(frame) for frame in truth] == list(range(NUM_FRAMES))
    assert_right(video, truth)
    index, damage = verified_index(str(video))
    assert damage is None and len(index) == len(truth)
    save_index(index, video)
    assert index_file(video).is_file()
    assert_right(video, truth, is_new_only=True)
    reader, wanted = VideoReader(video), [0, len(truth) // 2, len(truth) - 1]
    reader.frames(wanted)
    for kept, used in ((index.time_stamps, reader.index.time_stamps), (index.key_frames, reader.index.key_frames)):
        assert np.array_equal(kept, used)  # it was not given up for another
    right = reader.frames(wanted)
    save_index(replace(index, time_stamps=index.time_stamps + 1), video)
    assert all(np.array_equal(*pair) for pair in zip(right, VideoReader(video).frames(wanted), strict=True))


def test_real_frames_of_hmdb51_are_those_of_decoding_in_order(shared):
    videos = sorted((shared / REAL_HMDB51).glob('*.avi'))
    assert len(videos) >= 6
    for video in videos:
        with av.open(str(video), metadata_errors='ignore') as container:
            truth = [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]
        reader = VideoReader(video)
        assert len(reader) == len(truth)
        for wanted in requests(len(truth), seed=1):
            for number, image in zip(wanted, VideoReader(video).frames(wanted), strict=True):
                assert np.array_equal(image, truth[number]), (video, number)


def test_clips_of_the_loaders_workers_are_neighbouring_frames(tmp_path):
    # As the shipped configs load: several workers that live on, mmaction2's sampler, videos with B-frames in AVI.
    for name in ('h264_avi', 'mpeg4_avi_b_frames', 'h264_mp4_open_gop', 'mpeg2_ts'):
        (tmp_path / 'c' / name).mkdir(parents=True)
        make_video(KINDS[name], tmp_path / 'c' / name)
    pipeline = [
        dict(type='OpenVideo'),
        dict(type='SampleFrames', clip_len=16, num_clips=2),
        dict(type='DecodeClip'),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs'),
    ]
    dataset = DATASETS.build(dict(type='UnlabelledFolderDataset', data_root=str(tmp_path), pipeline=pipeline))
    loader = DataLoader(dataset, batch_size=1, num_workers=2, persistent_workers=True, collate_fn=lambda batch: batch)
    for epoch in range(3):
        dataset.set_epoch(epoch)
        clips = [clip for batch in loader for sample in batch for clip in sample['inputs']]
        assert len(clips) == 8
        for clip in clips:
            numbers = [number_of(frame) for frame in clip[0].numpy()]
            assert numbers == list(range(numbers[0], numbers[0] + 16))


def test_a_file_that_must_be_decoded_is_counted_once_for_all_workers_and_epochs(tmp_path, monkeypatch):
    (tmp_path / 'c').mkdir()
    make_video(KINDS['mpeg4_avi_b_frames'], tmp_path / 'c')
    pipeline = [dict(type='OpenVideo'), dict(type='SampleFrames', clip_len=4), dict(type='DecodeClip')]
    dataset = DATASETS.build(dict(type='UnlabelledFolderDataset', data_root=str(tmp_path), pipeline=pipeline))
    loader = DataLoader(dataset, batch_size=1, num_workers=1, collate_fn=lambda batch: batch)
    for batch in loader:  # counts in the worker
        assert len(batch) == 1
    monkeypatch.setattr('kdtoolbox.video.reader.decode_whole', lambda *args, **kwargs: 1 / 0)
    numbers = [number_of(image[..., 0]) for image in dataset[0]['imgs']]
    assert dataset[0]['total_frames'] == NUM_FRAMES and numbers == list(range(numbers[0], numbers[0] + 4))
