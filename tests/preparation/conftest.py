"""Small generated videos, and a way to run the tools as a user does."""

from pathlib import Path

import imageio_ffmpeg
import pytest

from kdtoolbox.preparation.ffmpeg import Ffmpeg, find_ffmpeg
from kdtoolbox.preparation.frame_folders import frame_names
from tests.preparation.processes import call

REFERENCE_FILTER = 'scale=-1:240'


@pytest.fixture(scope='session')
def executable() -> str:
    """What the tools use: the ffmpeg on the PATH, if there is one."""
    return find_ffmpeg()


@pytest.fixture(scope='session')
def maker() -> str:
    """What makes the tests' videos: the packaged ffmpeg, which knows all the options, whatever is on the PATH."""
    return imageio_ffmpeg.get_ffmpeg_exe()


@pytest.fixture
def ffmpeg(executable) -> Ffmpeg:
    return Ffmpeg(executable, time_limit_seconds=60)


@pytest.fixture(scope='session')
def make_video(maker):
    """``make_video(file, num_frames)`` writes a small test picture that moves, at 10 frames a second, as MPEG-4."""

    def make(file: Path, num_frames: int = 5, *, options: tuple[str, ...] = ()) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        call(
            maker,
            '-f',
            'lavfi',
            '-i',
            f'testsrc=size=64x48:rate=10:duration={num_frames / 10}',
            '-c:v',
            'mpeg4',
            '-q:v',
            '3',
            *options,
            f'file:{file}',
        )
        return file

    return make


@pytest.fixture(scope='session')
def reference_frames(executable):
    """``reference_frames(video, folder)``: the frames as the plain ffmpeg command writes them."""

    def extract(video: Path, folder: Path) -> list[str]:
        folder.mkdir(parents=True)
        call(executable, '-i', f'file:{video}', '-vf', REFERENCE_FILTER, 'image_%05d.jpg', cwd=folder)
        return frame_names(folder)

    return extract


@pytest.fixture
def prepare(capsys):
    """``prepare('check', folder)`` runs the command; returns (exit status, what it printed)."""
    from kdtoolbox.cli.main import main

    def run(*arguments) -> tuple[int, str]:
        status = main(['prepare', *map(str, arguments)])
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run


@pytest.fixture
def stand_in(tmp_path):
    """``stand_in(script)`` is an executable to be used in ffmpeg's place; it answers ``-version`` as ffmpeg does."""

    def write(script: str, *, version: str = '') -> str:
        file = tmp_path / 'stand_in_ffmpeg'
        file.write_text(f'#!/bin/sh\n[ "$1" = -version ] && echo "{version}" && exit 0\n{script}\n')
        file.chmod(0o755)
        return str(file)

    return write
