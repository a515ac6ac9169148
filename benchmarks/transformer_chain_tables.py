"""The tables of transformer_chain.py, from its results."""

from collections.abc import Mapping


def both_tables(content: Mapping) -> str:
    """The rows, and the differences between some of them."""
    return f'{table(content)}\n\n{differences_table(content)}'


def table(content: Mapping) -> str:
    """The rows as Markdown, shares in percent with their 95 % intervals."""
    lines = ['| | labels | top-1 | retrieval@1 | CPU, s |', '|---|---|---|---|---|']
    for row in content['rows']:
        cells = [
            '{:.1f} ({:.1f}–{:.1f})'.format(*(100 * row[name][key] for key in ('value', 'low', 'high')))
            if name in row
            else '–'
            for name in ('top-1', 'retrieval@1')
        ]
        cells = [row['name'], row['labels'] or '–', *cells, str(row.get('cpu_seconds', '–'))]
        lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines)


def differences_table(content: Mapping) -> str:
    """The differences of top-1 as Markdown, in points, with their 95 % intervals and McNemar's p."""
    lines = ['| top-1, points | labels | difference | p |', '|---|---|---|---|']
    for one in content['differences']:
        value = '{:+.1f} ({:+.1f} to {:+.1f})'.format(*(100 * one[key] for key in ('value', 'low', 'high')))
        lines.append(f'| {one["first"]} less {one["second"]} | {one["labels"]} | {value} | {one["p"]:.2g} |')
    return '\n'.join(lines)
