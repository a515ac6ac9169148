"""Jobs on a Dask cluster, and what is said where there is none."""

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from kdtoolbox.preparation.executors import job_runner
from kdtoolbox.preparation.ffmpeg import Ffmpeg
from kdtoolbox.preparation.frame_folders import frame_names
from kdtoolbox.preparation.frame_options import FrameOptions
from kdtoolbox.preparation.frame_tree import Extraction
from kdtoolbox.preparation.layouts import class_videos
from kdtoolbox.preparation.parallel import in_parallel
from kdtoolbox.preparation.report import Report


@pytest.fixture(scope='module')
def scheduler():
    """The address of a local cluster of two workers, processes of one thread each."""
    distributed = pytest.importorskip('distributed')
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def dies_once(mark: Path, number: int) -> tuple[int, int]:
    """Kills its process at number 1, the first time."""
    if number == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.02)
    return number, os.getpid()


def test_a_worker_that_dies_loses_no_job(scheduler, tmp_path):
    results = list(in_parallel(partial(dies_once, tmp_path / 'mark'), range(8), num_workers=1, scheduler=scheduler))
    assert (tmp_path / 'mark').exists()
    assert sorted(number for number, _ in results) == list(range(8))
    assert os.getpid() not in {process for _, process in results}


def test_frames_of_a_cluster_are_those_of_this_process(scheduler, make_video, executable, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # workers have another working directory
    for name in 'abc':
        make_video(Path('videos/one', f'{name}.mp4'))
    Path('videos/one/broken.mp4').write_bytes(b'no video')
    for out, address in (('here', None), ('there', scheduler)):
        report = Report()
        Extraction(class_videos(Path('videos')), Path(out), FrameOptions(height=48)).run(
            Ffmpeg(executable, time_limit_seconds=60), report, num_workers=2, scheduler=address
        )
        assert report.counts == {'done': 3, 'failed': 1}, report.lines
    for name in 'abc':
        here, there = (Path(out, 'one', name) for out in ('here', 'there'))
        assert frame_names(here) == frame_names(there) != []
        assert all((here / frame).read_bytes() == (there / frame).read_bytes() for frame in frame_names(here))


def test_an_item_that_kills_every_worker_is_a_failure_and_not_the_end(monkeypatch):
    class KilledWorker(Exception):
        pass

    def work(number):
        if number == 1:
            raise KilledWorker
        return number

    found = in_parallel(work, range(3), num_workers=1, lost=lambda item, error: (item, type(error).__name__))
    assert set(found) == {0, (1, 'KilledWorker'), 2}  # those that end at the same time come in any order
    with pytest.raises(KilledWorker):
        list(in_parallel(work, range(3), num_workers=1))


def test_a_cluster_that_is_not_there_is_one_message(monkeypatch):
    pytest.importorskip('distributed')
    monkeypatch.setattr('kdtoolbox.preparation.executors.SECONDS_TO_CONNECT', 0.2)
    with pytest.raises(ValueError, match='no Dask scheduler answers there'), job_runner(1, 'tcp://127.0.0.1:1'):
        pass


def test_without_dask_the_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'distributed', None)
    with pytest.raises(ValueError, match=r'pip install kdtoolbox\[dask\]'), job_runner(1, 'tcp://head:8786'):
        pass


def test_what_stops_early_cancels_what_waits(monkeypatch):
    stopped = []
    results = in_parallel(abs, range(100), num_workers=1, stop=lambda: stopped.append(1))
    next(results)
    results.close()
    assert stopped == [1]
