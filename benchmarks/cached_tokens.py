"""What is read of a cached teacher's tokens where the student sees a fifth of them: all, or those drawn alone.

The cache has the sizes of UMT's config: a ViT-B/16, six depths, 197 tokens of 768 channels in half precision; the
values are random. A batch, eighth frames of videos, is looked up by ``CachedTeacher.read``, with all tokens and with
those of a draw. Warm: the pages are in memory; processor time. Cold: they were dropped from memory before; time of the
clock, and what came from the disk (/proc/self/io), in whole pages. ``without telling the system``: the same without
``fetch_ahead``, so that the system reads ahead as it does by default.

    python -m benchmarks.cached_tokens [--clips 8] [--rounds 5] [--keep 0.2] [--tiny] [--out FILE]
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import torch
from mmengine.registry import init_default_scope

import kdtoolbox.distillers  # noqa: F401  registers
from benchmarks.machine import machine
from kdtoolbox.hidden_tokens import RandomTokens
from kdtoolbox.registry import MODELS
from kdtoolbox.safe_files import write_aside
from kdtoolbox.taps import FRAME_FEATURES, FRAME_LOGITS
from kdtoolbox.teacher_cache import CachedFrames, FrameKeys, TeacherCache, shards
from kdtoolbox.teacher_cache.frame_keys import SourceState
from kdtoolbox.teacher_cache.layout import CacheSettings, save_settings, shard_file
from kdtoolbox.teacher_cache.shards import CachedVideo, write_shard
from kdtoolbox.teachers.cached_teacher import build_frame_teacher, teacher_identity
from kdtoolbox.terminal import table_text

RESULTS = Path(__file__).parent / 'results/cached_tokens.json'
FRAMES, APART, VIEWS, DECODER = 8, 8, 'one view', 'a decoder'
UNTOLD, ALL, DRAWN = 'all tokens, without telling the system', 'all tokens', 'drawn tokens alone'


def settings(*, tiny: bool) -> dict:
    """Sizes of the teacher: a ViT-B/16 of 224², or a small one."""
    if tiny:
        return dict(img_size=32, patch_size=16, embed_dim=32, depth=2, num_heads=2, listened=[0, 1])
    return dict(img_size=224, patch_size=16, embed_dim=768, depth=12, num_heads=12, listened=list(range(6, 12)))


def write(folder: Path, size: dict, *, num_clips: int) -> dict:
    """A cache of random tokens, one video for each clip, all in one shard; the config of its teacher."""
    import timm

    options = {name: value for name, value in size.items() if name != 'listened'}
    torch.manual_seed(0)
    vit = timm.models.VisionTransformer(num_classes=10, **options)
    config = dict(type='ImageTeacher', model=vit, view=dict(size=size['img_size']))
    taps = [f'blocks.{depth}' for depth in size['listened']]
    tokens = 1 + (size['img_size'] // size['patch_size']) ** 2
    shapes = {FRAME_LOGITS: [10], FRAME_FEATURES: [size['embed_dim']]}
    shapes |= {tap: [tokens, size['embed_dim']] for tap in taps}
    identity = teacher_identity(build_frame_teacher(config), config, taps=taps, top_k=None)
    names = [f'video{number}' for number in range(num_clips)]
    save_settings(CacheSettings(identity, VIEWS, 1, shapes, None, names, num_clips), folder)
    count = FRAMES * APART
    values = {output: torch.randn(num_clips * count, *shape).half() for output, shape in shapes.items()}
    videos = [
        CachedVideo(name, number * count, count, count, size=1, modified_ns=1, sha256='', decoder=DECODER)
        for number, name in enumerate(names)
    ]
    write_shard(shard_file(folder, 0), values, videos)
    return dict(type='CachedTeacher', teacher=config, cache=str(folder), taps=taps)


def batch_of(num_clips: int) -> CachedFrames:
    """One clip of each video."""
    keys = tuple(
        FrameKeys(f'video{number}', 0, tuple(range(0, FRAMES * APART, APART)), SourceState('', 1, 1), DECODER, VIEWS)
        for number in range(num_clips)
    )
    return CachedFrames(keys, torch.zeros(num_clips, 3, FRAMES, 1, 1), frame_stride=1)


def drop_from_memory(folder: Path) -> None:
    """Have the system forget the pages of the shards, which no one may have mapped."""
    for file in folder.glob('*.safetensors'):
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def from_disk() -> int:
    """Bytes that this process has had fetched from disks."""
    lines = Path('/proc/self/io').read_text(encoding='utf-8').splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith('read_bytes')))


def read_ahead_kb() -> int | None:
    """Of the disk with the temporary files, the largest where there are several; None where the system does not say."""
    files = Path('/sys/block').glob('*/queue/read_ahead_kb')
    return max((int(file.read_text(encoding='utf-8')) for file in files), default=None)


def measure(folder: Path, size: dict, *, num_clips: int, rounds: int, keep: float) -> dict[str, dict]:
    """name of the way -> its numbers."""
    teacher = MODELS.build(write(folder, size, num_clips=num_clips))
    taps = [f'blocks.{depth}' for depth in size['listened']]
    teacher.listen(taps)
    frames, side = batch_of(num_clips), size['img_size'] // size['patch_size']
    draw = RandomTokens(keep=keep)
    found: dict[str, dict[str, list]] = {UNTOLD: {}, ALL: {}, DRAWN: {}}
    for number in range(rounds + 1):
        hidden = draw((FRAMES, side, side), [key.sample_id for key in frames.keys])
        assert hidden is not None, 'keep is below 1'
        wanted = torch.nn.functional.pad(~hidden.view(num_clips, FRAMES, -1), (1, 0))  # no class token
        for way in found:
            tokens = dict.fromkeys(taps, wanted) if way == DRAWN else {}
            teacher.cache = TeacherCache(folder)  # maps no file yet
            drop_from_memory(folder)
            teacher.cache.shard(0)  # its header
            told = mock.patch.object(shards, 'fetch_ahead', lambda *_: None) if way == UNTOLD else nullcontext()
            with told:
                before, start = from_disk(), time.perf_counter()
                teacher.read(frames, taps, tokens)
                cold, fetched = time.perf_counter() - start, from_disk() - before
                start = time.process_time()
                teacher.read(frames, taps, tokens)
                warm = time.process_time() - start
            for name, value in (('cold, ms', 1e3 * cold), ('from disk, MB', fetched / 1e6), ('warm, ms', 1e3 * warm)):
                if number:
                    found[way].setdefault(name, []).append(value)
    bytes_of_a_token = 2 * size['embed_dim'] * len(taps)
    every = num_clips * FRAMES * (1 + side**2)
    picked = {UNTOLD: every, ALL: every, DRAWN: int(wanted.sum())}
    return {
        way: {
            'asked for, MB': round(picked[way] * bytes_of_a_token / 1e6, 2),
            **{name: round(statistics.median(values), 2) for name, values in numbers.items()},
        }
        for way, numbers in found.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--clips', type=int, default=4, help='of a batch')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--keep', type=float, default=0.2, help='share of the tokens that the student sees')
    parser.add_argument('--tiny', action='store_true', help='a small teacher, to try this out')
    parser.add_argument('--out', type=Path, help=f'JSON of the numbers; default: {RESULTS.name}, with --tiny none')
    args = parser.parse_args()
    init_default_scope('kdtoolbox')
    torch.set_num_threads(1)
    size = settings(tiny=args.tiny)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), size, num_clips=args.clips, rounds=args.rounds, keep=args.keep)
    columns = list(rows[ALL])
    print(table_text([[way, *map(str, row.values())] for way, row in rows.items()], header=['', *columns], num_left=1))
    about = {'machine': machine(torch.device('cpu')), 'rounds': args.rounds}
    sizes = {'clips': args.clips, 'frames': FRAMES, 'keep': args.keep, **size}
    sizes['read_ahead_kb'] = read_ahead_kb()
    if args.out or not args.tiny:
        write_aside(args.out or RESULTS, json.dumps({**about, 'size': sizes, 'rows': rows}, indent=1) + '\n')


if __name__ == '__main__':
    main()
