"""Write a student for others to use: as a folder with its model card, or for another runtime."""

import argparse
import math
from collections.abc import Mapping
from pathlib import Path

from kdtoolbox import terminal
from kdtoolbox.cli.export_student import import_all
from kdtoolbox.deployment.hub import push_to_hub
from kdtoolbox.deployment.preprocessing import FILE as PREPROCESSING
from kdtoolbox.deployment.runtime_export import FILES, INT8_FILE, export_to, made_clips
from kdtoolbox.deployment.student import load_student
from kdtoolbox.deployment.student_folder import CHECKPOINT, is_student_folder, measured_before, write_student_folder
from kdtoolbox.deployment.student_parts import STUDENT_IN_A_RUN
from kdtoolbox.plain_files import read_json
from kdtoolbox.provenance import PROVENANCE


def run(args: argparse.Namespace) -> int:
    import_all(args.imports)
    if args.to != 'folder':
        return _for_another_runtime(args)
    checkpoint = checkpoint_of(args.student)
    measured = measured_before(checkpoint.parent) if checkpoint.name == CHECKPOINT else {}
    if args.metrics:
        metrics, protocol = read_metrics(Path(args.metrics))
        measured |= {'metrics': metrics, 'protocol': protocol}
    folder = write_student_folder(checkpoint, args.out, imports=args.imports, **measured)
    print(f'wrote {folder}: {", ".join(sorted(file.name for file in folder.iterdir()))}')
    if args.push_to_hub:
        print(f'pushed to {push_to_hub(folder, args.push_to_hub, private=args.private)}')
    return 0


def _for_another_runtime(args: argparse.Namespace) -> int:
    student = load_student(args.student, device='cpu')
    clips = student.clips_of(args.videos) if args.videos else made_clips(student)
    found = export_to(
        student, args.out, args.to, clips=clips, half=args.half, int8=args.int8, dynamic_batch=args.dynamic_batch
    )
    rows = [
        [
            one.output,
            f'{one.largest:.4g}',
            f'{one.difference:.2g}',
            f'{one.ratio:.1e}',
            f'{one.tolerance:.2g}',
            '–' if one.output != 'logits' else f'{100 * one.same_top1:.0f} %',
        ]
        for one in found
    ]
    header = ('output', 'largest', 'difference', 'ratio', 'accepted', 'same top-1')
    print(f'compared on {len(clips[1::2] if args.int8 else clips)} clips:')
    terminal.say(terminal.table_text(rows, header=header))
    file = Path(args.out) / (INT8_FILE if args.int8 else FILES[args.to])
    print(f'wrote {file} ({file.stat().st_size / 2**20:.1f} MiB), with {PREPROCESSING} beside it')
    return 0


def checkpoint_of(student: str) -> Path:
    """The checkpoint that is meant: itself, or the one in a student folder."""
    place = Path(student).expanduser()
    for folder in (place, place / STUDENT_IN_A_RUN):
        if is_student_folder(folder):
            return folder / CHECKPOINT
    if place.is_dir():
        raise ValueError(f'{student} is no student folder: name one, or a checkpoint in it')
    return place


def read_metrics(file: Path) -> tuple[dict[str, float], dict[str, str]]:
    """The metrics that ``kdtoolbox test --out`` wrote, and what they were measured on.

    Raises:
        ValueError: the file holds something else.
    """
    content = read_json(file, max_bytes=10_000_000)
    if not isinstance(content, Mapping):
        raise ValueError(f'{file} holds no metrics: expected what kdtoolbox test --out wrote')
    metrics = {key: value for key, value in content.items() if isinstance(value, (int, float)) and math.isfinite(value)}
    origin = content.get(PROVENANCE) or {}
    if not isinstance(origin, Mapping):
        raise ValueError(f'{file}: its {PROVENANCE} is a {type(origin).__name__}, expected an object in JSON')
    return metrics, {key: str(value) for key, value in origin.items() if value is not None}
