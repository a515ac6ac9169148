"""The page of ``kdtoolbox data``: classes, lengths, sizes, codecs, missing and broken videos, overlap."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kdtoolbox.preparation.video_facts import VideoFacts, alike
from kdtoolbox.reporting.figures.data import class_counts, lengths
from kdtoolbox.reporting.pages.blocks import Block, Card, Chapter, Clip, Gallery, Picture, Section, Table, Text
from kdtoolbox.reporting.pages.page import render_page, write_page
from kdtoolbox.reporting.pages.sprites import Sprites

MAX_CLASSES, MAX_NAMED, MAX_PAIRS = 60, 30, 40


@dataclass(frozen=True)
class DataPart:
    """A part of the data of a config.

    Args:
        name: such as ``'training'``.
        labels: (V,) of its videos, -1 for none.
        facts: of some of them or all.
        missing: annotated videos that are not on disk.
    """

    name: str
    labels: np.ndarray
    facts: Sequence[VideoFacts]
    missing: Sequence[str]


def write_data_page(
    parts: Sequence[DataPart],
    out: str | Path,
    *,
    title: str,
    classes: Sequence[str],
    findings: Sequence[str],
    overlap: tuple[str, str] | None,
) -> Path:
    """Write the page.

    Args:
        findings: of the checks that training makes of the data, as sentences.
        overlap: names of two parts that are to share no videos.

    Returns:
        ``out``.
    """
    sprites = Sprites()
    sections = [
        Section('size', 'How much there is', [_sizes(parts), *_verdicts(parts, findings)]),
        Section('classes', 'Classes', _classes(parts, classes)),
        Section('videos', 'Videos', _videos(parts)),
        Section('unreadable', 'Missing and broken videos', _unreadable(parts)),
        Section('overlap', 'Overlap', _overlap(parts, overlap, findings, sprites)),
    ]
    num_videos = sum(len(part.labels) for part in parts)
    subtitle = f'{num_videos} videos in {len(parts)} parts, {len(classes)} classes'
    return write_page(render_page(title, subtitle, [Chapter('data', 'Data', sections)], sprites), out)


def _sizes(parts: Sequence[DataPart]) -> Table:
    rows = []
    for part in parts:
        broken = sum(bool(one.problem) for one in part.facts)
        looked = f'{broken} of {len(part.facts)} looked at'
        unlabelled = int((part.labels < 0).sum())
        present = len(set(part.labels[part.labels >= 0].tolist()))
        rows.append([part.name, str(len(part.labels)), str(present), str(unlabelled), str(len(part.missing)), looked])
    return Table(('', 'videos', 'classes', 'without a label', 'missing', 'broken'), rows)


def _verdicts(parts: Sequence[DataPart], findings: Sequence[str]) -> list[Block]:
    if findings:
        return [Text(f'{finding[0].upper()}{finding[1:]}', 'verdict') for finding in findings]
    return [Text('The checks that training makes of the data found nothing.')]


def _classes(parts: Sequence[DataPart], classes: Sequence[str]) -> list[Block]:
    if not classes:
        return [Text('The data sets tell no classes.', 'missing')]
    counts = {part.name: np.bincount(part.labels[part.labels >= 0], minlength=len(classes)) for part in parts}
    total = sum(counts.values())
    order = np.argsort(-total, kind='stable')
    shown = (
        order if len(order) <= MAX_CLASSES else np.concatenate([order[: MAX_CLASSES // 2], order[-MAX_CLASSES // 2 :]])
    )
    figure = class_counts(
        [classes[n] for n in shown], {name: values[shown].tolist() for name, values in counts.items()}
    )
    cut = '' if len(shown) == len(order) else f' The {MAX_CLASSES // 2} largest and smallest of {len(order)} are drawn.'
    rows = [[classes[n], *(str(values[n]) for values in counts.values())] for n in order]
    return [Picture(figure, 'class-counts', f'Videos of each class.{cut}'), Table(('class', *counts), rows)]


def _videos(parts: Sequence[DataPart]) -> list[Block]:
    seconds = {part.name: [one.seconds for one in part.facts if one.seconds] for part in parts}
    seconds = {name: values for name, values in seconds.items() if values}
    blocks: list[Block] = []
    if seconds:
        blocks.append(Picture(lengths(seconds), 'lengths', 'Lengths by the header; the longest hundredth is cut off.'))
    for heading, text_of in (
        ('size', lambda one: f'{one.width}×{one.height}'),
        ('codec and container', lambda one: one.coding),
        ('frames a second', lambda one: f'{one.frames_per_second:.4g}' if one.frames_per_second else 'not told'),
        ('frames', _frames_in_words),
    ):
        blocks.append(_counted(parts, heading, text_of))
    return blocks


def _frames_in_words(one: VideoFacts) -> str:
    if not one.num_frames:
        return 'not told'
    limit = next((limit for limit in (8, 16, 32, 64, 128, 256, 1024) if one.num_frames < limit), None)
    return f'below {limit}' if limit else '1024 or more'


def _counted(parts: Sequence[DataPart], heading: str, text_of) -> Table:
    counts = {part.name: Counter(text_of(one) for one in part.facts if not one.problem) for part in parts}
    total = sum(counts.values(), Counter())
    rows = [[text, *(str(count[text]) for count in counts.values())] for text, _ in total.most_common(MAX_NAMED)]
    if len(total) > MAX_NAMED:
        rest = dict(total.most_common()[MAX_NAMED:])
        rows.append(['others', *(str(sum(count[text] for text in rest)) for count in counts.values())])
    return Table((heading, *counts), rows)


def _unreadable(parts: Sequence[DataPart]) -> list[Block]:
    rows = [[part.name, 'missing', name] for part in parts for name in part.missing]
    rows += [[part.name, one.problem, one.file] for part in parts for one in part.facts if one.problem]
    if not rows:
        found = 'None of those that were looked at, by their header and first picture.'
        return [Text(f'{found} A damaged end is found by `kdtoolbox prepare check --videos`.')]
    cut = f' The first {MAX_NAMED * 3} of {len(rows)}.' if len(rows) > MAX_NAMED * 3 else ''
    return [
        Table(('part', 'problem', 'video'), rows[: MAX_NAMED * 3], f'By header and first picture.{cut}', num_text=3)
    ]


def _overlap(
    parts: Sequence[DataPart], overlap: tuple[str, str] | None, findings: Sequence[str], sprites: Sprites
) -> list[Block]:
    by_name = {part.name: part for part in parts}
    if overlap is None or not set(overlap) <= by_name.keys():
        return [Text('There are no training and test videos to compare.', 'missing')]
    tested, trained = by_name[overlap[0]].facts, by_name[overlap[1]].facts
    pairs = alike(tested, trained)
    blocks: list[Block] = [
        Text(
            f'Compared by path, content and group: see above. By the first picture, {len(pairs)} of {len(tested)} '
            f'{overlap[0]} videos look like a {overlap[1]} video: the same video, a cut of it, or the same camera and '
            'place. Look at them.'
            if pairs
            else f'By the first picture, none of {len(tested)} {overlap[0]} videos looks like one of {len(trained)} '
            f'{overlap[1]} videos.'
        )
    ]
    cards = [
        Card(
            Clip(sprites.of_file(tested[one].file), Path(tested[one].file).name, (overlap[0],)),
            [
                Clip(
                    sprites.of_file(trained[other].file),
                    Path(trained[other].file).name,
                    (overlap[1], f'{bits} of 256 bits'),
                )
            ],
        )
        for one, other, bits in pairs[:MAX_PAIRS]
    ]
    if cards:
        blocks.append(Gallery(cards, 'alike', others=f'{overlap[1]} videos that look alike'))
    return blocks
