"""Converting all videos of a tree of folders into another tree, in parallel and resumable."""

import contextlib
import copy
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from kdtoolbox.plain_files import read_json
from kdtoolbox.preparation.ffmpeg import Ffmpeg
from kdtoolbox.preparation.frame_folders import STATE_FOLDER, write_text
from kdtoolbox.preparation.layouts import VideoJob, VideoTree, is_inside
from kdtoolbox.preparation.parallel import in_parallel
from kdtoolbox.preparation.report import DONE, FAILED, PASSED_OVER, WARNING, Report
from kdtoolbox.safe_files import refuse_link_out
from kdtoolbox.terminal import Progress

# So many finished videos, or seconds, share one flush of the disk: one for each would cost more than the work.
_VIDEOS_PER_FLUSH, _SECONDS_PER_FLUSH = 64, 5.0


@dataclass(frozen=True)
class Converted:
    """The result of one video; ``part`` is complete but does not have its name yet if the status is done or warning."""

    job: VideoJob
    status: str
    reason: str = ''
    part: Path | None = None
    is_disk_full: bool = False


class Conversion:
    """The work on one tree; a subclass says what is made of one video.

    Args:
        tree: the videos, each with its target in ``out_dir``.
        out_dir: root of the tree that is written.
        settings: plain values; a tree is made with one set of them.
    """

    verb, results = 'convert', 'files'
    settings_name = 'conversion.json'

    def __init__(self, tree: VideoTree, out_dir: Path, settings: dict) -> None:
        self.tree = tree
        self.out_dir = out_dir
        self.settings = settings

    def convert(self, job: VideoJob, parts: Path, ffmpeg: Ffmpeg) -> Converted:
        """Make what is made of one video, in ``parts``; problems with it are the result's ``reason``."""
        raise NotImplementedError

    def of_one_job(self, *, is_remote: bool) -> 'Conversion':
        """What does a job: itself, or where it is sent away a copy without what is not needed there, picklable."""
        if not is_remote:
            return self
        alone = copy.copy(self)
        alone.tree = VideoTree([], {}, {})
        alone.out_dir = self.out_dir.resolve()
        return alone

    def _jobs(self, *, is_remote: bool) -> Iterator[VideoJob]:
        for job in self.tree.jobs:  # another process has another working directory
            yield replace(job, video=job.video.resolve()) if is_remote else job

    def is_there(self, job: VideoJob) -> bool:
        """Whether the result for this very video is in the tree."""
        raise NotImplementedError

    def place(self, result: Converted) -> None:
        """Give a result its name in the tree."""
        raise NotImplementedError

    def example(self, job: VideoJob) -> str:
        """What would be done to one video, in words."""
        raise NotImplementedError

    def plan(self) -> list[str]:
        """Lines that describe what ``run`` would do; writes nothing.

        Raises:
            ValueError: see ``run``.
        """
        self._check_settings()
        there = sum(job.video.exists() and self.is_there(job) for job in self.tree.jobs)
        lines = [
            f'{len(self.tree.jobs) - there} videos to {self.verb} into {self.out_dir}, {there} already there, '
            f'{len(self.tree.refused)} to fail, {len(self.tree.passed_over)} passed over'
        ]
        if self.tree.jobs:
            lines.append(f'as {self.example(self.tree.jobs[0])}')
        return lines + [f'{path}: {reason}' for path, reason in (self.tree.refused | self.tree.passed_over).items()]

    def run(self, ffmpeg: Ffmpeg, report: Report, *, num_workers: int, scheduler: str | None = None) -> None:
        """Make what is not there yet; whatever ends this, what is whole stays, and ``report`` tells of it.

        Args:
            ffmpeg: what converts.
            report: to write to.
            num_workers: videos at the same time.
            scheduler: of a Dask cluster that does it; its workers see the same folders under the same names.

        Raises:
            ValueError: the tree was made with other settings, another run is writing to it, a name leaves it, or the
                disk is full.
        """
        leaving = [job.target for job in self.tree.jobs if not is_inside(job.target)]
        if leaving:
            raise ValueError(f'{leaving[0]!r} is not a place inside {self.out_dir}: change the name it is made from')
        for path, reason in self.tree.refused.items():
            report.add(FAILED, path, reason)
        for path, reason in self.tree.passed_over.items():
            report.add(PASSED_OVER, path, reason)
        self.out_dir.mkdir(parents=True, exist_ok=True)
        with _sole_writer(self.out_dir) as parts:
            self._check_settings()
            write_text(self._settings_file, json.dumps(self.settings))
            self._convert_all(ffmpeg, parts.resolve(), report, num_workers=num_workers, scheduler=scheduler)

    def _convert_all(
        self, ffmpeg: Ffmpeg, parts: Path, report: Report, *, num_workers: int, scheduler: str | None
    ) -> None:
        progress = Progress(len(self.tree.jobs))
        ready: list[Converted] = []
        last_flush = time.monotonic()
        results = in_parallel(
            partial(self.of_one_job(is_remote=scheduler is not None).convert, parts=parts, ffmpeg=ffmpeg),
            self._jobs(is_remote=scheduler is not None),
            num_workers=num_workers,
            stop=ffmpeg.stop,
            scheduler=scheduler,
            lost=_killed_workers,
        )
        try:
            with contextlib.closing(results):  # type: ignore[type-var]  # it is a generator
                for result in results:
                    progress.update()
                    if result.is_disk_full:
                        raise ValueError(
                            f'the disk of {self.out_dir} is full ({result.job.video}): free some space '
                            'and run this again; finished videos are kept'
                        )
                    if result.status in (DONE, WARNING):
                        ready.append(result)
                    else:
                        report.add(result.status, result.job.video, result.reason)
                    if len(ready) >= _VIDEOS_PER_FLUSH or time.monotonic() - last_flush > _SECONDS_PER_FLUSH:
                        self._place_all(ready, report)
                        last_flush = time.monotonic()
        finally:
            self._place_all(ready, report)
            progress.close()

    def _place_all(self, ready: list[Converted], report: Report) -> None:
        """Bring results to the disk, then give them their names: in this order a power cut leaves no husks."""
        if ready:
            os.sync()
        while ready:
            result = ready.pop()
            try:
                refuse_link_out((self.out_dir / result.job.target).parent, of=self.out_dir)
                self.place(result)
            except ValueError as error:
                report.add(FAILED, result.job.video, str(error))
            except OSError as error:  # e.g. a file where the class folder belongs: this video's failure, not the run's
                report.add(FAILED, result.job.video, f'{error.strerror}: {error.filename2 or error.filename}')
            else:
                report.add(result.status, result.job.video, result.reason)

    @property
    def _settings_file(self) -> Path:
        return self.out_dir / STATE_FOLDER / self.settings_name

    def _check_settings(self) -> None:
        """Refuse to mix results of different settings in one tree."""
        if not self._settings_file.exists():
            return
        settings = read_json(self._settings_file, max_bytes=100_000)
        if settings != self.settings:
            raise ValueError(
                f'{self.out_dir} holds {self.results} made with {settings}, now asked for {self.settings}: use the '
                'same options, another folder, or '
                'delete this one'
            )


def _killed_workers(job: VideoJob, error: BaseException) -> Converted:
    return Converted(job, FAILED, f'every worker of the cluster that took it died: {error}')


@contextlib.contextmanager
def _sole_writer(out_dir: Path) -> Iterator[Path]:
    """Hold the tree's lock; gives an empty folder for unfinished work, on the same disk as the tree."""
    state = out_dir / STATE_FOLDER
    refuse_link_out(state, of=out_dir)
    state.mkdir(exist_ok=True)
    with open(state / 'lock', 'w', encoding='utf-8') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # given back by the system however this process ends
        except BlockingIOError as error:
            raise ValueError(f'another run is writing to {out_dir}: wait for it, or write to another folder') from error
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
