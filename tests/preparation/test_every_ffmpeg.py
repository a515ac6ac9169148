"""The preparation tools with every ffmpeg that a machine may have on its PATH: old, new, none, broken.

Old and new ones are stand-ins: they know the options of their version only, and have the packaged ffmpeg do the work.
The machine's own, if it has one, is tested beside them.
"""

import os
import shutil
from pathlib import Path

import pytest

from kdtoolbox.preparation.frame_folders import frame_folders, frame_names

NUM_FRAMES = {'run/a': 3, 'sit/b': 5}
# Of each release: its libavfilter, and the options that it does not know.
RELEASES = {
    '4.4.1': (7, ('-fps_mode', '-display_rotation', '-display_hflip')),
    '5.1.9': (8, ('-display_rotation', '-display_hflip')),
    '6.1.2': (9, ()),
    '7.1': (10, ()),
    '8.0': (11, ('-vsync',)),
}
OF_THE_MACHINE = shutil.which('ffmpeg')  # before the tests' own is put in front of it
SCRIPT = """#!/bin/sh
if [ "$1" = -version ]; then
  echo 'ffmpeg version {release} Copyright (c) 2000-2025 the FFmpeg developers'
  echo 'libavfilter     {libavfilter}. 44.100 /  {libavfilter}. 44.100'
  exit 0
fi
: > '{used}'
count=$#
while [ $count -gt 0 ]; do
  option=$1; shift; count=$((count - 1))
  case "$option" in
    {unknown}) echo "Unrecognized option '${{option#-}}'." >&2; exit 1;;
    -vsync) option=-fps_mode;;
  esac
  set -- "$@" "$option"
done
exec '{packaged}' "$@"
"""


def write_executable(file: Path, content: str, mode: int = 0o755) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    file.chmod(mode)
    return file


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    """``on_path(script)`` makes it the only ffmpeg on the PATH; returns its file."""

    def put(script: str, mode: int = 0o755) -> Path:
        file = write_executable(tmp_path / 'bin/ffmpeg', script, mode)
        monkeypatch.setenv('PATH', f'{file.parent}{os.pathsep}{tools(tmp_path)}')
        return file

    return put


def tools(folder: Path) -> Path:
    """A folder with the machine's `sh` and `sleep`, which stand-ins need, and no ffmpeg."""
    (folder / 'tools').mkdir(exist_ok=True)
    for name in ('sh', 'sleep'):
        (folder / 'tools' / name).unlink(missing_ok=True)
        (folder / 'tools' / name).symlink_to(shutil.which(name))
    return folder / 'tools'


@pytest.fixture
def videos(make_video, tmp_path) -> Path:
    for name, num_frames in NUM_FRAMES.items():
        make_video(tmp_path / f'videos/{name}.avi', num_frames)
    return tmp_path / 'videos'


def contents(jpg_dir: Path) -> dict[str, bytes]:
    return {str(file.relative_to(jpg_dir)): file.read_bytes() for file in sorted(jpg_dir.rglob('*.jpg'))}


def prepared(prepare, videos: Path, jpg_dir: Path) -> dict[str, bytes]:
    """Frames by both commands, at the constant rate and as stored, and the rates of the first; the frames' contents."""
    assert prepare('video_jpg_kinetics', videos, jpg_dir / 'rate')[0] == 0
    assert prepare('fps', videos, jpg_dir / 'rate')[0] == 0
    status, printed = prepare('video_jpg_ucf101_hmdb51', videos, jpg_dir / 'stored', '--frames', 'as-stored')
    assert (status, printed.splitlines()[-1]) == (0, '2 done, 0 already there, 0 failed')
    for kind in ('rate', 'stored'):
        found = {folder.relative_to(jpg_dir / kind).as_posix(): folder for folder in frame_folders(jpg_dir / kind)}
        assert {name: len(frame_names(folder)) for name, folder in found.items()} == NUM_FRAMES
    assert {(jpg_dir / f'rate/{name}/fps').read_text() for name in NUM_FRAMES} == {'10.00\n'}
    return contents(jpg_dir)


@pytest.mark.parametrize('release', RELEASES)
def test_each_release_on_the_path_makes_the_frames_that_the_packaged_one_makes(
    release, prepare, videos, maker, on_path, tmp_path
):
    libavfilter, unknown = RELEASES[release]
    expected = prepared(prepare, videos, tmp_path / 'packaged')
    used = tmp_path / 'used'
    on_path(
        SCRIPT.format(
            release=release, libavfilter=libavfilter, unknown='|'.join(unknown) or '-none', packaged=maker, used=used
        )
    )
    assert prepared(prepare, videos, tmp_path / 'release') == expected
    assert used.is_file()


@pytest.mark.skipif(OF_THE_MACHINE is None, reason='the machine has no ffmpeg of its own; stand-ins are tested')
def test_the_machines_own_makes_all_frames(prepare, videos, monkeypatch, tmp_path):
    monkeypatch.setenv('PATH', os.path.dirname(OF_THE_MACHINE), prepend=os.pathsep)
    assert len(prepared(prepare, videos, tmp_path / 'jpg')) == 2 * sum(NUM_FRAMES.values())


@pytest.mark.parametrize('mode', [None, 0o644], ids=['none', 'not executable'])
def test_without_one_on_the_path_the_packaged_one_is_used(mode, prepare, videos, on_path, tmp_path):
    expected = prepared(prepare, videos, tmp_path / 'packaged')
    file = on_path('', mode or 0o644)
    if mode is None:
        file.unlink()
    assert shutil.which('ffmpeg') is None
    assert prepared(prepare, videos, tmp_path / 'none') == expected


@pytest.mark.parametrize(
    'script',
    [
        '#!/bin/sh\necho "error while loading shared libraries: libx264.so.155" >&2\nexit 127\n',
        '#!/bin/sh\nkill -SEGV $$\n',
        '#!/no/such/interpreter\n',
        '\0\0 built for another machine',
    ],
    ids=['lacks a library', 'dies', 'lacks its interpreter', 'other machine'],
)
def test_a_broken_one_on_the_path_is_named_before_any_work_and_another_can_be_named(
    script, prepare, videos, maker, on_path, tmp_path
):
    file = on_path(script)
    for arguments in (('video_jpg_kinetics',), ('fps',)):
        status, printed = prepare(*arguments, videos, tmp_path / 'jpg')
        assert status == 2 and f'{file} does not run as ffmpeg' in printed and '--ffmpeg' in printed
    assert not list(tmp_path.rglob('*.jpg'))
    assert prepare('video_jpg_kinetics', videos, tmp_path / 'jpg', '--ffmpeg', maker)[0] == 0


@pytest.mark.parametrize('death', ['kill -SEGV $$', 'exit 1', 'exit 0', 'sleep 20'])
def test_one_that_fails_at_every_video_is_a_reason_for_each_and_no_frames(death, prepare, videos, on_path, tmp_path):
    on_path(f'#!/bin/sh\n[ "$1" = -version ] && echo "libavfilter 9. 1" && exit 0\n{death}\n')
    status, printed = prepare('video_jpg_kinetics', videos, tmp_path / 'jpg', '--time-limit', 0.5)
    assert status == 1 and '0 done, 0 already there, 2 failed' in printed
    report = (tmp_path / 'jpg/extraction_report.tsv').read_text().splitlines()[1:]
    assert len(report) == 2 and all(line.startswith('failed\t') and line.split('\t')[2] for line in report)
    assert not list(tmp_path.rglob('*.jpg'))
