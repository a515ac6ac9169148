"""Every command on README.md, CONTRIBUTING.md and the pages in docs is one that the program takes, of files that exist.

All are run as well, on small data, by ``tests/pages``, or by the tests that it lists.
"""

import re
import shlex
from pathlib import Path

import pytest

from kdtoolbox.cli.commands import COMMANDS
from kdtoolbox.cli.parser import build_parser
from kdtoolbox.config_files.finding import find_config
from tests.conftest import REPOSITORY

PAGES = [REPOSITORY / 'README.md', REPOSITORY / 'CONTRIBUTING.md']
PAGES += [page for page in sorted((REPOSITORY / 'docs').rglob('*.md')) if 'generated' not in page.parts]  # by make docs
PROGRAM = re.compile(
    r'(?:^|\s)(?:kdtoolbox(?= [a-z-])|python main\.py|(?:python|torchrun\s.*) (?:tools|benchmarks)/[\w/]+\.py|'
    r'python -m benchmarks\.\w+)\s'
)
FILE_OF_REPOSITORY = re.compile(r'(?:configs|examples|tools|benchmarks|docs)/[\w/.-]+\.\w+')
MODULE = re.compile(r'-m (benchmarks\.\w+)')
MADE_BY_THE_USER = re.compile(r'[A-Z_]{3,}|<|…|\*|^(work_dirs|exps|mine|my_|experiment\.yml)|\.(npz|pth|json)$')


def commands_of(page: Path) -> list[str]:
    """The command lines of code blocks, fenced or indented, and of code within sentences."""
    text = page.read_text(encoding='utf-8').replace('\\\n', ' ')
    blocks = re.findall(r'```(?:bash|sh|console|shell)?\n(.*?)```', text, flags=re.DOTALL)
    rest = re.sub(r'```.*?```', '', text, flags=re.DOTALL)
    blocks += ['\n'.join(re.findall(r'^ {4}(.+)$', rest, flags=re.MULTILINE))]
    lines = [line for block in blocks for line in block.splitlines()]
    lines += [' '.join(span.split()) for span in re.findall(r'`([^`]+)`', rest) if PROGRAM.match(f'{span} ')]
    parts = [part.strip(' $') for line in lines for part in re.split(r' && | \| |; ', re.sub(r'(^|\s)# .*', '', line))]
    return [part for part in parts if PROGRAM.search(f'{part} ') and not part.startswith(('pip', 'make', 'import'))]


COMMAND_LINES = [
    pytest.param(line, id=f'{page.relative_to(REPOSITORY)}: {line}')
    for page in PAGES
    for line in dict.fromkeys(commands_of(page))
]


def arguments_of(line: str) -> list[str] | None:
    """What ``kdtoolbox`` gets; None for a program of its own."""
    words = [word.strip('[]').partition('|')[0] for word in shlex.split(line)]  # of what may be chosen, the first
    start, program = next(
        (number, word)
        for number, word in enumerate(words)
        if word in ('kdtoolbox', 'main.py') or word.startswith(('tools/', 'benchmarks/', 'benchmarks.'))
    )
    words = words[start + 1 :]
    if program == 'kdtoolbox':
        return words
    if program.startswith('benchmarks.'):
        return None
    source = (REPOSITORY / program).read_text(encoding='utf-8')
    called = re.search(r"main\(\[((?:'[\w-]+', )+)\*", source)
    return None if called is None else [*re.findall(r"'([\w-]+)'", called[1]), *words]


def is_only_a_name(arguments: list[str]) -> bool:
    """As a sentence speaks of a command: without what it is given."""
    return all(re.fullmatch(r'[a-z][a-z_-]*[0-9]*', word) for word in arguments[:2]) and len(arguments) <= 2


@pytest.mark.parametrize('line', COMMAND_LINES)
def test_a_command_of_a_page_is_one_that_the_program_takes(line, capsys):
    assert [file for file in FILE_OF_REPOSITORY.findall(line) if not is_there(file)] == []
    assert all((REPOSITORY / f'{module.replace(".", "/")}.py').is_file() for module in MODULE.findall(line))
    arguments = arguments_of(line)
    if arguments is None:
        return
    assert not arguments or arguments[0] in COMMANDS or arguments[0].startswith('-')
    if is_only_a_name(arguments):
        return
    try:
        options = build_parser(chosen=arguments[:1]).parse_args(arguments)
    except SystemExit as end:
        assert end.code == 0, capsys.readouterr().err
        return
    config = getattr(options, 'config', None)
    if isinstance(config, str) and not MADE_BY_THE_USER.search(config):
        assert Path(find_config(config)).is_file()


def is_there(file: str) -> bool:
    return (REPOSITORY / file).exists() or bool(MADE_BY_THE_USER.search(file))


def test_commands_are_found_in_blocks_tables_and_sentences():
    lines = {line.values[0] for line in COMMAND_LINES}
    assert 'python tools/test.py CONFIG CHECKPOINT --eval knn --neighbours 20' in lines  # an indented block
    assert 'kdtoolbox prepare hmdb51 hmdb51' in lines  # a fenced one
    assert 'python tools/fps.py kinetics/videos kinetics/jpg' in lines  # a table
    assert any(line.startswith('kdtoolbox list losses') for line in lines)
    assert len(lines) > 60
