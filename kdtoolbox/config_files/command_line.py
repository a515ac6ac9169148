"""The arguments that the commands over a config have; needs no torch until an option is given."""

import argparse

from kdtoolbox.config_files.finding import find_config


class Overrides(argparse.Action):
    """``--cfg-options KEY=VALUE …``, as :class:`~kdtoolbox.config_files.config_options.ConfigOptions` reads them."""

    def __call__(self, parser, namespace, values, option_string: str | None = None) -> None:
        from kdtoolbox.config_files.config_options import ConfigOptions

        ConfigOptions(self.option_strings, self.dest, nargs='+')(parser, namespace, values, option_string)


def check_config(args: argparse.Namespace) -> None:
    """Refuse a config that is not there, or names what cannot be, before torch is imported, which takes seconds.

    Raises:
        ValueError: see :func:`find_config` and :func:`~kdtoolbox.config_files.mistyped_parts.refuse_mistyped_parts`.
    """
    from kdtoolbox.config_files.mistyped_parts import refuse_mistyped_parts  # imports mmengine, as --help need not

    refuse_mistyped_parts(find_config(args.config), args.cfg_options, safe=args.safe_config)


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """``-v`` and ``-q``, which the commands have that run for long."""
    how_much = parser.add_mutually_exclusive_group()
    for letter, word, help_text in (
        ('-v', 'verbose', 'show all, as the log or the report file has it'),
        ('-q', 'quiet', 'show only warnings, errors and results'),
    ):
        how_much.add_argument(letter, f'--{word}', action='store_const', dest='verbosity', const=word, help=help_text)


def add_safe_config_argument(parser: argparse.ArgumentParser) -> None:
    """``--safe-config``, of every command that reads a config."""
    parser.add_argument(
        '--safe-config',
        action='store_true',
        help="for a config of somebody else's: only YAML or JSON is read, and no code runs (Python configs are code)",
    )


def add_override_argument(parser: argparse.ArgumentParser, help_text: str) -> None:
    """``--cfg-options``, of every command that runs a config."""
    parser.add_argument('--cfg-options', nargs='+', action=Overrides, metavar='KEY=VALUE', help=help_text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f'{text} is not a whole number from 0 to {2**32 - 1}')
    return int(text)


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that every command over a config has."""
    parser.set_defaults(check_first=check_config)
    parser.add_argument('config', help='a config file, or the name of one that came with kdtoolbox')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints; default work_dirs/<config name>')
    add_override_argument(parser, 'override settings, e.g. train_dataloader.batch_size=8 model.teacher.weights=FILE')
    parser.add_argument('--seed', type=_seed, help="random seed; default the config's")
    add_safe_config_argument(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
