"""The commands on README.md, CONTRIBUTING.md and the pages of docs, run in their order on small data."""

import importlib.util
import re
import shlex
import shutil
from functools import cache
from pathlib import Path

import pytest

from kdtoolbox.cli.main import main
from kdtoolbox.cli.parser import build_parser
from kdtoolbox.engine.fully_sharded import can_shard_on
from tests.conftest import REPOSITORY
from tests.forked import call
from tests.pages.not_run import ELSEWHERE
from tests.pages.smaller import NEEDS, SMALLER, STAND_INS
from tests.recipes.test_your_own_videos_page import COMMANDS as OF_YOUR_OWN_VIDEOS
from tests.test_commands_on_pages import COMMAND_LINES, arguments_of, is_only_a_name
from tests.torchrun import torchrun


def spaced(line: str) -> str:
    return ' '.join(line.split())


LINES: dict[str, list[str]] = {}  # of each page
for parameter in COMMAND_LINES:
    LINES.setdefault(parameter.id.partition(': ')[0], []).append(spaced(parameter.values[0]))
YOUR_OWN_VIDEOS = {' '.join(['kdtoolbox', *command]) for command in OF_YOUR_OWN_VIDEOS if command[0] != 'distill'}
NOT_RUN = {line for lines in ELSEWHERE.values() for line in lines} | YOUR_OWN_VIDEOS


@cache
def is_spoken_of(line: str) -> bool:
    """A command that a sentence names without what it needs: no line to run."""
    arguments = arguments_of(line)
    if line == 'kdtoolbox prepare check' or '…' in line:  # the first has two ways, each with an argument of its own
        return True
    if not arguments or not is_only_a_name(arguments):
        return False
    try:
        build_parser(chosen=arguments[:1]).parse_args(arguments)
    except SystemExit as end:
        return end.code != 0
    return False


def to_run(page: str) -> list[str]:
    return [line for line in LINES[page] if line not in NOT_RUN and not is_spoken_of(line)]


@pytest.fixture(scope='module')
def scheduler():
    """The address of a Dask cluster of one worker."""
    distributed = pytest.importorskip('distributed')
    with distributed.LocalCluster(1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def can_run(line: str) -> bool:
    if '_sharded_' in line and not can_shard_on('cpu'):
        return False
    return all(part not in line or importlib.util.find_spec(package) for part, package in NEEDS.items())


def run(words: list[str], more: list[str], here: Path, capsys) -> tuple[int, str]:
    """The status of a command line, and what it printed."""
    if words[0] == 'torchrun':
        done = call(torchrun, [*words[1:], *more], folder=here, CUDA_VISIBLE_DEVICES='')
        return done.returncode, done.stdout + done.stderr
    try:
        status = main([*arguments_of(shlex.join(words)), *more])
    except SystemExit as end:
        status = end.code
    return status, ''.join(capsys.readouterr())


@pytest.mark.parametrize('page', [page for page in LINES if to_run(page)])
def test_the_commands_of_a_page_run(page, here, capsys, monkeypatch, request):
    for line in filter(can_run, to_run(page)):
        for part, stand_in in STAND_INS.items():
            line = line.replace(part, stand_in)
        arguments = [option for part, options in SMALLER.items() if part in line for option in options]
        if '--scheduler' in line:
            line = line.replace('tcp://head:8786', request.getfixturevalue('scheduler'))
        for name, value in re.findall(r'(\w+)=(\S+) (?=.*kdtoolbox )', line):
            monkeypatch.setenv(name, value)
        status, printed = run(shlex.split(line), arguments, here, capsys)
        assert status == 0, f'{line}\n{printed}'
        for frames in here.glob('*/jpg'):
            if 'prepare check' not in line and line.startswith('kdtoolbox prepare'):
                shutil.rmtree(frames)  # of "with one command": the steps then do the same


def test_what_is_not_run_is_on_a_page_and_the_tests_that_run_it_exist():
    on_pages = {line for lines in LINES.values() for line in lines}
    assert sorted(NOT_RUN - on_pages) == []
    for test in ELSEWHERE:
        file, _, name = test.partition('::')
        assert re.search(rf'^def {name}\(', (REPOSITORY / file).read_text(), flags=re.MULTILINE), test
    run = {line for page in LINES for line in to_run(page)}
    assert len(run) >= len(on_pages) / 3
