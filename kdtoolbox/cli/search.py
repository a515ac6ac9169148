"""The videos that are nearest to a video, among those whose features are stored."""

import argparse
import sys
from pathlib import Path, PurePosixPath

from kdtoolbox import terminal
from kdtoolbox.cli.export_student import import_all
from kdtoolbox.deployment.drawing import save_picture, strips
from kdtoolbox.deployment.student import Student, load_student
from kdtoolbox.deployment.student_parts import FEATURES_IN_A_RUN
from kdtoolbox.evaluation.feature_file import VideoFeatures, load_features
from kdtoolbox.provenance import CONTENT

FORMER_FEATURES = 'features.npz'  # of folders from before safetensors


def run(args: argparse.Namespace) -> int:
    import_all(args.imports)
    features = load_features(feature_file(args.features))
    student = student_of(features, args)
    found = student.nearest(args.query, features, topk=args.topk)
    rows = [[str(rank), f'{cosine:.3f}', name] for rank, (name, cosine) in enumerate(found, start=1)]
    terminal.say(terminal.table_text(rows, header=('', 'cosine', 'video'), num_left=3))
    if args.draw:
        root = Path(features.provenance.get('videos') or '.')
        captions = [(f'query: {args.query}', Path(args.query))]
        captions += [(f'{cosine:.3f}  {name}', root / inside(name)) for name, cosine in found]
        save_picture(strips(captions), args.draw)
        print(f'wrote {args.draw}')
        if gone := [str(file) for _, file in captions if not file.exists()]:
            print(f'not drawn: {len(gone)} videos that are not there any more, such as {gone[0]}', file=sys.stderr)
    return 0


def feature_file(place: str) -> Path:
    """The file that is meant: itself, or that of a folder which ``kdtoolbox distill`` wrote.

    Raises:
        ValueError: the folder has none.
    """
    path = Path(place)
    if not path.is_dir():
        return path
    found = next((path / name for name in (FEATURES_IN_A_RUN, FORMER_FEATURES) if (path / name).is_file()), None)
    if found is None:
        raise ValueError(
            f'{place} has no {FEATURES_IN_A_RUN}: kdtoolbox embed STUDENT VIDEOS --out FILE writes features'
        )
    return found


def student_of(features: VideoFeatures, args: argparse.Namespace) -> Student:
    """The student that made the features, or the one that is named; both must have the same weights.

    Raises:
        ValueError: it is not known or no longer there, or has other weights.
    """
    place = args.student or features.provenance.get('student')
    if not place:
        raise ValueError(f'{args.features} does not tell which student made it: name it, --student STUDENT')
    if not Path(place).exists():
        raise ValueError(f'the student {place} is not there: name where it is now, --student STUDENT')
    student = load_student(place, device=args.device, batch_size=args.batch_size)
    known, now = features.provenance.get('weights', ''), student.provenance()['weights']
    if known.partition(CONTENT)[2] != now.partition(CONTENT)[2]:
        raise ValueError(
            f'{args.features} was made by another student than {place} ({known[:80] or "unknown"}, now {now[:80]}): '
            'embed the videos again'
        )
    return student


def inside(name: str) -> PurePosixPath:
    """The path of a video as a feature file names it, which must not lead out of the folder of the videos.

    Raises:
        ValueError: it does.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or '..' in path.parts:
        raise ValueError(f'the feature file names {name[:60]!r}: expected a path below the folder of its videos')
    return path
