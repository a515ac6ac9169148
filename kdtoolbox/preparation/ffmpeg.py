"""Finding ffmpeg, running it without a shell, and reading its log."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from pathlib import Path

from kdtoolbox.preparation.video_header import VideoHeader, read_header


@dataclass(frozen=True)
class FfmpegRun:
    """The result of one call of ffmpeg; ``log`` is its output, each line with its level."""

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

    def num_frames(self) -> int:
        """Number of written frames, 0 if unknown."""
        counts = re.findall(r'^\[info\] frame= *(\d+) ', self.log, re.MULTILINE)
        return int(counts[-1]) if counts else 0

    def repeated_and_dropped(self) -> tuple[int, int]:
        """Numbers of frames that were repeated and dropped to keep a constant rate.

        >>> FfmpegRun(0, '[info] frame= 1004 fps=0.0 q=24.8 Lsize=N/A bitrate=N/A dup=999 drop=0 speed=2x')\\
        ...     .repeated_and_dropped()
        (999, 0)
        """
        counts = re.findall(r'^\[info\] frame=.* dup=(\d+) drop=(\d+)', self.log, re.MULTILINE)
        return (int(counts[-1][0]), int(counts[-1][1])) if counts else (0, 0)

    def frame_times(self) -> list[float | None]:
        """Seconds of each frame that passed the filter ``showinfo``, ``None`` where ffmpeg knows no time.

        They are on the time line of the container, whose start ffmpeg takes for 0. Time stamps are multiplied out
        because ffmpeg rounds seconds to six digits: 1234.57 is half a frame off.

        >>> FfmpegRun(0, '[Parsed_showinfo_1 @ 0x1] [info] config in time_base: 1/12800, frame_rate: 25/1\\n'
        ...              '[Parsed_showinfo_1 @ 0x1] [info] n:   0 pts:   1536 pts_time:0.12   pos: 48').frame_times()
        [0.12]
        """
        times, time_base = [], Fraction(0)
        for line in re.finditer(
            r'^\[Parsed_showinfo_\d+ @ \w+\] \[info\] (?:config in time_base: (\d+/\d+)|'
            r'n: *\d+ pts: *(\S+))',
            self.log,
            re.MULTILINE,
        ):
            if line[1]:  # once more where the picture changes its size
                time_base = Fraction(line[1])
            else:
                times.append(None if line[2] == 'NOPTS' else float(int(line[2]) * time_base))
        return times

    def has_full_disk(self) -> bool:
        return any(
            'No space left on device' in message or 'Disk quota exceeded' in message for message in self.errors()
        )


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
            raise ValueError(
                f'no ffmpeg on the PATH, and imageio-ffmpeg has none for this machine ({error}): '
                'install one or name it with --ffmpeg'
            ) from error
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
        self.last_had_jpeg_colours = True  # of the last video whose frames were written

    def __reduce__(self) -> tuple:
        """Another machine begins without what runs here, and cannot be stopped from here."""
        return partial(Ffmpeg, self.executable, time_limit_seconds=self.time_limit_seconds), ()

    @cached_property
    def passthrough_options(self) -> list[str]:
        """The output options that keep each frame once and at its own time, by any version of ffmpeg."""
        # -fps_mode is there since ffmpeg 5.1 (libavfilter 8), -vsync is gone since 8.
        return ['-vsync' if self._libavfilter <= 8 else '-fps_mode', 'passthrough']

    @property
    def loses_mirroring(self) -> bool:
        """Whether it is ffmpeg 4, which turns frames by a display matrix but does not mirror them."""
        return self._libavfilter <= 7

    @cached_property
    def _libavfilter(self) -> int:
        """The version of its filters, which builds between two releases have too; 99 where it does not say."""
        version = subprocess.run(
            [self.executable, '-version'], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60
        ).stdout
        library = re.search(rb'libavfilter +(\d+)', version)
        return int(library[1]) if library else 99

    def run(self, video: Path, output: Sequence[str] = (), *, folder: Path | None = None) -> FfmpegRun:
        """Read ``video`` once; ``output`` holds the options and the name of what to write, relative to ``folder``.

        The output is named relative to the working directory because ffmpeg would read a '%' in a folder's name as
        part of the frame number. The input is always a file: a name can neither be an option nor a URL, and a
        playlist that calls itself .mp4 cannot reach the network. One thread each: videos are what runs in parallel.
        """
        command = [
            self.executable,
            '-nostdin',
            '-hide_banner',
            '-nostats',
            '-loglevel',
            'level+info',
            '-filter_threads',
            '1',
            '-threads',
            '1',
            '-protocol_whitelist',
            'file',
            '-i',
            f'file:{os.path.abspath(video)}',
            *output,
        ]
        with self._lock:
            if self._stopped:
                return FfmpegRun(-signal.SIGKILL, '')
            # A session of its own: Ctrl-C reaches this process first, and killing takes what ffmpeg may have started.
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
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
    with contextlib.suppress(ProcessLookupError):  # it ended by itself in between
        os.killpg(process.pid, signal.SIGKILL)
