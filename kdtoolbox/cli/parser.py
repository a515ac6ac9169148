"""The parser of the command line: mistakes are answered by the nearest name, help ends with an example."""

import argparse
import importlib
import textwrap
from collections.abc import Sequence
from typing import NoReturn

from kdtoolbox import __version__
from kdtoolbox.arguments import nearest_names
from kdtoolbox.cli.commands import COMMANDS, GROUPS, Command
from kdtoolbox.config_files.command_line import add_config_arguments, add_output_arguments

WIDTH = 100


class CommandParser(argparse.ArgumentParser):
    """A parser that names what may have been meant, on one line; ``example`` ends its help."""

    def __init__(self, *, example: str | None = None, **options) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        if example is not None:
            self.add_example(example)

    def add_example(self, example: str) -> None:
        """Let the help end with this command line."""
        self.epilog = f'example:\n  {example}'

    def parse_known_args(self, args=None, namespace=None):  # typed as in argparse, by overloads
        """As argparse does, but nothing is left over, so that each command answers for its own options."""
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = [option for action in self._actions for option in action.option_strings if option[:2] == '--']
            option = unknown[0].partition('=')[0]
            meant = _did_you_mean(option, options) if option.startswith('-') else ''
            self.error(f'unrecognized arguments: {" ".join(unknown)}{meant}')
        return namespace, unknown

    def _check_value(self, action: argparse.Action, value) -> None:
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            meant = _did_you_mean(str(value), choices) or f': expected one of {", ".join(choices)}'
            raise argparse.ArgumentError(action, f'there is no {str(value)!r}{meant}')

    def error(self, message: str) -> NoReturn:
        """End the program with one line, and where to read on."""
        end = '' if message.endswith('?') else '.'
        self.exit(2, f'{self.prog}: {message}{end} See {self.prog} --help\n')


class TopParser(CommandParser):
    """The parser of ``kdtoolbox`` itself, whose help groups the commands by task."""

    def format_help(self) -> str:
        width = max(map(len, COMMANDS)) + 2
        lines = ['usage: kdtoolbox [--version] COMMAND …', '', self.description or '']
        for group, title in GROUPS.items():
            lines += ['', f'{title}:']
            for name, command in COMMANDS.items():
                if command.group == group:
                    folded = textwrap.wrap(command.summary, WIDTH - width - 4)
                    lines += [f'    {name:{width}}{folded[0]}', *(' ' * (width + 4) + more for more in folded[1:])]
        lines += ['', '    --version  print the version', '    COMMAND --help  tells more of a command', '']
        return '\n'.join([*lines, self.epilog or '', ''])


def build_parser(chosen: Sequence[str] | None = None) -> TopParser:
    """The parser of all commands.

    Args:
        chosen: only these commands are given their arguments; None is all. The arguments of the others need not cost
            time, nor be able to break it.
    """
    parser = TopParser(
        prog='kdtoolbox',
        description='Distil 2D image networks into 3D video networks.',
        example='kdtoolbox train kd_r2d_to_r3d_hmdb51 --work-dir work_dirs/kd',
    )
    parser.add_argument('--version', action='version', version=f'kdtoolbox {__version__}')
    subparsers = parser.add_subparsers(dest='command', required=True, metavar='COMMAND', parser_class=CommandParser)
    others = [] if chosen is None else [name for name in COMMANDS if name not in chosen]
    if others:  # one parser for all, which are to be known by name; a parser of each takes most of the time
        subparsers.add_parser(others[0], aliases=others[1:], prog=parser.prog)
    for name, command in COMMANDS.items():
        if name not in others:
            _add_command(subparsers.add_parser(name, help=command.summary), command)
    return parser


def _add_command(parser: CommandParser, command: Command) -> None:
    parser.description = command.description
    arguments = importlib.import_module(command.arguments or command.module)
    if command.over_config:
        add_config_arguments(parser)
    arguments.add_arguments(parser)
    if hasattr(arguments, 'check_first'):
        parser.set_defaults(check_first=arguments.check_first)
    if command.is_long:
        add_output_arguments(parser)
    parser.add_example(arguments.EXAMPLE)


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    nearest = nearest_names(name, known, cutoff=0.6)
    return f': did you mean {" or ".join(nearest)}?' if nearest else ''
