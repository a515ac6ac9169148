"""Which readers give the frames that were asked for?

Videos with numbered frames in the encodings of tests/video/numbered_videos.py, and those of the folders that are named
(a row each), are read by every reader: 10 clips of 16 neighbouring frames and 4 of scattered ones from each file, each
with a new reader. A frame is right if, of all frames of the file, it is nearest to the one that decoding in order, by
another build of FFmpeg, gives at that place. Each reader works in a
process of its own; where it dies or hangs is said.

    python benchmarks/right_frames.py [FOLDER ...] [--write docs/right_frames.md]
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.video_readers import READERS, available_readers, versions, videos_of  # noqa: E402
from tests.video.numbered_videos import KINDS, make_video  # noqa: E402

THUMBNAIL = (96, 64)  # width and height at which pictures are compared
SECONDS_TO_HANG, SECONDS_A_FILE = 120, 20
RESULTS = ROOT / 'benchmarks/results/right_frames.json'
MARK = 'answer: '  # readers print lines of their own
BEGIN, END = '<!-- table: begin -->\n', '<!-- table: end -->\n'


def truth_of(video: Path) -> np.ndarray:
    """(F, H, W, 3) RGB thumbnails of all frames, decoded in order."""
    width, height = THUMBNAIL
    raw = subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(),
            '-v',
            'quiet',
            '-i',
            video,
            '-map',
            '0:v:0',
            '-fps_mode',
            'passthrough',
            '-vf',
            f'format=rgb24,scale={width}:{height}:flags=area',
            '-f',
            'rawvideo',
            '-pix_fmt',
            'rgb24',
            '-',
        ],
        capture_output=True,
        check=True,
        stdin=subprocess.DEVNULL,
    ).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def clips_of(num_frames: int) -> list[list[int]]:
    draw = random.Random(0)
    starts = [draw.randrange(max(num_frames - 15, 1)) for _ in range(10)]
    clips = [[min(start + step, num_frames - 1) for step in range(16)] for start in starts]
    return clips + [[draw.randrange(num_frames) for _ in range(16)] for _ in range(4)]


def num_wrong(name: str, video: str, truth: np.ndarray) -> tuple[int, int]:
    """Of the frames asked for: wrong ones, all. Asked for are frames that the reader says there are."""
    wrong = total = 0
    for clip in clips_of(len(READERS[name](video))):
        for number, image in zip(clip, READERS[name](video).frames(clip), strict=True):
            small = cv2.resize(np.ascontiguousarray(image), THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.int16)
            distances = np.abs(truth - small).mean((1, 2, 3))
            # A picture that stands still is right at any of its places.
            wrong += number >= len(truth) or distances[number] > 1.2 * distances.min() + 0.05
            total += 1
    return int(wrong), total


def ask(name: str, videos: list[tuple[str, str]]) -> list[tuple[int, int] | str]:
    """Read each (video, file of its truth) in a process of its own, which is started anew where it dies or hangs."""
    answers: list[tuple[int, int] | str] = []
    while len(answers) < len(videos):
        rest = videos[len(answers) :]
        try:
            run = subprocess.run(
                [sys.executable, __file__, '--child', name],
                input=json.dumps(rest).encode(),
                capture_output=True,
                check=False,
                timeout=SECONDS_TO_HANG + SECONDS_A_FILE * len(rest),
            )
            printed, end = run.stdout, 'dies'
        except subprocess.TimeoutExpired as error:
            printed, end = error.stdout or b'', 'hangs'
        answers += [json.loads(line[len(MARK) :]) for line in printed.decode().splitlines() if line.startswith(MARK)]
        if len(answers) < len(videos):
            answers.append(end)
    return answers


def child(name: str) -> None:
    """A line of JSON for each video that is named on standard input."""
    for video, truth in json.load(sys.stdin):
        try:
            answer = num_wrong(name, video, np.load(truth))
        except Exception as error:  # any reader's error is a result here
            answer = f'cannot ({type(error).__name__})'
        print(MARK + json.dumps(answer), flush=True)


def table(results: dict) -> str:
    """Markdown: a row for each kind of file, wrong of all frames asked for."""
    names = results['readers']
    lines = [f'| file | {" | ".join(names)} |', '|---|' + '---|' * len(names)]
    for row, answers in results['rows'].items():
        cells = [answer if isinstance(answer, str) else f'{answer[0]} of {answer[1]}' for answer in answers]
        lines.append(f'| {row} | {" | ".join(cells)} |')
    return '\n'.join(lines) + '\n'


def sum_up(answers: list[tuple[int, int] | str]) -> tuple[int, int] | str:
    """Of several files: the sum of those that were read, unless none was."""
    numbers = [answer for answer in answers if not isinstance(answer, str)]
    if not numbers:
        return answers[0]
    failed = f', {len(answers) - len(numbers)} files not' if len(numbers) < len(answers) else ''
    wrong, total = (sum(column) for column in zip(*numbers, strict=True))
    return f'{wrong} of {total}{failed}' if failed else (wrong, total)


def measure(folders: list[Path]) -> dict:
    """All rows for all readers that import here."""
    results = {'versions': versions(), 'readers': available_readers(), 'rows': {}}
    with tempfile.TemporaryDirectory() as scratch:
        rows = {}
        for name, kind in KINDS.items():
            Path(scratch, name).mkdir()
            rows[name.replace('_', ' ')] = [make_video(kind, Path(scratch, name))]
        rows.update({f'{name} ({len(videos)} files)': videos for name, videos in videos_of(folders).items()})
        pairs = []
        for number, video in enumerate(video for videos in rows.values() for video in videos):
            np.save(truth := Path(scratch, f'{number}.npy'), truth_of(video))
            pairs.append((str(video), str(truth)))
        answers = {name: iter(ask(name, pairs)) for name in results['readers']}
        for row, videos in rows.items():
            results['rows'][row] = [sum_up([next(answers[name]) for _ in videos]) for name in results['readers']]
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folders', type=Path, nargs='*')
    parser.add_argument('--write', type=Path, help='page whose table is replaced')
    args = parser.parse_args()
    results = measure(args.folders)
    RESULTS.write_text(json.dumps(results, indent=1) + '\n')
    print(table(results))
    if args.write:
        before, _, rest = args.write.read_text().partition(BEGIN)
        args.write.write_text(before + BEGIN + table(results) + END + rest.partition(END)[2])


if __name__ == '__main__':
    if sys.argv[1:2] == ['--child']:
        child(sys.argv[2])
    else:
        main()
