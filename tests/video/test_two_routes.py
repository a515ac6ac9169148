"""A video and its folder of frames give the same moments and the same pixels."""

import numpy as np
import pytest

from kdtoolbox.cli.main import main
from kdtoolbox.datasets.locating import FrameFolderFinder
from kdtoolbox.datasets.transforms import DecodeClip, OpenVideo
from tests.video.numbered_videos import KINDS, make_video

SEGMENTS = [(0.0, 1.0), (1.0, 1.4), (2.1, 2.8), (0.5, 60.0)]
KINDS_WITH_TIMES = [
    'h264_mp4',
    'h264_avi',
    'mpeg4_avi_b_frames',
    'mpeg2_ts',
    'h264_mkv_29.97',
    'variable_rate_mp4',
    'late_picture_mp4',
    'sound_longer',
    'cut_by_copy_mp4',
    'rotated_90',
    'mirrored',
    'gif',
]


def clip_of(results: dict) -> tuple[np.ndarray, np.ndarray]:
    """Pixels, (F, H, W, 3), and numbers of the frames of a sample."""
    opened = OpenVideo()(results)
    opened['frame_inds'] = np.arange(opened['total_frames']) + opened.get('start_index', 0)
    numbers = opened['frame_inds'] + opened.get('offset', 0) - opened.get('start_index', 0)
    return np.stack(DecodeClip()(opened)['imgs']), numbers


@pytest.mark.parametrize('name', KINDS_WITH_TIMES)
def test_frames_as_stored_are_those_of_the_video(tmp_path, name):
    (tmp_path / 'videos').mkdir()
    video = make_video(KINDS[name], tmp_path / 'videos')
    for other in set((tmp_path / 'videos').iterdir()) - {video}:
        other.unlink()
    height = 96 if name == 'rotated_90' else 64
    assert (
        main(
            [
                'prepare',
                'video_jpg',
                str(tmp_path / 'videos'),
                str(tmp_path / 'jpg'),
                '--frames',
                'as-stored',
                '--height',
                str(height),
                '--quality',
                '2',
            ]
        )
        == 0
    )
    assert main(['prepare', 'fps', str(tmp_path / 'videos'), str(tmp_path / 'jpg')]) == 0
    assert main(['prepare', 'n_frames_ucf101_hmdb51', str(tmp_path / 'jpg')]) == 0
    frames = FrameFolderFinder([tmp_path / 'jpg']).find([video.stem])
    frames |= dict(start_index=1, filename_tmpl='image_{:05}.jpg', modality='RGB')
    for start, end in SEGMENTS:
        if (name.startswith('late') and end <= 2) or (name.startswith('cut') and start > 1.4):
            continue  # there is no picture yet, or no more
        from_video, video_numbers = clip_of(dict(filename=str(video), segment_seconds=(start, end)))
        from_files, file_numbers = clip_of(dict(frames, segment_seconds=(start, end)))
        assert video_numbers.tolist() == file_numbers.tolist()
        assert np.abs(from_video.astype(int) - from_files).mean() < 6
