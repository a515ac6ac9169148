"""The command, versions and commit of a training, kept in its work directory for the report."""

import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from kdtoolbox.plain_files import NoSuchFile, read_json
from kdtoolbox.reporting.environment import PACKAGES, package_version
from kdtoolbox.safe_files import write_aside

FILE = 'command.json'
MAX_KEPT = 50  # of a training that was resumed often, the first and the last ones
NOT_INSTALLED = 'not installed'


def record_command(work_dir: str | Path, command: Sequence[str] | None = None) -> None:
    """Add the command that is running, and what it runs with, to the file in the work directory.

    Args:
        command: words of the command line; the running one's if not given.
    """
    program = Path(sys.argv[0])
    name = f'python -m {program.parent.name}' if program.name == '__main__.py' else program.name
    words = list(command) if command is not None else [*name.split(), *sys.argv[1:]]
    entry = {
        'command': shlex.join(words),
        'started': time.strftime('%Y-%m-%d %H:%M:%S %z'),
        'commit': commit_of(Path(__file__).parent),
        'versions': versions(),
    }
    earlier = read_commands(work_dir)
    kept = earlier if len(earlier) < MAX_KEPT else [earlier[0], *earlier[2 - MAX_KEPT :]]
    write_aside(Path(work_dir) / FILE, json.dumps([*kept, entry], indent=2))


def read_commands(work_dir: str | Path) -> list[dict]:
    """What :func:`record_command` noted, oldest first; none where there is no file, or one of another form."""
    try:
        content = read_json(Path(work_dir) / FILE, max_bytes=2**20)
    except NoSuchFile:
        return []
    except ValueError:  # somebody else's file
        return []
    entries = content if isinstance(content, list) else []
    return [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get('command'), str)]


def versions() -> dict[str, str]:
    """Of Python and the packages that numbers depend on."""
    found = {package: package_version(package) for package in ('kdtoolbox', *PACKAGES)}
    return {'python': platform.python_version()} | {
        name: version for name, version in found.items() if version != NOT_INSTALLED
    }


def commit_of(folder: Path) -> str | None:
    """The commit of the git repository that ``folder`` is in, with ``+`` for changes; None where there is none."""
    environment = {**os.environ, 'GIT_OPTIONAL_LOCKS': '0'}
    try:
        words = ['git', '-C', str(folder), 'describe', '--always', '--dirty=+', '--abbrev=12', '--exclude=*']
        done = subprocess.run(words, capture_output=True, text=True, timeout=10, env=environment)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
