"""Running ffmpeg for a test's own purposes, and the command in a process that can be killed."""

import os
import subprocess
import sys
from pathlib import Path


def start_prepare(*arguments) -> subprocess.Popen:
    """The command in a process of its own, to be killed."""
    repository = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [
            sys.executable,
            '-c',
            'import sys; from kdtoolbox.cli.main import main; sys.exit(main())',
            'prepare',
            *map(str, arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, 'PYTHONPATH': repository},
        text=True,
    )


def call(executable: str, *arguments: str, cwd: Path | None = None) -> None:
    subprocess.run(
        [executable, '-nostdin', '-y', '-loglevel', 'error', *arguments], check=True, cwd=cwd, stderr=subprocess.DEVNULL
    )
