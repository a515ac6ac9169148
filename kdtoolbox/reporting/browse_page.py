"""The page of ``kdtoolbox browse``: clips as the student and each teacher sees them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from kdtoolbox.reporting.pages.blocks import Block, Chapter, Section, Strip, Strips, StripsOfClip, Text
from kdtoolbox.reporting.pages.page import render_page, write_page
from kdtoolbox.reporting.pages.sprites import Sprites, data_uri, spread
from kdtoolbox.views.seen_clips import SeenClip

MAX_FRAMES = 8
GAP = 2  # pixels between frames
LEGIBLE_HEIGHT = 112  # smaller pictures are enlarged, all by the same whole number
TRAINING = 'training'


def write_browse_page(
    parts: Mapping[str, Sequence[SeenClip]],
    out: str | Path,
    *,
    title: str,
    classes: Sequence[str],
    notes: Sequence[str],
) -> Path:
    """Write the page.

    Args:
        parts: name of a part of the data, such as ``'training'`` -> its clips.
        classes: names in label order.
        notes: sentences below the title.

    Returns:
        ``out``.
    """
    sections = [
        Section(f'part{number}', name, _blocks(clips, classes, f'part{number}-clips', shows_roles=name != TRAINING))
        for number, (name, clips) in enumerate(parts.items())
    ]
    return write_page(render_page(title, ' '.join(notes), [Chapter('clips', 'Clips', sections)], Sprites()), out)


def _blocks(clips: Sequence[SeenClip], classes: Sequence[str], name: str, *, shows_roles: bool) -> list[Block]:
    if not clips:
        return [Text('There are none.', 'missing')]
    times = sorted(clip.milliseconds for clip in clips)
    intro = (
        f'{len(clips)} clips; reading and decoding one took {times[len(times) // 2]:.0f} ms (median, '
        f'{times[0]:.0f} to {times[-1]:.0f}). Frames are as large as the network gets them'
    )
    zoom = max(1, LEGIBLE_HEIGHT // max(frames.shape[1] for clip in clips for frames in clip.seen.values()))
    intro += f', shown {zoom} times enlarged.' if zoom > 1 else '.'
    cards = [
        StripsOfClip(
            clip.sample_id or 'without a name',
            [
                classes[clip.label] if 0 <= clip.label < len(classes) else 'no label',
                *([clip.role] if clip.role and shows_roles else []),
                f'{clip.milliseconds:.0f} ms',
            ],
            [_strip(network, frames, zoom) for network, frames in clip.seen.items()],
            group=clip.label,
        )
        for clip in clips
    ]
    labels = sorted({clip.label for clip in clips if 0 <= clip.label < len(classes)})
    return [Text(intro), Strips(cards, name, {label: classes[label] for label in labels})]


def _strip(network: str, frames: np.ndarray, zoom: int) -> Strip:
    chosen = spread(len(frames), MAX_FRAMES)
    height, width = frames.shape[1:3]
    picture = Image.new('RGB', (len(chosen) * (width + GAP) - GAP, height), (128, 128, 128))
    for number, place in enumerate(chosen):
        picture.paste(Image.fromarray(frames[place]), (number * (width + GAP), 0))
    shown = f'{len(frames)} frames' if len(chosen) == len(frames) else f'{len(chosen)} of {len(frames)} frames'
    return Strip(
        f'{network}: {shown} of {width}×{height}', data_uri(picture), zoom * picture.width, zoom * picture.height
    )
