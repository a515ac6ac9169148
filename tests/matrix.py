"""``make test-matrix``: the tests with each Python that is supported, and with the lowest versions setup.cfg admits.

Every run has an own virtual environment, ``.venv-<name>``, and a time zone and language of its own, which no test may
depend on. Interpreters that the machine lacks are named at the end, and the command then ends with status 1.
"""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PYTHONS = ('3.10', '3.11', '3.12', '3.13')
LOWEST = 'lowest'  # with the first of them
SURROUNDINGS = {
    '3.10': {'TZ': 'Asia/Kathmandu', 'LC_ALL': 'C'},
    '3.11': {'TZ': 'America/St_Johns', 'LC_ALL': 'C.UTF-8'},
    '3.12': {'TZ': 'Pacific/Kiritimati', 'LC_ALL': 'POSIX'},
    '3.13': {'TZ': 'Pacific/Pago_Pago', 'LANG': 'tr_TR.UTF-8'},
    LOWEST: {'TZ': 'Etc/GMT-5', 'LC_ALL': 'C'},
}


def lowest_versions(setup_cfg: str) -> dict[str, str]:
    """The lowest version that setup.cfg admits of each package that kdtoolbox needs; what tests need goes before.

    >>> lowest_versions('''[options]
    ... install_requires =
    ...     torch >= 2.6
    ...     mmengine >= 0.10.7, < 0.11
    ...     # a reason
    ...     mmaction2 == 1.1.0
    ...     av >= 15
    ...     pillow
    ... [options.extras_require]
    ... tests =
    ...     pytest
    ...     av >= 17
    ... ''')
    {'torch': '2.6', 'mmengine': '0.10.7', 'mmaction2': '1.1.0', 'av': '17'}
    """
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(setup_cfg)
    needed = re.findall(r'^([\w-]+) *[>=]= *([\d.]+)', parser['options']['install_requires'], re.MULTILINE)
    for_tests = dict(re.findall(r'^([\w-]+) *[>=]= *([\d.]+)', parser['options.extras_require']['tests'], re.MULTILINE))
    return {name: for_tests.get(name, version) for name, version in needed}


def lowered(constraints: str, versions: dict[str, str]) -> str:
    """The lines of constraints.txt with these versions in place of their own.

    >>> lowered('torch==2.12.1\\npytest==9.2.0\\nav==18.1.0; python_version >= "3.11"\\n', {'torch': '2.6', 'av': '17'})
    'pytest==9.2.0\\ntorch==2.6\\nav==17\\n'
    """
    kept = [line for line in constraints.splitlines() if line.split('==')[0] not in versions]
    return '\n'.join([*kept, *(f'{name}=={version}' for name, version in versions.items())]) + '\n'


def find_python(version: str) -> str | None:
    """The interpreter of this version on the PATH or among those of pyenv; None if it is not there or does not run."""
    root = Path(os.environ.get('PYENV_ROOT', Path.home() / '.pyenv'))
    for candidate in (
        *sorted(map(str, root.glob(f'versions/{version}.*/bin/python'))),
        shutil.which(f'python{version}'),
    ):
        if candidate is None:
            continue
        told = subprocess.run(
            [candidate, '-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], capture_output=True, text=True
        )
        if told.stdout.strip() == version:
            return candidate
    return None


def run(name: str, python: str, pytest_options: list[str]) -> bool:
    """Install into the environment of this name and run the tests there; whether all passed."""
    folder = f'.venv-{name}'
    make = ['make', 'install', f'VENV={folder}', f'PYTHON={python}']
    if name == LOWEST:
        constraints = REPOSITORY / folder / 'constraints.txt'
        versions = lowest_versions((REPOSITORY / 'setup.cfg').read_text(encoding='utf-8'))
        text = lowered((REPOSITORY / 'constraints.txt').read_text(encoding='utf-8'), versions)
        if not constraints.is_file() or constraints.read_text(encoding='utf-8') != text:
            constraints.parent.mkdir(exist_ok=True)
            constraints.write_text(text, encoding='utf-8')
        make.append(f'CONSTRAINTS={folder}/constraints.txt')
    if subprocess.run(make, cwd=REPOSITORY).returncode:
        return False
    tests = [
        f'{folder}/bin/python',
        '-m',
        'pytest',
        '-n',
        'auto',
        '--dist',
        'loadfile',
        '--no-loadscope-reorder',
        *pytest_options,
    ]
    return not subprocess.run(tests, cwd=REPOSITORY, env={**os.environ, **SURROUNDINGS[name]}).returncode


def main(pytest_options: list[str]) -> int:
    pythons = {version: find_python(version) for version in PYTHONS}
    pythons[LOWEST] = pythons[PYTHONS[0]]
    results = {}
    for name, python in pythons.items():
        print(f'== {name}: {python or "no such interpreter on this machine"}', flush=True)
        results[name] = 'not run: no such interpreter on this machine'
        if python:
            results[name] = 'passed' if run(name, python, pytest_options) else 'FAILED'
    print(*(f'{name:>7}  {result}' for name, result in results.items()), sep='\n')
    return int(set(results.values()) != {'passed'})


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
