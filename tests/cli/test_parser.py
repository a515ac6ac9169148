"""What the command line says of itself, and of what is mistyped."""

import argparse
import shlex

import pytest

import kdtoolbox
from kdtoolbox.cli.commands import COMMANDS, GROUPS
from kdtoolbox.cli.main import main
from kdtoolbox.cli.parser import build_parser


def said(capsys, *arguments: str) -> tuple[int, str]:
    """Exit status and output of a command line that ends in the parser."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    out, err = capsys.readouterr()
    return ended.value.code, out + err


def parsers(parser=None, name: str = ''):
    """Name -> parser, of every command and every command below it."""
    parser = parser or build_parser()
    found = {name: parser}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below, one in action.choices.items():
                found |= parsers(one, f'{name} {below}'.strip())
    return found


PARSERS = parsers()


@pytest.mark.parametrize(
    'arguments, nearest',
    [
        (['trian', 'config.py'], 'did you mean train?'),
        (['exprot-student', 'a', 'b'], 'did you mean export-student?'),
        (['prepare', 'hdmb51', 'root'], 'did you mean hmdb51'),
        (['train', 'config.py', '--wrok-dir', 'x'], 'did you mean --work-dir?'),
        (['train', 'config.py', '--wrok-dir=x'], 'did you mean --work-dir?'),
        (['results', 'add', 'x', '--data-set', 'hmdb51', '--protocol', 'retreival'], 'did you mean retrieval?'),
        (['prepare', 'folder', 'x', '--validation-shair', '0.2'], 'did you mean --validation-share?'),
        (['list', 'lossess'], 'did you mean losses?'),
    ],
)
def test_a_mistyped_command_or_option_names_the_nearest_on_one_line(arguments, nearest, capsys):
    status, text = said(capsys, *arguments)
    assert status == 2 and nearest in text and len(text.strip().splitlines()) == 1


def test_what_is_like_nothing_is_answered_by_all_there_is(capsys):
    status, text = said(capsys, 'list', 'xyzzy')
    assert status == 2 and "there is no 'xyzzy': expected one of losses, connectors" in text


def test_the_version_is_printed(capsys):
    assert said(capsys, '--version') == (0, f'kdtoolbox {kdtoolbox.__version__}\n')


def test_help_groups_the_commands_by_task(capsys):
    text = said(capsys, '--help')[1]
    sections = text.split('\n\n')
    for group, title in GROUPS.items():
        (section,) = (one for one in sections if one.startswith(f'{title}:'))
        listed = {line.split()[0] for line in section.splitlines()[1:] if line[4] != ' '}
        assert listed == {name for name, command in COMMANDS.items() if command.group == group} != set()


@pytest.mark.parametrize('name', PARSERS)
def test_every_help_ends_with_an_example_of_the_command_that_parses(name):
    lines = PARSERS[name].format_help().rstrip().splitlines()
    assert lines[-2] == 'example:'
    program, *arguments = shlex.split(lines[-1])
    assert program == 'kdtoolbox' and ' '.join(arguments).startswith(name)
    PARSERS[''].parse_args(arguments)


@pytest.mark.parametrize('name', ['list', 'env', 'experiment', 'completion'])
def test_examples_that_are_cheap_run(name, capsys):
    if name == 'completion':
        pytest.importorskip('shtab')
    arguments = shlex.split(PARSERS[name].epilog.splitlines()[-1])[1:]
    assert main(arguments) == 0
    assert len(capsys.readouterr().out.splitlines()) > 10


def test_preparations_take_v_and_q():
    for option, verbosity in (('-v', 'verbose'), ('-q', 'quiet')):
        assert PARSERS[''].parse_args(['prepare', 'folder', 'mine', option]).verbosity == verbosity
