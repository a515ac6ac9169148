"""The table of docs/methods.md, made from the cards of the losses and the configs of the methods."""

import functools
from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config

from kdtoolbox.config_files.finding import find_config
from kdtoolbox.method_card import MethodCard
from kdtoolbox.reporting.catalogue import entries

HEADER = (
    'method',
    'paper',
    'needs',
    '3-D ready',
    'weight: paper',
    'weight: here',
    'config: its weight',
    'tested against',
)
# What a loss is given -> of which shape that may be: N clips, C channels, T time steps, K classes, L tokens.
WORKS_ON = {
    'logits': 'logits N K',
    'vectors': 'vectors N C',
    'maps': 'maps N C T H W',
    'frames': 'time N C T …',
    'tokens': 'tokens N C L',
}


def methods_table(cards: Mapping[str, MethodCard]) -> str:
    """A Markdown table with a row for each method.

    Args:
        cards: registered name -> card.
    """
    rows = [HEADER, ['---'] * len(HEADER), *(_row(name, card) for name, card in cards.items())]
    return '\n'.join(f'| {" | ".join(cell.replace("|", chr(92) + "|") for cell in row)} |' for row in rows)


def config_name(method: str) -> str:
    """The config of a method: called as the module of its loss is.

    >>> config_name('RKDDistance')
    'methods/rkd_distance'
    """
    return f'methods/{_modules()[method]}'


@functools.cache
def _modules() -> dict[str, str]:
    return {entry.name: entry.module for entry in entries('losses')}


def _row(name: str, card: MethodCard) -> list[str]:
    works_on = [shape for need, shape in WORKS_ON.items() if need in card.needs]
    needs = [
        *(need for need in card.needs if need not in WORKS_ON and (need != 'batch' or not card.least)),
        *card.least,
    ]
    return [
        f'`{name}`',
        card.paper,
        ', '.join(needs) or '–',
        f'yes: {", ".join(works_on) or "any"}',
        card.paper_weight,
        card.our_weight,
        _config(name),
        ', '.join(card.checked_against),
    ]


def _config(name: str) -> str:
    """Link to the config of a method and the weight of its term; none for a plugin's, or one that needs more files."""
    try:
        file = find_config(config_name(name))
    except ValueError:
        return '–'
    terms = Config.fromfile(file).model.terms.values()
    weights = ', '.join(f'{term.get("weight", 1.0):g}' for term in terms)
    return f'[{Path(file).stem}](../configs/methods/{Path(file).name}): {weights}'
