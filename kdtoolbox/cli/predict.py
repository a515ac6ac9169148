"""The likeliest classes of videos, or of what a camera sees, of a student that learned classes."""

import argparse
import csv
import io
import json
import sys
import time
from collections.abc import Iterable, Sequence

from kdtoolbox import terminal
from kdtoolbox.cli.export_student import import_all
from kdtoolbox.deployment.camera import Camera, is_camera
from kdtoolbox.deployment.drawing import draw_on_video
from kdtoolbox.deployment.live import live_predictions
from kdtoolbox.deployment.prediction import Prediction
from kdtoolbox.deployment.student import Student, load_student
from kdtoolbox.deployment.video_samples import VideoPart, find_videos, windows
from kdtoolbox.safe_files import check_no_overwriting, write_aside
from kdtoolbox.video import DecodeError

CAMERA_WINDOW = 2.0  # seconds
SOME_FAILED = 1  # exit status where a video could not be read


def run(args: argparse.Namespace) -> int:
    import_all(args.imports)
    if is_camera(args.videos[0]):
        return _watch(args)
    found = find_videos(args.videos)
    for out in (args.json, args.csv, args.draw):
        check_no_overwriting(out, [video.file for video in found])
    if args.draw and len(found) != 1:
        raise ValueError(f'--draw draws on one video, but {args.videos[0]} holds {len(found)}')
    student = load_student(args.student, device=args.device, batch_size=args.batch_size)
    start = time.monotonic()
    predictions = _predict(student, found, args)
    _print(predictions, seconds=time.monotonic() - start)
    _write(predictions, args)
    if args.draw and not predictions[0].error:
        draw_on_video(found[0].file, args.draw, lambda time_: words_at(time_, predictions))
        print(f'wrote {args.draw}')
    return SOME_FAILED if any(one.error for one in predictions) else 0


def _write(predictions: Sequence[Prediction], args: argparse.Namespace) -> None:
    if args.json:
        write_aside(args.json, json.dumps([_as_dict(one) for one in predictions], indent=2, ensure_ascii=False))
    if args.csv:
        write_aside(args.csv, _csv(predictions))


def _predict(student: Student, found: Sequence[VideoPart], args: argparse.Namespace) -> list[Prediction]:
    if args.window is None:
        return list(student.predictions(found, topk=args.topk, num_workers=args.workers))
    parts, unreadable = [], []
    for video in found:
        try:
            parts += windows(video, seconds=args.window, stride_seconds=args.stride or args.window / 2)
        except DecodeError as error:
            unreadable.append(Prediction(str(video.file), error=str(error)))
    answers = student.predictions(parts, topk=args.topk, num_workers=args.workers, what='windows')
    return [*answers, *unreadable]


def _watch(args: argparse.Namespace) -> int:
    """Classes of a camera's last seconds, until it ends or Ctrl-C."""
    student = load_student(args.student, device=args.device, batch_size=args.batch_size)
    window = args.window or CAMERA_WINDOW
    stride = args.stride or window / 2
    camera = Camera(args.videos[0])
    kept: list[Prediction] = []
    number = 0
    try:
        if not terminal.is_quiet():
            print(f'{camera.name}: windows of {window:g} s, every {stride:g} s; Ctrl-C ends', file=sys.stderr)
        for one in live_predictions(student, camera, seconds=window, stride_seconds=stride, topk=args.topk):
            number += 1
            terminal.say(str(one))
            sys.stdout.flush()
            if args.json or args.csv:
                kept.append(one)
    except KeyboardInterrupt:
        pass
    finally:
        camera.close()
    print(f'{number} windows of {camera.name}')
    _write(kept, args)
    return 0


def words_at(time_: float, predictions: Sequence[Prediction]) -> list[str]:
    """What to write on a frame: the classes of the window whose middle is nearest to its time."""
    readable = [one for one in predictions if not one.error]

    def distance(one: Prediction) -> float:
        return 0.0 if one.seconds is None else abs(time_ - sum(one.seconds) / 2)

    best = min(readable, key=distance)
    return [f'{name} {share:.2f}' for name, share in zip(best.classes[:3], best.probabilities)]


def _print(predictions: Sequence[Prediction], *, seconds: float) -> None:
    for one in predictions:
        if one.error:
            print(f'not read: {one.error}', file=sys.stderr)
        else:
            terminal.say(str(one))
    readable = sum(not one.error for one in predictions)
    what = 'windows' if any(one.seconds for one in predictions) else 'videos'
    failed = len(predictions) - readable
    unread = f', {failed} could not be read' if failed else ''
    print(f'{readable} {what} in {seconds:.1f} s, {readable / max(seconds, 1e-9):.1f} a second{unread}')


def _as_dict(one: Prediction) -> dict:
    answer: dict = {'video': one.video}
    if one.seconds is not None:
        answer['seconds'] = list(one.seconds)
    if one.error:
        return {**answer, 'error': one.error}
    return {**answer, 'classes': [{'name': name, 'probability': share} for name, share in _pairs(one)]}


def _csv(predictions: Iterable[Prediction]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(['video', 'start_seconds', 'end_seconds', 'rank', 'class', 'probability', 'error'])
    for one in predictions:
        start, end = one.seconds or ('', '')
        for rank, (name, share) in enumerate(_pairs(one), start=1):
            writer.writerow([one.video, start, end, rank, name, f'{share:.6f}', ''])
        if one.error:
            writer.writerow([one.video, start, end, '', '', '', one.error])
    return text.getvalue()


def _pairs(one: Prediction) -> list[tuple[str, float]]:
    return list(zip(one.classes, one.probabilities))
