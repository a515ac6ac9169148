"""docs/methods.md and the table in it."""

import re

import pytest

from kdtoolbox.cli.catalogue import entries
from kdtoolbox.cli.main import main
from kdtoolbox.method_card import MethodCard
from kdtoolbox.reporting.methods_table import methods_table
from tests.conftest import REPOSITORY
from tests.reference_methods import METHODS

PAGE = REPOSITORY / 'docs/methods.md'


def test_the_page_holds_the_table_that_the_command_prints(capsys):
    assert main(['list', 'losses', '--markdown']) == 0
    printed = capsys.readouterr().out.strip()
    held = PAGE.read_text().split('<!-- begin: kdtoolbox list losses --markdown -->')[1].split('<!-- end -->')[0]
    assert held.strip() == printed, (
        'write what kdtoolbox list losses --markdown prints between the marks of docs/methods.md'
    )


def test_the_table_has_a_row_for_each_loss_and_as_many_cells_in_each():
    names = [entry.name for entry in entries('losses') if entry.source == 'kdtoolbox']
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith('| `')]
    assert [row.split('`')[1] for row in rows] == names
    assert {len(re.findall(r'(?<!\\)\|', row)) for row in rows} == {9}


def test_the_links_of_the_page_lead_somewhere():
    links = re.findall(r'\]\(([^)#]+)\)', PAGE.read_text())
    assert links and all((PAGE.parent / link).exists() for link in links if '://' not in link)


def test_a_row_tells_what_the_card_does_and_keeps_bars_out_of_the_cells():
    row = methods_table(
        {'DKD': MethodCard(paper='A | B', needs=('labels', 'logits'), min_classes=3, checked_against=('dkd',))}
    ).splitlines()[-1]
    assert row == (
        r'| `DKD` | A \| B | labels, 3 classes or more | yes: logits N K | 1 | the same '
        '| [dkd](../configs/methods/dkd.py): 1 | dkd |'
    )


def test_a_kind_without_cards_has_no_table(capsys):
    assert main(['list', 'teachers', '--markdown']) == 2
    assert 'list losses --markdown' in capsys.readouterr().err


@pytest.mark.parametrize(
    'entry', [entry for entry in entries('losses') if entry.source == 'kdtoolbox'], ids=lambda entry: entry.name
)
def test_what_a_card_says_it_is_checked_against_is_in_the_tests(entry):
    assert entry.card.checked_against
    named = [name for name in entry.card.checked_against if re.fullmatch(r'[a-z0-9_]+', name)]
    assert set(named) <= METHODS.keys()
