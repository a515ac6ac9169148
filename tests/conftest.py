"""Fixtures shared by all tests, and what makes tests independent of the machine they run on."""

import gc
import os
import signal
import socket
from ipaddress import ip_address
from pathlib import Path, PurePosixPath

import imageio_ffmpeg
import pytest

from tests.videos import write_activitynet, write_folders, write_hmdb51, write_kinetics, write_ssv2, write_ucf101

WRITERS = {
    'hmdb51': write_hmdb51,
    'ucf101': write_ucf101,
    'kinetics400': write_kinetics,
    'activitynet': write_activitynet,
    'folder': write_folders,
    'ssv2': write_ssv2,
}

REPOSITORY = Path(__file__).parents[1]
MEMORY_PER_WORKER = 2 << 30  # bytes; a worker that has trained holds 1 to 1.5 GB
# Folders and files whose tests train networks, encode many videos or start processes: `make test-fast` leaves them out.
SLOW = (
    'benchmarks',
    'cache_writing',
    'cli',
    'criterion/test_gates_of_every_loss.py',
    'demo',
    'deployment',
    'distillers',
    'engine',
    'evaluation/test_two_processes.py',
    'inspection',
    'losses/test_every_loss.py',
    'losses/test_memories_of_processes.py',
    'losses/test_time.py',
    'pages',
    'preparation',
    'profiling',
    'reporting/test_html_report.py',
    'teachers/test_cached_teacher.py',
    'recipes',
    'templates',
    'test_chain_on_real_clips.py',
    'test_configs.py',
    'test_docs_site.py',
    'test_examples.py',
    'test_faults.py',
    'test_method_configs.py',
    'test_packaging.py',
    'test_pages_on_files.py',
    'test_real_clips.py',
    'test_regimes.py',
    'test_video_transformer_configs.py',
    'test_video_transformers.py',
    'untrusted_files',
    'video/test_right_frames.py',
    'video/test_two_routes.py',
    'yaml_experiments',
)

# One thread in each process, whatever the machine: the same sums everywhere, and workers that do not compete. It is set
# here, before anything imports torch, and inherited by all processes that tests start.
os.environ.update(dict.fromkeys(('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS'), '1'))
# A shell that starts a command in the background has it ignore Ctrl-C, and so all processes that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Settings of a person or a machine that would reach what is tested.
for variable in ('IMAGEIO_FFMPEG_EXE', 'FORCE_COLOR', 'HMDB51_VIDEOS', 'UCF101_VIDEOS', 'TORCH_HOME', 'HF_HOME'):
    os.environ.pop(variable, None)


def shared_folder() -> Path:
    """Where the optional test data lies: ``$KDTOOLBOX_SHARED`` or ``shared`` beside the checkout."""
    return Path(os.environ.get('KDTOOLBOX_SHARED', REPOSITORY.parent / 'shared'))


def pytest_addoption(parser):
    parser.addoption(
        '--reference-dir',
        type=Path,
        help='folder of reference vectors of the losses; default: those of <shared>',
    )


def pytest_configure(config):
    asked = config.getoption('--reference-dir')
    config.reference_dirs = [asked] if asked else [shared_folder() / name for name in ('reference', 'reference_video')]


def pytest_collection():
    """What is imported and collected stays: nothing of it is garbage, and later collections need not look at it."""
    gc.disable()


def pytest_collection_finish():
    gc.enable()
    gc.freeze()
    gc.set_threshold(7000, 10, 10)  # ten times rarer than usual: a collection takes a quarter of a second here


def pytest_collection_modifyitems(items):
    slow = {path: _is_slow(path) for path in {item.path for item in items}}
    for item in items:
        if slow[item.path]:
            item.add_marker('slow')
    items.sort(key=lambda item: not slow[item.path])  # the last files are short ones, so that no worker waits for long


def _is_slow(path: Path) -> bool:
    name = path.as_posix().removeprefix((REPOSITORY / 'tests/').as_posix())
    return not {name[1:], *(str(folder)[1:] for folder in PurePosixPath(name).parents)}.isdisjoint(SLOW)


def pytest_xdist_auto_num_workers() -> int:
    """What ``-n auto`` means: a worker for each core this process may use, as far as the memory reaches."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    return max(1, min(cores, memory // MEMORY_PER_WORKER, 8))


@pytest.fixture(scope='session')
def shared() -> Path:
    """Folder of real clips, annotation files and reference vectors; skips where it is absent."""
    folder = shared_folder()
    if not folder.is_dir():
        pytest.skip(f'no real data: {folder} is not there (set KDTOOLBOX_SHARED to point at it)')
    return folder


@pytest.fixture(scope='session')
def data(tmp_path_factory) -> dict[str, tuple[Path, Path]]:
    """Made-up videos in the layout of each data set: (folder of videos, folder of annotations); to be read only."""
    folder = tmp_path_factory.mktemp('data')
    return {name: write(folder / name) for name, write in WRITERS.items()}


@pytest.fixture(scope='session', autouse=True)
def any_machine(tmp_path_factory):
    """Tests have an empty home folder, no network, and as the ffmpeg on the PATH the one imageio-ffmpeg carries."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp('home')
        for variable, folder in (('HOME', home), ('XDG_CACHE_HOME', home / 'cache'), ('XDG_CONFIG_HOME', home / 'rc')):
            patch.setenv(variable, str(folder))
        executables = tmp_path_factory.mktemp('bin')
        (executables / 'ffmpeg').symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
        patch.setenv('PATH', str(executables), prepend=os.pathsep)
        connect = socket.socket.connect
        patch.setattr(socket.socket, 'connect', lambda self, address: connect(self, _local(address)))
        yield


def _local(address):
    """The address, if it is one of this machine."""
    host = address[0] if isinstance(address, tuple) else 'localhost'  # a tuple, or the path of a Unix socket
    try:
        local = host == 'localhost' or ip_address(host).is_loopback
    except ValueError:  # the name of a host
        local = False
    if not local:
        raise OSError(f'a test asks for the network: {address}')
    return address


@pytest.fixture(scope='session', autouse=True)
def shortcuts():
    """See there."""
    from tests.shortcuts import take

    with pytest.MonkeyPatch.context() as patch:
        take(patch)
        yield


@pytest.fixture(autouse=True)
def default_scope():
    """Every test builds with kdtoolbox's registries, as a run does."""
    from mmengine.registry import init_default_scope

    init_default_scope('kdtoolbox')


@pytest.fixture(autouse=True)
def no_training_before():
    """What a training of an earlier test left in mmengine's message hub is not this test's progress."""
    from mmengine.logging import MessageHub

    MessageHub._instance_dict.clear()


@pytest.fixture(autouse=True)
def usual_verbosity():
    """A command of an earlier test may have been told to be quiet."""
    from kdtoolbox import terminal

    terminal._state['verbosity'] = terminal.NORMAL
