"""Writers of a cache can be many, killed, and short of disk: what is there is always whole, and always the same."""

import multiprocessing
import os
import resource
import signal
import time
from collections import Counter

import pytest

from kdtoolbox.cache_writing.writing import write_cache
from kdtoolbox.teacher_cache import TeacherCache
from tests.cache_writing.scenario import (
    CALLS,
    NUM_VIDEOS,
    NUM_VIEWS,
    SECONDS,
    cached_teacher,
    command,
    job_of,
    live_teacher,
    training_config,
    write_videos,
    write_weights,
)


def content(folder):
    """All files but the locks."""
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


@pytest.fixture(scope='module')
def origin(tmp_path_factory):
    """Videos and a teacher."""
    folder = tmp_path_factory.mktemp('origin')
    return write_videos(folder / 'videos'), write_weights(folder / 'teacher.pth')


def config_of(origin, folder, **options):
    videos, weights = origin
    live = live_teacher(weights, model=dict(type='CountedImageNet'))
    teacher = cached_teacher(weights, folder / 'cache', live=live, taps=['layer2'], **options)
    return training_config(videos, folder, teacher)


@pytest.fixture(scope='module')
def reference(origin, tmp_path_factory):
    """The content of a cache that one process wrote without a break."""
    folder = tmp_path_factory.mktemp('reference')
    write_cache(job_of(config_of(origin, folder)), num_workers=0)
    return content(folder / 'cache')


def process(job, *, num_workers=0, max_file_bytes=None):
    """Another process that writes the cache; its exit status is 3 after a ValueError."""

    def work():
        if max_file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))
        try:
            write_cache(job, num_workers=num_workers)
        except ValueError as error:
            (job.folder / 'error.txt').write_text(str(error))
            os._exit(3)
        os._exit(0)

    started = multiprocessing.get_context('fork').Process(target=work)
    started.start()
    return started


def test_workers_that_decode_do_not_change_the_content(origin, reference, tmp_path):
    write_cache(job_of(config_of(origin, tmp_path)), num_workers=2)
    assert content(tmp_path / 'cache') == reference


def test_two_processes_share_the_work_and_do_nothing_twice(origin, reference, tmp_path, monkeypatch):
    monkeypatch.setenv(CALLS, str(tmp_path / 'calls'))
    job = job_of(config_of(origin, tmp_path))
    writers = [process(job) for _ in range(2)]
    for writer in writers:
        writer.join(timeout=120)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert content(tmp_path / 'cache') == reference
    calls = Counter((tmp_path / 'calls').read_text().split())
    assert sum(calls.values()) == NUM_VIDEOS * NUM_VIEWS + 2  # each finds out the shapes once
    assert all(calls[str(writer.pid)] > NUM_VIEWS for writer in writers)


def test_a_killed_writer_leaves_whole_shards_and_the_next_one_ends_with_the_same_cache(
    origin, reference, tmp_path, monkeypatch
):
    monkeypatch.setenv(CALLS, str(tmp_path / 'calls'))
    monkeypatch.setenv(SECONDS, '0.3')  # so that it is killed before it is done, also by a busy machine
    job = job_of(config_of(origin, tmp_path))
    for num_shards in (1, 4):
        writer = process(job, num_workers=num_shards % 2)
        while len(list(job.folder.glob('shard-*'))) < num_shards:
            time.sleep(0.01)
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        shards = {name: bytes_ for name, bytes_ in content(job.folder).items() if name.startswith('shard-')}
        assert num_shards <= len(shards) < NUM_VIDEOS
        assert all(reference[name] == bytes_ for name, bytes_ in shards.items())
    monkeypatch.delenv(CALLS)
    absent = min(name for name in reference if name.startswith('shard-') and name not in shards)
    (job.folder / f'.{absent}.part').write_bytes(b'half')  # of one that was killed while it wrote
    before = {file.name: file.stat().st_mtime_ns for file in job.folder.glob('shard-*')}
    write_cache(job, num_workers=0)
    assert content(job.folder) == reference
    assert all((job.folder / name).stat().st_mtime_ns == written for name, written in before.items())


def test_a_full_disk_is_one_message_and_leaves_nothing_half(origin, reference, tmp_path):
    job = job_of(config_of(origin, tmp_path))
    limit = 25_000
    assert {len(bytes_) > limit for bytes_ in reference.values()} == {True, False}
    writer = process(job, max_file_bytes=limit)
    writer.join(timeout=120)
    assert writer.exitcode == 3
    error = job.folder / 'error.txt'
    assert 'safetensors cannot be written: File too large' in error.read_text()
    error.unlink()
    assert all(reference[name] == bytes_ for name, bytes_ in content(job.folder).items())
    write_cache(job, num_workers=0)
    assert content(job.folder) == reference


def test_a_shard_of_a_video_that_is_another_file_now_is_written_again(tmp_path, capsys):
    videos, weights = write_videos(tmp_path / 'videos'), write_weights(tmp_path / 'teacher.pth')
    config = config_of((videos, weights), tmp_path)
    assert command('write', config) == 0
    before = content(tmp_path / 'cache')
    changed, other = sorted(path for path in videos.rglob('*') if path.suffix in ('.avi', '.mp4'))[:2]
    changed.write_bytes(other.read_bytes())
    assert command('verify', config) == 1
    assert command('write', config) == 0 and command('verify', config) == 0
    assert 'is another file than when' in capsys.readouterr().out
    after = content(tmp_path / 'cache')
    assert before.keys() == after.keys() and sum(before[name] != after[name] for name in before) == 1


def test_another_teacher_other_views_and_other_videos_do_not_mix_into_a_cache(origin, tmp_path):
    videos, _ = origin
    write_cache(job_of(config_of(origin, tmp_path)), num_workers=0)
    teacher = config_of(origin, tmp_path).model.teacher.to_dict()
    with pytest.raises(ValueError, match='made with another teacher: size'):
        other = {**teacher, 'teacher': {**teacher['teacher'], 'view': dict(size=16)}}
        write_cache(job_of(training_config(videos, tmp_path, other)), num_workers=0)
    with pytest.raises(ValueError, match='another training pipeline: views'):
        write_cache(job_of(training_config(videos, tmp_path, teacher, num_views=2)), num_workers=0)
    with pytest.raises(ValueError, match=f'is one of {NUM_VIDEOS} videos, the training set has 4'):
        config = training_config(videos, tmp_path, teacher)
        config.train_dataloader.dataset.indices = 4
        write_cache(job_of(config), num_workers=0)


def test_a_video_that_does_not_decode_is_named_and_the_others_are_stored(origin, tmp_path, capsys):
    _, weights = origin
    videos = write_videos(tmp_path / 'videos')
    (videos / 'b/3.avi').write_bytes((videos / 'b/3.avi').read_bytes()[:300])
    config = training_config(videos, tmp_path, cached_teacher(weights, tmp_path / 'cache'))
    assert command('write', config) == 0
    printed = capsys.readouterr().out
    assert f'10 of 10 shards, {NUM_VIDEOS - 1} of {NUM_VIDEOS} videos' in printed
    assert 'b/3.avi: ' in printed
    video = TeacherCache(tmp_path / 'cache').shard(0).videos['a/0.avi']
    assert (video.num_frames, video.total_frames) == (9, 9)
