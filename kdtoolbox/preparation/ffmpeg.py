"""One ffmpeg for everything: finding it, running it without a shell, and reading what it says about a video."""

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Demuxers that read text, pictures or lists of other files: what they yield is not the video the user meant.
NOT_VIDEO_FORMATS = {'tty', 'image2', 'concat', 'hls', 'dash', 'lavfi', 'ffmetadata'}


@dataclass(frozen=True)
class FfmpegRun:
    """How one call of ffmpeg ended; ``log`` is what it printed, each line with its level."""

    exit_status: int
    log: str
    timed_out: bool = False

    def errors(self) -> list[str]:
        """Its error messages in order, each once, without the addresses ffmpeg puts before them.

        >>> FfmpegRun(1, '[mov @ 0x55] [error] moov atom not found\\n[info] Duration: N/A').errors()
        ['moov atom not found']
        """
        messages = re.findall(r'^(?:\[[^\n]*?\] )?\[(?:error|fatal|panic)\] *(.+?)\.?$', self.log, re.MULTILINE)
        return list(dict.fromkeys(messages))

    def has_full_disk(self) -> bool:
        return any('No space left on device' in message or 'Disk quota exceeded' in message
                   for message in self.errors())


@dataclass(frozen=True)
class VideoHeader:
    """What a container says of itself. ``None`` where it does not say."""

    format_names: frozenset[str]
    has_video: bool
    duration_seconds: float | None
    frames_per_second: float | None

    def complaint(self) -> str:
        """Why this is not a video, '' if it is one."""
        wrong = {name for name in self.format_names if name in NOT_VIDEO_FORMATS or name.endswith('_pipe')}
        if wrong:
            return f'not a video: ffmpeg reads it as {", ".join(sorted(wrong))}'
        return '' if self.has_video else 'no video stream: sound only'


def read_header(log: str) -> VideoHeader:
    """Read the header that ``ffmpeg -i`` prints; the frame rate is that of the output where there is one.

    Lines are anchored at their indentation, so that a video's title cannot pass for a header.

    >>> header = read_header("[info] Input #0, avi, from 'x':\\n[info]   Duration: 00:01:04.64, start: 0\\n"
    ...                      "[info]   Stream #0:0: Video: mpeg4, 320x240, 645 kb/s, 25 fps, 25 tbr")
    >>> header.duration_seconds, header.frames_per_second, header.complaint()
    (64.64, 25.0, '')
    """
    source, _, output = log.replace('[info] ', '').partition('\nOutput #0, ')
    formats = re.search(r"^Input #0, (.+?), from '", source, re.MULTILINE)
    duration = re.search(r'^  Duration: (\d+):(\d+):([\d.]+)', source, re.MULTILINE)
    streams = re.findall(r'^  Stream #\d.*?: Video: .*', source, re.MULTILINE)
    rate = re.search(r'^  Stream #\d.*?: Video: .* ([\d.]+) fps', output or source, re.MULTILINE)
    return VideoHeader(
        format_names=frozenset(formats[1].split(',') if formats else ()),
        has_video=any('(attached pic)' not in stream for stream in streams),
        duration_seconds=int(duration[1]) * 3600 + int(duration[2]) * 60 + float(duration[3]) if duration else None,
        frames_per_second=float(rate[1]) if rate else None)


def find_ffmpeg(named: str | None = None) -> str:
    """The executable that was named, else the one on the PATH, else the one imageio-ffmpeg carries.

    Raises:
        ValueError: the named one does not run, or there is none at all.
    """
    executable = named or shutil.which('ffmpeg')
    if executable is None:
        import imageio_ffmpeg  # only needed where the machine has no ffmpeg
        try:
            executable = imageio_ffmpeg.get_ffmpeg_exe()
        except RuntimeError as error:
            raise ValueError(f'no ffmpeg on the PATH, and imageio-ffmpeg has none for this machine ({error}): '
                             'install one or name it with --ffmpeg') from error
    try:
        subprocess.run([executable, '-version'], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise ValueError(f'{executable} does not run as ffmpeg: {error}. Name another one with --ffmpeg') from error
    return executable


class Ffmpeg:
    """Runs ffmpeg from any number of threads, and can stop all that is running."""

    def __init__(self, executable: str, *, time_limit_seconds: float) -> None:
        self.executable = executable
        self.time_limit_seconds = time_limit_seconds
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen] = set()
        self._stopped = False

    def run(self, video: Path, output: Sequence[str] = (), *, folder: Path | None = None) -> FfmpegRun:
        """Read ``video`` once; ``output`` holds the options and the name of what to write, relative to ``folder``.

        The output is named relative to the working directory because ffmpeg would read a '%' in a folder's name as
        part of the frame number. The input is always a file: a name can neither be an option nor a URL, and a
        playlist that calls itself .mp4 cannot reach the network. One thread each: videos are what runs in parallel.
        """
        command = [self.executable, '-nostdin', '-hide_banner', '-nostats', '-loglevel', 'level+info',
                   '-filter_threads', '1', '-threads', '1', '-protocol_whitelist', 'file',
                   '-i', f'file:{os.path.abspath(video)}', *output]
        with self._lock:
            if self._stopped:
                return FfmpegRun(-signal.SIGKILL, '')
            # A session of its own: Ctrl-C reaches this process first, and killing takes what ffmpeg may have started.
            process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, start_new_session=True)
            self._running.add(process)
        try:
            log = process.communicate(timeout=self.time_limit_seconds)[1]
            return FfmpegRun(process.returncode, log.decode(errors='replace'))
        except subprocess.TimeoutExpired:
            _kill_group(process)
            return FfmpegRun(process.returncode, process.communicate()[1].decode(errors='replace'), timed_out=True)
        finally:
            with self._lock:
                self._running.discard(process)

    def header(self, video: Path) -> tuple[VideoHeader, FfmpegRun]:
        run = self.run(video)  # without an output ffmpeg always ends with an error; the header is printed before it
        return read_header(run.log), run

    def stop(self) -> None:
        """Kill all that runs, and run nothing more."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _kill_group(process)


def _kill_group(process: subprocess.Popen) -> None:
    if process.returncode is not None:
        return  # its number may be another process's by now
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it ended by itself in between
