"""Print the versions of the stack, the video readers, ffmpeg and the devices; to be pasted into a report of a bug."""

import argparse

EXAMPLE = 'kdtoolbox env'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(args: argparse.Namespace) -> int:
    from kdtoolbox.reporting.environment import environment
    from kdtoolbox.terminal import table_text

    print(table_text(list(environment().items()), num_left=2))
    return 0
