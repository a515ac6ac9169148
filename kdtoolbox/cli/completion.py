"""Print the tab completion of this command for a shell.

It is made by shtab, which is installed with ``pip install 'kdtoolbox[completion]'``. Where a shell looks for it::

    kdtoolbox completion bash > ~/.local/share/bash-completion/completions/kdtoolbox
    kdtoolbox completion zsh > ~/.zfunc/_kdtoolbox    # and before compinit in ~/.zshrc: fpath+=~/.zfunc
    kdtoolbox completion fish > ~/.config/fish/completions/kdtoolbox.fish
"""

import argparse
from collections.abc import Iterator

EXAMPLE = 'kdtoolbox completion bash'
SHELLS = ('bash', 'zsh', 'fish')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('shell', choices=SHELLS)


def run(args: argparse.Namespace) -> int:
    from kdtoolbox.cli.parser import build_parser

    try:
        import shtab
    except ImportError as error:
        raise ValueError("tab completion needs shtab: pip install 'kdtoolbox[completion]'") from error
    parser = build_parser()
    for action in _actions(parser):
        if action.choices is None and action.nargs != 0:
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab's own attribute
    print(shtab.complete(parser, shell=args.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Those of the parser and of its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
