"""TensorBoard shows what each network sees, and the nearest videos, where a config asks for it by one line."""

import io
import re

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from kdtoolbox.engine.tracked_clips import BORDER, HEIGHT, RIGHT, WRONG, TrackedClipsHook
from kdtoolbox.runner.training import build_runner
from tests.conftest import REPOSITORY
from tests.tiny import run_config


@pytest.fixture(scope='module')
def events(tmp_path_factory):
    """What TensorBoard reads of a run with the hook: tag -> pictures."""
    from mmengine.registry import init_default_scope
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    init_default_scope('kdtoolbox')
    folder = tmp_path_factory.mktemp('tracked')
    config = run_config(folder, epochs=1)
    config.visualizer.vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
    config.custom_hooks = [*config.custom_hooks, dict(type='TrackedClipsHook', num_clips=2, num_neighbours=3)]
    build_runner(config).train()
    (file,) = folder.rglob('events.out.tfevents.*')
    read = EventAccumulator(str(file), size_guidance={'images': 0})
    read.Reload()
    return {
        tag: [Image.open(io.BytesIO(one.encoded_image_string)) for one in read.Images(tag)]
        for tag in read.Tags()['images']
    }


def test_the_views_of_both_networks_are_moving_pictures_of_their_own_size(events):
    views = {tag for tag in events if tag.startswith('views/')}
    assert views == {f'views/{network}/{number}' for network in ('student', 'teacher') for number in (0, 1)}
    student, teacher = events['views/student/1'][0], events['views/teacher/1'][0]
    assert student.size == (16, 16) and student.n_frames == 4
    assert teacher.size == (24, 24) and teacher.n_frames == 2
    shades = [np.asarray(one.convert('RGB')).mean() for one in (student, teacher)]
    assert shades[0] == pytest.approx(shades[1], abs=4)  # the same clip


def test_each_query_has_its_nearest_videos_with_the_colour_of_right_or_wrong(events):
    (picture,) = events['retrieval_gallery']
    pixels = np.asarray(picture.convert('RGB'))
    side = HEIGHT + 2 * BORDER
    assert pixels.shape == (5 * side, 4 * side, 3)  # of 11 videos 5 are queries; a query and three neighbours
    edges = pixels[1::side, side + 1 :: side].reshape(-1, 3)
    assert {tuple(map(int, edge)) for edge in edges} <= {RIGHT, WRONG}


def test_the_worst_queries_come_first():
    import torch

    def video(x, label):
        return dict(features=torch.tensor([x, 1.0]), label=label, picture=np.zeros((HEIGHT, HEIGHT, 3), np.uint8))

    hook = TrackedClipsHook(num_queries=2, num_neighbours=1)
    gallery = [video(5.0, 0), video(-5.0, 1)]
    pixels = hook._gallery([video(4.0, 0), video(-4.0, 0), video(-3.0, 1)], gallery)
    side = HEIGHT + 2 * BORDER
    assert [tuple(map(int, pixels[row * side, side])) for row in (0, 1)] == [WRONG, RIGHT]
    with pytest.raises(ValueError, match='expected 1 or more'):
        TrackedClipsHook(num_clips=0)


def test_the_line_of_the_page_adds_the_hook_to_a_shipped_config(tmp_path):
    page = (REPOSITORY / 'docs/trackers.md').read_text()
    line = re.search(r'^custom_hooks = .*TrackedClipsHook.*$', page, flags=re.MULTILINE)[0]
    base = REPOSITORY / 'configs/kd_r2d_to_r3d_hmdb51.py'
    (tmp_path / 'mine.py').write_text(f'_base_ = [{str(base)!r}]\n{line}\n')
    hooks = [hook['type'] for hook in Config.fromfile(tmp_path / 'mine.py').custom_hooks]
    assert hooks[-1] == 'TrackedClipsHook' and 'PreflightHook' in hooks
