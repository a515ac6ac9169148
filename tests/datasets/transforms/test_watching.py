import errno
import os
import threading
import time
from pathlib import Path

import pytest

from kdtoolbox.datasets.transforms import watching
from kdtoolbox.datasets.transforms.watching import Watch, retried
from kdtoolbox.video import DecodeError, DecodeTimeout, VideoReader
from kdtoolbox.video.killable import KillableReader
from tests.datasets.conftest import write_video
from tests.datasets.transforms.hanging import Dies, HangsHere, HoldsTheInterpreter, Raises, Slow


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No decoder and no memory of hangs; none is left."""
    decoders, hung = {}, set()
    monkeypatch.setattr(watching, '_decoders', decoders)
    monkeypatch.setattr(watching, '_hung_here', hung)
    monkeypatch.setenv('KDTOOLBOX_TEST', str(os.getpid()))
    yield
    for decoder in decoders.values():
        decoder.stop()


@pytest.fixture
def video(tmp_path):
    return str(write_video(tmp_path / 'a.avi', num_frames=12))


def test_what_is_only_slow_is_decoded_however_long_it_takes_in_all(video):
    started = time.monotonic()
    reader = Watch(0.8).open(video, Slow)
    assert len(Watch(0.8).frames(reader, range(12))) == 12
    assert time.monotonic() - started > 1.6 and isinstance(reader, VideoReader)


def test_a_file_that_hangs_in_a_bad_moment_is_tried_again_in_another_process(video):
    reader = Watch(0.4).open(video, HangsHere)
    assert isinstance(reader, KillableReader) and len(reader) == 12
    frames = Watch(0.4).frames(reader, [3, 3, 0])
    assert [round(float(frame.mean()) / 8 - 0.5) for frame in frames] == [3, 3, 0]


def test_the_frames_of_another_process_are_those_of_this_one(video):
    there, here = Watch(60).open_killable(video, VideoReader), Watch(60).open(video, VideoReader)
    assert (there.seconds == here.seconds).all() and there.frames_per_second == here.frames_per_second
    for one, other in zip(there.frames(range(12)), here.frames(range(12)), strict=True):
        assert (one == other).all()


def test_a_hang_that_holds_the_interpreter_is_survived(video):
    with pytest.raises(DecodeTimeout, match=r'a\.avi is not decoded: no frame within 0\.5 s.*ffmpeg -i FILE NEW'):
        Watch(0.5).open_killable(video, HoldsTheInterpreter)
    assert len(Watch(0.5).open_killable(video, VideoReader)) == 12


def test_a_decoder_that_dies_is_the_fault_of_the_file(video):
    with pytest.raises(DecodeError, match=r'a\.avi: the decoder crashes on it \(exit status -11\)'):
        Watch(30).open_killable(video, Dies)


def test_faults_of_the_program_are_raised_where_the_caller_waits(video):
    with pytest.raises(ZeroDivisionError):
        Watch(30).open(video, Raises)


def open_files() -> int:
    return len(os.listdir('/proc/self/fd'))


def memory_bytes() -> int:
    return int(Path('/proc/self/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def test_after_fifty_hangs_no_thread_process_file_or_memory_is_left(video, monkeypatch):
    # Each in this process, so that it is the threads that are counted, and given up in the other.
    with pytest.raises(DecodeTimeout):
        Watch(0.01).open_killable(video, HoldsTheInterpreter)
    threads, files = threading.active_count(), open_files()
    for number in range(50):
        if number == 5:
            memory = memory_bytes()  # what is loaded once is loaded
        watching._hung_here.clear()
        monkeypatch.setattr(Watch, 'open_killable', lambda *_: None)
        Watch(0.005).open(video, HangsHere)
    deadline = time.monotonic() + 20
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.1)
    assert threading.active_count() <= threads  # of which one waits for work
    assert open_files() <= files
    assert memory_bytes() - memory < 10e6


@pytest.mark.parametrize('number', [errno.EIO, errno.ESTALE])
def test_a_network_file_system_that_hiccups_is_tried_again(number, monkeypatch):
    waited, attempts = [], []
    monkeypatch.setattr(watching.time, 'sleep', waited.append)

    def work():
        attempts.append(1)
        if len(attempts) < 3:
            raise DecodeError('x') from OSError(number, os.strerror(number))
        return 'frames'

    assert retried(work, path='a.avi') == 'frames' and waited == [0.2, 1.0]


def test_a_disk_that_stays_broken_is_one_line(monkeypatch):
    monkeypatch.setattr(watching.time, 'sleep', lambda seconds: None)

    def work():
        raise OSError(errno.EIO, 'Input/output error')

    with pytest.raises(DecodeError, match=r'^a\.avi cannot be read, tried 4 times: .*Is its disk'):
        retried(work, path='a.avi')


def test_a_file_that_is_no_video_is_not_tried_again(monkeypatch):
    monkeypatch.setattr(watching.time, 'sleep', lambda seconds: pytest.fail('waited'))

    def work():
        raise DecodeError('no video')

    with pytest.raises(DecodeError, match='no video'):
        retried(work, path='a.avi')


def test_a_thread_stays_for_the_next_clip_and_ends_with_the_one_it_works_for(video):
    names = []

    def work():
        watch = Watch(60)
        for _ in range(2):
            reader = watch.open(str(video), VideoReader)
            watch.frames(reader, [0, 1])
            names.append({thread.ident for thread in threading.enumerate() if thread.name == 'decode'})

    before = {thread.ident for thread in threading.enumerate() if thread.name == 'decode'}
    caller = threading.Thread(target=work)
    caller.start()
    caller.join()
    assert len(names[0] - before) == 1 and names[1] == names[0]
    for _ in range(50):
        if not {thread.ident for thread in threading.enumerate()} & (names[0] - before):
            return
        time.sleep(0.1)
    raise AssertionError('the thread is still there')
