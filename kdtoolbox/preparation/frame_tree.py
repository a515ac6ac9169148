"""Extracting all videos of a folder to a tree of frame folders, in parallel and resumable."""

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kdtoolbox.plain_files import read_json
from kdtoolbox.preparation.extraction import Extracted, FrameOptions, extract_video
from kdtoolbox.preparation.ffmpeg import Ffmpeg
from kdtoolbox.preparation.frame_folders import STATE_FOLDER, is_complete, move_into_place, write_text
from kdtoolbox.preparation.layouts import VideoTree, is_inside
from kdtoolbox.preparation.parallel import in_parallel
from kdtoolbox.preparation.report import DONE, FAILED, PASSED_OVER, WARNING, Report
from kdtoolbox.safe_files import refuse_link_out
from kdtoolbox.terminal import Progress

# So many finished videos, or seconds, share one flush of the disk: one for each would cost more than extracting.
_VIDEOS_PER_FLUSH, _SECONDS_PER_FLUSH = 64, 5.0


@dataclass(frozen=True)
class Extraction:
    """The work on one tree of frames."""

    tree: VideoTree
    jpg_dir: Path
    options: FrameOptions

    def plan(self) -> list[str]:
        """Lines that describe what ``run`` would do; writes nothing.

        Raises:
            ValueError: see ``run``.
        """
        _check_settings(self.jpg_dir, self.options)
        there = sum(
            job.video.exists() and is_complete(self.jpg_dir / job.target, job.video.stat().st_size)
            for job in self.tree.jobs
        )
        lines = [
            f'{len(self.tree.jobs) - there} videos to extract into {self.jpg_dir}, {there} already there, '
            f'{len(self.tree.refused)} to fail, {len(self.tree.passed_over)} passed over'
        ]
        if self.tree.jobs:
            job = self.tree.jobs[0]
            lines.append(f'as {job.video} -> {self.jpg_dir / job.target}, ffmpeg {" ".join(self.options.arguments())}')
        return lines + [f'{path}: {reason}' for path, reason in (self.tree.refused | self.tree.passed_over).items()]

    def run(self, ffmpeg: Ffmpeg, report: Report, *, num_workers: int) -> None:
        """Extract what is not there yet; whatever ends this, what is whole stays, and ``report`` tells of it.

        Raises:
            ValueError: the tree holds frames made with other options, another run is writing to it, a name leaves it,
                or the disk is full.
        """
        leaving = [job.target for job in self.tree.jobs if not is_inside(job.target)]
        if leaving:
            raise ValueError(f'{leaving[0]!r} is not a place inside {self.jpg_dir}: change the name it is made from')
        for path, reason in self.tree.refused.items():
            report.add(FAILED, path, reason)
        for path, reason in self.tree.passed_over.items():
            report.add(PASSED_OVER, path, reason)
        self.jpg_dir.mkdir(parents=True, exist_ok=True)
        with _sole_writer(self.jpg_dir) as parts:
            _check_settings(self.jpg_dir, self.options)
            write_text(_settings_file(self.jpg_dir), json.dumps(self.options.settings()))
            self._extract_all(ffmpeg, parts, report, num_workers=num_workers)

    def _extract_all(self, ffmpeg: Ffmpeg, parts: Path, report: Report, *, num_workers: int) -> None:
        work = partial(extract_video, jpg_dir=self.jpg_dir, parts=parts, ffmpeg=ffmpeg, options=self.options)
        progress = Progress(len(self.tree.jobs))
        ready: list[Extracted] = []
        last_flush = time.monotonic()
        results = in_parallel(work, self.tree.jobs, num_workers=num_workers, stop=ffmpeg.stop)
        try:
            with contextlib.closing(results):
                for result in results:
                    progress.update()
                    if result.is_disk_full:
                        raise ValueError(
                            f'the disk of {self.jpg_dir} is full ({result.job.video}): free some space '
                            'and run this again; finished videos are kept'
                        )
                    if result.status in (DONE, WARNING):
                        ready.append(result)
                    else:
                        report.add(result.status, result.job.video, result.reason)
                    if len(ready) >= _VIDEOS_PER_FLUSH or time.monotonic() - last_flush > _SECONDS_PER_FLUSH:
                        _place(ready, self.jpg_dir, report)
                        last_flush = time.monotonic()
        finally:
            _place(ready, self.jpg_dir, report)
            progress.close()


def _place(ready: list[Extracted], jpg_dir: Path, report: Report) -> None:
    """Bring finished folders to the disk, then give them their names: in this order a power cut leaves no husks."""
    if ready:
        os.sync()
    while ready:
        result = ready.pop()
        try:
            refuse_link_out((jpg_dir / result.job.target).parent, of=jpg_dir)
            assert result.part is not None, 'only finished folders are ready'
            move_into_place(result.part, jpg_dir / result.job.target)
        except ValueError as error:
            report.add(FAILED, result.job.video, str(error))
        except OSError as error:  # e.g. a file where the class folder belongs: this video's failure, not the run's
            report.add(FAILED, result.job.video, f'{error.strerror}: {error.filename2 or error.filename}')
        else:
            report.add(result.status, result.job.video, result.reason)


@contextlib.contextmanager
def _sole_writer(jpg_dir: Path) -> Iterator[Path]:
    """Hold the tree's lock; gives an empty folder for unfinished work, on the same disk as the frames."""
    state = jpg_dir / STATE_FOLDER
    refuse_link_out(state, of=jpg_dir)
    state.mkdir(exist_ok=True)
    with open(state / 'lock', 'w', encoding='utf-8') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # given back by the system however this process ends
        except BlockingIOError as error:
            raise ValueError(f'another run is writing to {jpg_dir}: wait for it, or write to another folder') from error
        parts = state / 'parts'
        _remove(parts)
        parts.mkdir()
        try:
            yield parts
        finally:
            _remove(parts)


def _remove(parts: Path) -> None:
    """Delete unfinished work; an ffmpeg that outlived a killed run may add files until its folder is gone."""
    for attempt in range(20):
        try:
            return shutil.rmtree(parts)
        except FileNotFoundError:
            if not parts.exists():
                return None
        except OSError:
            if attempt == 19:
                raise
        time.sleep(0.1)


def _settings_file(jpg_dir: Path) -> Path:
    return jpg_dir / STATE_FOLDER / 'extraction.json'


def _check_settings(jpg_dir: Path, options: FrameOptions) -> None:
    """Refuse to mix frames of different sizes, qualities or rates in one tree."""
    file = _settings_file(jpg_dir)
    if not file.exists():
        return
    settings = read_json(file, max_bytes=100_000)
    if settings != options.settings():
        raise ValueError(
            f'{jpg_dir} holds frames made with {settings}, now asked for {options.settings()}: use the '
            'same options, another folder, or '
            'delete this one'
        )
