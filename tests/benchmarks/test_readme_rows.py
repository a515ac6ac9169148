"""The contest's rows in the README are those of docs/leaderboard.md."""

from tests.conftest import REPOSITORY


def cells(line: str) -> list[str]:
    return [cell.strip(' `') for cell in line.strip().strip('|').split('|')]


def test_the_rows_of_the_readme_stand_in_the_leaderboard():
    section = (REPOSITORY / 'README.md').read_text().split('## Which loss?')[1].split('\n## ')[0]
    shown = [cells(line) for line in section.splitlines() if line.startswith('| ')][1:]
    board = [
        cells(line) for line in (REPOSITORY / 'docs/leaderboard.md').read_text().splitlines() if line.startswith('| ')
    ]
    rows = {tuple(row[2:7]): row for row in board if len(row) == 9}
    assert len(shown) == 7
    for name, *numbers in shown:
        assert tuple(numbers) in rows and name in rows[tuple(numbers)], name
