"""The commands on README.md, CONTRIBUTING.md and the pages of docs, run in their order on small data."""

import importlib.util
import re
import shutil
from functools import cache

import pytest

from kdtoolbox.cli.main import main
from kdtoolbox.cli.parser import build_parser
from tests.conftest import REPOSITORY
from tests.pages.not_run import ELSEWHERE, PARSED_ONLY
from tests.recipes.test_your_own_videos_page import COMMANDS as OF_YOUR_OWN_VIDEOS
from tests.test_commands_on_pages import COMMAND_LINES, arguments_of, is_only_a_name

SMALL_TEACHER = ['model.teacher.model=torchvision.mobilenet_v3_small', 'model.teacher.weights=small_teacher.pth']
SMALL_STUDENT = [
    'model.student.backbone.base_channels=4',
    'model.student.cls_head.in_channels=32',
    'model.student.cls_head.num_classes=3',
]
SMALL_CACHED_TEACHER = [option.replace('teacher.', 'teacher.teacher.', 1) for option in SMALL_TEACHER]
# What is added to a line so that it needs no downloads and seconds instead of minutes.
SMALLER = {
    'fit_probe.py configs/methods/dkd.py': ['--cfg-options', *SMALL_TEACHER],
    'doctor configs/methods/dkd.py': [
        '--cfg-options',
        *SMALL_TEACHER,
        *SMALL_STUDENT,
        '--batch-size=2',
    ],
    'kd_cached_r2d_to_r3d_hmdb51': [
        '--cfg-options',
        *SMALL_CACHED_TEACHER,
        'model.teacher.teacher.view.size=32',
        'train_dataloader.num_workers=0',
    ],
    'kdtoolbox browse kd_r2d_to_r3d_hmdb51': ['--clips', '1'],
}
NEEDS = {'kdtoolbox texts': 'transformers'}


def spaced(line: str) -> str:
    return ' '.join(line.split())


LINES: dict[str, list[str]] = {}  # of each page
for parameter in COMMAND_LINES:
    LINES.setdefault(parameter.id.partition(': ')[0], []).append(spaced(parameter.values[0]))
YOUR_OWN_VIDEOS = {' '.join(['kdtoolbox', *command]) for command in OF_YOUR_OWN_VIDEOS if command[0] != 'distill'}
NOT_RUN = {line for lines in (*ELSEWHERE.values(), *PARSED_ONLY.values()) for line in lines} | YOUR_OWN_VIDEOS


@cache
def is_spoken_of(line: str) -> bool:
    """A command that a sentence names without what it needs: no line to run."""
    arguments = arguments_of(line)
    if line == 'kdtoolbox prepare check':  # two ways to call it, each with an argument of its own
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


@pytest.mark.parametrize('page', [page for page in LINES if to_run(page)])
def test_the_commands_of_a_page_run(page, here, capsys):
    for line in to_run(page):
        if any(line.startswith(start) and not importlib.util.find_spec(name) for start, name in NEEDS.items()):
            continue
        more = [option for part, options in SMALLER.items() if part in line for option in options]
        try:
            status = main([*arguments_of(line), *more])
        except SystemExit as end:
            status = end.code
        assert status == 0, f'{line}\n{"".join(capsys.readouterr())}'
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
