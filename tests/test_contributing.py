"""CONTRIBUTING.md says what is so."""

import re

from kdtoolbox.cli.main import COMMANDS
from tests.conftest import REPOSITORY
from tests.test_structure import FLOORS, PACKAGE

PAGE = (REPOSITORY / 'CONTRIBUTING.md').read_text(encoding='utf-8')


def test_its_floors_are_those_that_the_structure_test_checks():
    rows = re.findall(r'^\| (\d+) \| (.+) \|$', PAGE, flags=re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, len(FLOORS) + 1))
    assert [set(re.findall(r'`(\w+)`', rooms)) for _, rooms in rows] == list(FLOORS)


def test_it_explains_each_room_once_in_the_order_of_the_floors():
    explained = re.findall(r'^\| `(\w+)` \| [^|]+ \|$', PAGE, flags=re.MULTILINE)
    assert len(explained) == len(set(explained))
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    assert [floor[room] for room in explained] == sorted(floor.values())
    assert all((PACKAGE / room).is_dir() or (PACKAGE / f'{room}.py').is_file() for room in explained)


def test_the_files_and_folders_that_it_names_exist():
    paths = re.findall(r'`((?:kdtoolbox|tests|configs|docs)/[^`<>]*)`', PAGE) + re.findall(r'\]\(([^):]+)\)', PAGE)
    assert len(paths) > 15
    assert [path for path in paths if not (REPOSITORY / path).exists()] == []


def test_the_five_files_that_the_readme_names_exist():
    section = (
        (REPOSITORY / 'README.md').read_text(encoding='utf-8').split('## Read these five files')[1].split('\n## ')[0]
    )
    files = re.findall(r'^\d\. `([^`]+)`', section, flags=re.MULTILINE)
    assert len(files) == 5 and all((REPOSITORY / file).is_file() for file in files)


def test_the_commands_that_it_names_exist():
    named = set(re.findall(r'(?:`|    )kdtoolbox ([a-z-]+)', PAGE))
    assert {'new', 'list', 'doctor'} <= named <= COMMANDS.keys()
