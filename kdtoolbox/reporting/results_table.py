"""The rows of docs/results.md: files, checks and printing."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kdtoolbox.plain_files import NoSuchFile
from kdtoolbox.plain_files import read_json as read_any_json
from kdtoolbox.safe_files import write_aside

DATA_SETS = {'ucf101': 'UCF-101', 'hmdb51': 'HMDB-51'}
PAGE = 'results.md'
CHANCE, PUBLISHED, MEASURED = (f'results/{name}.json' for name in ('chance', 'published', 'measured'))
_MAX_BYTES = 2**24
NOT_MEASURED = 'not measured'


@dataclass(frozen=True)
class Protocol:
    """An evaluation protocol: the columns of one table.

    Args:
        columns: of the table, most important first -> name of the metric.
        chances: of the columns -> name of the metric that says what guessing gives.
    """

    columns: Mapping[str, str]
    chances: Mapping[str, str]

    def check(
        self, values: Mapping[str, float], *, of: str, names: Mapping[str, str] | None = None
    ) -> dict[str, float]:
        """The values of all columns as they are kept, checked.

        Args:
            of: owner of the values, for messages.
            names: column -> its name in ``values``; the column itself if not given.

        Raises:
            ValueError: one is missing, or no share.
        """
        names = names or {column: column for column in self.columns}
        missing = [name for name in names.values() if name not in values]
        if missing:
            raise ValueError(f'{of}: no {", ".join(missing)}; there is {", ".join(sorted(values)) or "nothing"}')
        for name in names.values():
            value = values[name]
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise ValueError(f'{of}: {name} is {value!r}, expected a share from 0 to 1')
        return {column: float(values[name]) for column, name in names.items()}


_TOPK = (1, 5, 10, 20, 50)
PROTOCOLS = {
    'retrieval': Protocol(
        {f'top-{k}': f'retrieval/top{k}' for k in _TOPK}, {f'top-{k}': f'retrieval/chance_top{k}' for k in _TOPK}
    ),
    'finetune': Protocol({'top-1': 'acc/top1'}, {'top-1': 'acc/chance'}),
}


def read_json(file: Path) -> Any:
    """The content of a file of results.

    Raises:
        ValueError: it is not there, or no JSON.
    """
    try:
        return read_any_json(file, max_bytes=_MAX_BYTES)
    except NoSuchFile as error:
        raise ValueError(
            f'{file}: no such file. Results are kept in the docs of a checkout of kdtoolbox: run the '
            'command in its root, or name the folder with --docs'
        ) from error


def read_rows(docs: Path) -> dict[str, Any]:
    """The rows of all tables, by file: :data:`CHANCE`, :data:`PUBLISHED`, :data:`MEASURED`.

    Args:
        docs: the folder of the page.
    """
    return {file: read_json(docs / file) for file in (CHANCE, PUBLISHED, MEASURED)}


def updated_page(docs: Path, rows: Mapping[str, Any]) -> str:
    """The page of a folder with other rows, see :func:`read_rows` and :func:`render`.

    Raises:
        ValueError: there is no page, or see :func:`render`.
    """
    if not (docs / PAGE).is_file():
        raise ValueError(f'{docs / PAGE}: no such file')
    page = (docs / PAGE).read_text(encoding='utf-8')
    return render(page, chance=rows[CHANCE], published=rows[PUBLISHED], measured=rows[MEASURED])


def write_json(content: list | dict, file: Path) -> None:
    """Write a file of results, whole or not at all."""
    write_aside(file, json.dumps(content, indent=2, ensure_ascii=False) + '\n')


def replaced(rows: Sequence[Mapping], row: Mapping) -> list[Mapping]:
    """The rows with ``row`` in the place of the one of its data set, protocol and name, or at the end."""

    def key(one: Mapping) -> list:
        return [one.get(part) for part in ('data_set', 'protocol', 'name')]

    places = [place for place, other in enumerate(rows) if key(other) == key(row)]
    return [row if place in places else other for place, other in enumerate(rows)] + ([] if places else [row])


def render(page: str, *, chance: Mapping, published: Sequence[Mapping], measured: Sequence[Mapping]) -> str:
    """The page with updated tables, each between its two markers.

    Raises:
        ValueError: markers or rows are missing, or rows are of no known form.
    """
    for file, rows, told_by in ((PUBLISHED, published, 'source'), (MEASURED, measured, 'config')):
        for row in rows:
            _check_row(row, file, told_by=told_by)
    for data_set in DATA_SETS:
        for protocol in PROTOCOLS:
            begin, end = f'<!-- table {data_set} {protocol} -->', '<!-- end of table -->'
            if page.count(begin) != 1:
                raise ValueError(
                    f'{PAGE}: the line {begin} is there {page.count(begin)} times, expected once, with {end} below it'
                )
            lines = _table(
                protocol,
                chance=chance.get(data_set),
                published=_of(published, data_set, protocol),
                measured=_of(measured, data_set, protocol),
            )
            # Up to the next marker of any kind, so that a missing end does not swallow the rest of the page.
            page, count = re.subn(
                re.escape(begin) + r'(?:(?!<!--).)*' + re.escape(end),
                '\n'.join([begin, *lines, end]).replace('\\', r'\\'),
                page,
                flags=re.DOTALL,
            )
            if count != 1:
                raise ValueError(f'{PAGE}: no {end} below {begin}')
    return page


def _check_row(row: Mapping, file: str, *, told_by: str) -> None:
    if row.get('data_set') not in DATA_SETS or row.get('protocol') not in PROTOCOLS or 'values' not in row:
        raise ValueError(
            f'{file}: {row}: expected a data_set of {", ".join(DATA_SETS)}, a protocol of '
            f'{", ".join(PROTOCOLS)} and values'
        )
    for key in ('name', told_by):
        text = row.get(key)
        if not isinstance(text, str) or not text.strip() or not text.isprintable() or '<!--' in text:
            raise ValueError(f'{file}: a row has the {key} {text!r}, expected one line of text without "<!--"')


def _of(rows: Sequence[Mapping], data_set: str, protocol: str) -> list[Mapping]:
    return [row for row in rows if (row['data_set'], row['protocol']) == (data_set, protocol)]


def _table(
    protocol: str, *, chance: Mapping | None, published: Sequence[Mapping], measured: Sequence[Mapping]
) -> list[str]:
    columns = list(PROTOCOLS[protocol].columns)
    rows = (
        []
        if chance is None
        else [['chance', *_cells(protocol, chance[protocol], of='chance'), _chance_source(protocol, chance)]]
    )
    rows += [
        [row['name'], *_cells(protocol, row['values'], of=f'published {row["name"]}'), row['source']]
        for row in published
    ]
    rows += [
        [
            f'kdtoolbox: {row["name"]}',
            *(
                [NOT_MEASURED] * len(columns)
                if row['values'] is None
                else _cells(protocol, row['values'], of=f'measured {row["name"]}')
            ),
            _run_source(row),
        ]
        for row in measured
    ]
    cells = [['', *columns, 'source'], ['---'] * (len(columns) + 2), *rows]
    return ['| ' + ' | '.join(str(cell).replace('|', r'\|') for cell in line) + ' |' for line in cells]


def _cells(protocol: str, values: Mapping[str, float], *, of: str) -> list[str]:
    shares = PROTOCOLS[protocol].check(values, of=of)
    return [f'{100 * share:.1f}' for share in shares.values()]


def _chance_source(protocol: str, chance: Mapping) -> str:
    if protocol == 'retrieval':
        return f'{chance["num_queries"]} queries in {chance["num_gallery"]} gallery videos, split {chance["split"]}'
    return f'{chance["num_classes"]} classes'


def _run_source(row: Mapping) -> str:
    if row['values'] is None:
        return row['config']
    parts = [row['config']] + [f'{key} {row[key]}' for key in ('epoch', 'seed') if row[key] is not None]
    return ', '.join(parts if row['checkpoint'] else [*parts, 'untrained'])


def agrees_with_chance(values: Mapping[str, float], chance: Mapping[str, float]) -> bool:
    """Whether the chance level on a run's videos is that of the official ones, up to a few lost videos."""
    return all(math.isclose(values[column], share, abs_tol=0.005) for column, share in chance.items())
