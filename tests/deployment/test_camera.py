"""A student at a camera: sliding windows of what comes, until it ends or Ctrl-C."""

import json
import time
from typing import ClassVar

import cv2
import numpy as np
import pytest

from kdtoolbox.cli.main import main
from kdtoolbox.deployment import camera as cameras
from kdtoolbox.deployment.camera import Camera, is_camera
from kdtoolbox.deployment.student import load_student
from tests.videos import write_video


class Device:
    """A camera of 100 frames a second that is unplugged after some; frame n has the shade n, of blue alone."""

    opened: ClassVar[list] = []

    def __init__(self, place) -> None:
        self.place, self.number, self.is_open = place, 0, True
        self.opened.append(self)

    def isOpened(self) -> bool:
        return self.place != 7

    def get(self, what) -> float:
        return 100.0 if what == cv2.CAP_PROP_FPS else 0.0

    def read(self):
        if self.number == 40:
            return False, None
        time.sleep(0.01)
        frame = np.zeros((400, 640, 3), np.uint8)
        frame[..., 0] = self.number
        self.number += 1
        return True, frame

    def release(self) -> None:
        self.is_open = False


@pytest.fixture
def device(monkeypatch):
    monkeypatch.setattr(Device, 'opened', [])
    monkeypatch.setattr(cameras.cv2, 'VideoCapture', Device)
    return Device


def test_a_file_that_stands_in_for_the_camera_gives_what_its_windows_give(student_folder, tmp_path, capsys):
    video = write_video(tmp_path / 'long.avi', num_frames=50)  # at 10 frames a second
    command = ['predict', str(student_folder), f'camera:{video}', '--window', '2', '--stride', '1.5']
    assert main([*command, '--json', str(tmp_path / 'seen.json')]) == 0
    seen = json.loads((tmp_path / 'seen.json').read_text())
    assert [one['seconds'] for one in seen] == [pytest.approx(span) for span in ([0, 2], [1.5, 3.5], [3, 5])]
    expected = load_student(student_folder).predict_windows(video, seconds=2, stride_seconds=1.5)
    for one, other in zip(seen, expected, strict=True):
        assert [found['name'] for found in one['classes']] == list(other.classes)
        # Two decoders may round colours differently.
        assert [found['probability'] for found in one['classes']] == pytest.approx(other.probabilities, abs=0.01)
    printed = capsys.readouterr()
    assert 'Ctrl-C ends' in printed.err and printed.out.count(' s: ') == 3 and '3 windows of camera:' in printed.out


def test_a_device_is_read_while_windows_are_looked_at_and_each_is_the_last_seconds(device):
    camera = Camera('camera:0')
    lengths, last = [], []
    for window in camera.windows(seconds=0.1, stride_seconds=0.05):
        times, frames = zip(*window)
        assert list(times) == sorted(times) and times[-1] - times[0] <= 0.1 + 1e-6
        shades = [int(frame[0, 0, 2]) for frame in frames]  # red first
        assert shades == list(range(shades[0], shades[0] + len(shades)))  # none is lost
        assert frames[0].shape == (320, 512, 3) and not frames[0][..., :2].any()
        lengths.append(len(shades))
        last.append(shades[-1])
        time.sleep(0.03)  # a student at work
    assert len(lengths) >= 2 and last == sorted(set(last))
    camera.close()
    assert device.opened[0].place == 0 and not device.opened[0].is_open


def test_ctrl_c_ends_with_what_was_seen_and_gives_the_device_back(
    student_folder, device, tmp_path, monkeypatch, capsys
):
    from kdtoolbox.cli import predict

    given = predict.live_predictions

    def interrupted(*args, **options):
        for one in given(*args, **options):
            yield one
            raise KeyboardInterrupt

    monkeypatch.setattr(predict, 'live_predictions', interrupted)
    command = ['predict', str(student_folder), '0', '--window', '0.1', '--csv', str(tmp_path / 'seen.csv')]
    assert main(command) == 0
    assert '1 windows of 0' in capsys.readouterr().out
    assert len((tmp_path / 'seen.csv').read_text().splitlines()) == 1 + 2  # a line for each class
    assert not device.opened[0].is_open


def test_a_camera_that_is_not_there_and_options_without_sense_are_said(device, capsys, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match='the camera camera:7 cannot be opened'):
        Camera('camera:7')
    for more in (['video.mp4'], ['--draw', 'out.mp4']):
        assert main(['predict', 'student', 'camera:0', *more]) == 2
        assert 'a camera is looked at alone' in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    (tmp_path / '3').mkdir()
    assert not is_camera('3') and is_camera('4')
