import pytest
import torch

from kdtoolbox.views import View, frame_differences


def test_same_size_and_stride_leave_the_clip_alone():
    clip = torch.randint(0, 256, (2, 3, 4, 8, 8), dtype=torch.uint8)
    assert torch.equal(View(size=8).render(clip), clip.float())


def test_the_stride_keeps_every_nth_frame_from_the_first():
    clip = torch.arange(7.0).view(1, 1, 7, 1, 1).expand(1, 3, 7, 2, 2)
    assert View(size=2, frame_stride=3).render(clip)[0, 0, :, 0, 0].tolist() == [0, 3, 6]


def test_mean_and_std_are_on_the_scale_of_the_pixels():
    clip = torch.full((1, 3, 1, 2, 2), 200, dtype=torch.uint8)
    rendered = View(size=2, mean=(100, 150, 200), std=(50, 25, 10)).render(clip)
    assert rendered[0, :, 0, 0, 0].tolist() == [2, 2, 0]


def test_halving_is_the_mean_of_a_checkerboard_not_one_of_its_colours():
    board = (torch.arange(16).view(-1, 1) + torch.arange(16)) % 2 * 200.0
    rendered = View(size=8).render(board.expand(1, 3, 2, 16, 16))
    torch.testing.assert_close(rendered, torch.full_like(rendered, 100.0), atol=15, rtol=0)


def test_views_are_contiguous():
    assert View(size=4, frame_stride=2).render(torch.zeros(2, 3, 8, 6, 6)).is_contiguous()


def test_frame_differences_are_those_of_the_frames_shown_and_the_last_is_repeated():
    clip = torch.tensor([0, 9, 30, 9, 10, 9], dtype=torch.uint8).view(1, 1, 6, 1, 1).expand(1, 3, 6, 4, 4)
    rendered = View(size=2, frame_stride=2, mean=(0, 0, 0), std=(10, 10, 10), modality='rgb_difference').render(clip)
    assert rendered.shape == (1, 3, 3, 2, 2)
    torch.testing.assert_close(rendered[0, 0, :, 0, 0], torch.tensor([3.0, -2.0, -2.0]))


def test_what_stands_still_and_its_brightness_do_not_show_in_frame_differences():
    still = torch.randint(0, 100, (2, 3, 1, 8, 8), dtype=torch.uint8).expand(2, 3, 5, 8, 8)
    assert not View(size=4, modality='rgb_difference').render(still).any()
    moving = torch.randint(0, 100, (2, 3, 5, 8, 8), dtype=torch.uint8)
    brighter, plain = (View(size=8, modality='rgb_difference').render(clip) for clip in (moving + 50, moving))
    assert torch.equal(brighter, plain) and plain.any()


def test_one_frame_has_no_difference():
    with pytest.raises(ValueError, match='show 2 or more'):
        frame_differences(torch.zeros(1, 3, 1, 4, 4), time=2)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(size=4, modality='flow'), 'rgb_difference'),
        (dict(size=0), 'size'),
        (dict(size=(4, 4, 4)), 'size'),
        (dict(size=4, frame_stride=0), 'frame_stride'),
        (dict(size=4, mean=(0, 0, 0)), 'both mean and std'),
    ],
)
def test_impossible_views_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        View(**options)
