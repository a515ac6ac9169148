"""What does a step of UMT cost, in time and memory, where the student sees all, half or a fifth of its tokens?

A ViT learns the tokens of an image ViT at its last six blocks; 16 frames of 224² on a GPU. For each share of tokens:

- ``distiller``: the step of the toolbox, the teacher runs;
- ``distiller, teacher given``: the teacher's answers are there in half precision, as from a cache without its reading:
  what is left, without the optimizer, is the student's part;
- ``plain loop``: the loop of the papers' code, written out, with the same networks.

Time: on a GPU seconds between synchronised steps, on a CPU processor time, as others use the machine. Memory: bytes
that autograd keeps for the backward pass, the same on both; on a GPU also the peak that PyTorch allocated.

    python -m benchmarks.hidden_tokens [--device cuda] [--tiny] [--rounds 5] [--out FILE]
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import timm
import torch
from mmaction.structures import ActionDataSample
from mmengine.registry import init_default_scope
from torch import Tensor, nn

import kdtoolbox.distillers  # noqa: F401  registers
from kdtoolbox.hidden_tokens import grid_of, hiding
from kdtoolbox.registry import MODELS
from kdtoolbox.safe_files import write_aside
from kdtoolbox.terminal import table_text

RESULTS = Path(__file__).parent / 'results/hidden_tokens.json'
KEEPS = (1.0, 0.5, 0.2)
WIDTHS = {'ViT-S': (384, 6), 'ViT-B': (768, 12)}
DEPTH, PATCH = 12, 16
LISTENED = range(6, 12)
GOALS = {'student_time_at_0.2': 0.3, 'student_memory_at_0.2': 0.35, 'choosing_and_gathering': 0.02}


def settings(*, tiny: bool) -> dict:
    """What is measured: students, frames, pixels, clips of a batch."""
    if tiny:
        return dict(students=['ViT-S'], frames=8, pixels=96, batch=2, teacher='ViT-S')
    return dict(students=['ViT-S', 'ViT-B'], frames=16, pixels=224, batch=16, teacher='ViT-B')


def build(student: str, keep: float, size: dict, device: torch.device) -> nn.Module:
    """The distiller of UMT with a student and a share of tokens, weights from one seed."""
    (channels, heads), grid = WIDTHS[student], (size['frames'] // 2, *[size['pixels'] // PATCH] * 2)
    teacher_channels, teacher_heads = WIDTHS[size['teacher']]
    vit = timm.models.VisionTransformer(
        img_size=size['pixels'], patch_size=PATCH, embed_dim=teacher_channels, depth=DEPTH, num_heads=teacher_heads
    )
    torch.manual_seed(0)
    distiller = MODELS.build(
        dict(
            type='Distiller',
            use_labels=False,
            clip_shape=(size['frames'], size['pixels'], size['pixels']),
            student_view=dict(size=size['pixels']),
            student=dict(
                type='Recognizer3D',
                backbone=dict(
                    type='VisionTransformer', img_size=size['pixels'], patch_size=PATCH, embed_dims=channels,
                    depth=DEPTH, num_heads=heads, mlp_ratio=4, num_frames=size['frames'], tubelet_size=2,
                ),
                cls_head=dict(type='TimeSformerHead', num_classes=10, in_channels=channels),
                data_preprocessor=dict(
                    type='ActionDataPreprocessor', mean=[110.0] * 3, std=[50.0] * 3, format_shape='NCTHW'
                ),
            ),
            student_tokens=dict(type='AttentionTokens', keep=keep),
            teacher=dict(
                type='ImageTeacher', model=vit, view=dict(size=size['pixels'], frame_stride=2), chunk_size=4096,
                compute_dtype='bfloat16' if device.type == 'cuda' else 'float32',
            ),
            terms=dict(
                umt=dict(
                    student=[f'backbone.blocks.{depth}' for depth in LISTENED],
                    teacher=[f'blocks.{depth}' for depth in LISTENED],
                    student_connector=dict(type='PatchTokens'),
                    teacher_connector=[
                        dict(type='TokensToMap', num_prefix_tokens=1), dict(type='MatchGrid', grid=grid)
                    ],
                    loss=dict(type='UMT', student_channels='auto', teacher_channels='auto'),
                )
            ),
        )
    )  # fmt: skip
    return distiller.to(device).train()


def batch_of(distiller: nn.Module, size: dict) -> dict:
    """One batch as the data preprocessor gives it."""
    shape = (1, 3, size['frames'], size['pixels'], size['pixels'])
    generator = torch.Generator().manual_seed(0)
    clips = [torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator) for _ in range(size['batch'])]
    samples = [ActionDataSample() for _ in clips]
    for number, sample in enumerate(samples):
        sample.set_metainfo(dict(sample_id=f'video{number}'))
    return distiller.data_preprocessor(dict(inputs=clips, data_samples=samples), training=True)


def plain_loss(distiller: nn.Module, data: dict, keep: float) -> Tensor:
    """The loss of the papers' code: teacher, multinomial draw, ``x[~mask]``, blocks, one decoder a depth, 2 - 2 cos."""
    backbone, decoders = distiller.student.backbone, distiller.criterion.terms['umt'].loss.decoders
    answers = distiller.teachers[''](data['teacher_inputs'][''])
    x = backbone.patch_embed(data['inputs'][:, 0])[0] + backbone.pos_embed
    num_clips, num_tokens, channels = x.shape
    targets = [answers[f'blocks.{depth}'][..., 1:].flatten(2).transpose(1, 2) for depth in LISTENED]
    if keep < 1:
        weights = answers['class_attention'].transpose(1, 2).flatten(0, 1)  # (N T, places)
        count = weights.shape[1] - int(weights.shape[1] * (1 - keep))
        mask = torch.ones_like(weights, dtype=torch.bool)
        mask.scatter_(1, torch.multinomial(weights, count), False)
        mask = mask.view(num_clips, num_tokens)
        x = x[~mask].reshape(num_clips, -1, channels)
        targets = [target[~mask].reshape(num_clips, x.shape[1], -1) for target in targets]
    losses = []
    for depth, block in enumerate(backbone.blocks):
        x = block(x)
        if depth in LISTENED:
            prediction = decoders[depth - LISTENED[0]](x)
            target = targets[depth - LISTENED[0]]
            losses.append((2 - 2 * nn.functional.cosine_similarity(prediction, target, dim=-1)).mean())
    return torch.stack(losses).mean()


def kept_for_backward(run: Callable[[], Tensor], model: nn.Module) -> int:
    """Bytes that autograd keeps of one forward pass, each storage once, without parameters and buffers."""
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    storages: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = run()
    del loss
    return sum(storages.values())


class Clock:
    """Milliseconds of something: of the processor, or on a GPU between two synchronisations."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def __call__(self, run: Callable[[], object]) -> float:
        start = self._now()
        run()
        return 1000 * (self._now() - start)

    def _now(self) -> float:
        if self.device.type == 'cuda':
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()


def measure(student: str, keep: float, size: dict, device: torch.device, rounds: int) -> list[dict]:
    """Rows of the three ways; they take turns."""
    distiller, clock = build(student, keep, size, device), Clock(device)
    data = batch_of(distiller, size)
    optimizer = torch.optim.AdamW([one for one in distiller.parameters() if one.requires_grad], lr=1e-5)
    teacher = distiller.teachers['']
    half = {path: answer.half() for path, answer in teacher(data['teacher_inputs']['']).items()}
    runs, given = teacher.forward, lambda frames: {path: answer.float() for path, answer in half.items()}

    def there_and_back(loss: Callable[[], Tensor]) -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == 'cuda'):
            value = loss()
        value.backward()

    def update() -> None:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def distil(forward) -> Callable[[], Tensor]:
        def loss() -> Tensor:
            teacher.forward = forward
            return distiller(**data, mode='loss')['loss_umt']

        return loss

    ways = {
        'distiller': distil(runs),
        'distiller, teacher given': distil(given),
        'plain loop': lambda: plain_loss(distiller, data, keep),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    parts: dict[str, list[float]] = {'choosing': [], 'gathering': []}
    peaks, updates = {}, []
    for turn in range(rounds + 1):
        for name, loss in ways.items():
            teacher.forward = runs
            if device.type == 'cuda':
                torch.cuda.reset_peak_memory_stats()
            taken, updating = clock(lambda loss=loss: there_and_back(loss)), clock(update)
            if turn:  # the first warms up
                times[name].append(taken)
                updates.append(updating)
            if device.type == 'cuda':
                peaks[name] = torch.cuda.max_memory_allocated() / 2**20
        for name, taken in parts_of(distiller, data, half, clock).items():
            if turn:
                parts[name].append(taken)
    updating = statistics.median(updates)
    whole = statistics.median(times['distiller']) + updating
    rows = []
    for name, loss in ways.items():
        row = {
            'student': student,
            'keep': keep,
            'way': name,
            'step_ms': round(statistics.median(times[name]) + updating, 2),
            'without_optimizer_ms': round(statistics.median(times[name]), 2),
            'memory_mib': round(kept_for_backward(loss, distiller) / 2**20, 2),
        }
        if name in peaks:
            row['peak_mib'] = round(peaks[name], 1)
        if name == 'distiller':
            row |= {f'{part}_ms': round(statistics.median(taken), 3) for part, taken in parts.items()}
            row['share_of_choosing_and_gathering'] = round(sum(map(statistics.median, parts.values())) / whole, 4)
        rows.append(row)
    teacher.forward = runs
    return rows


def parts_of(distiller: nn.Module, data: dict, answers: dict, clock: Clock) -> dict[str, float]:
    """Milliseconds of the draw and of taking the visible tokens out of the others."""
    tokens, student, inputs = distiller.student_tokens, distiller.student, data['inputs']
    grid, ids = grid_of(student, inputs), [sample.sample_id for sample in data['data_samples']]
    found: list = []
    choosing = clock(
        lambda: found.append(tokens(grid, ids, weights=answers['class_attention'].float().cpu()))
    )  # the copy to the host is part of it
    if found[0] is None:
        return {'choosing': choosing, 'gathering': 0.0}
    hidden = found[0].to(inputs.device)
    x = torch.zeros(len(inputs), hidden.shape[1], student.backbone.embed_dims, device=inputs.device)
    with hiding(student, hidden):
        return {'choosing': choosing, 'gathering': clock(lambda: student.backbone.pos_drop(x))}


def against_goals(rows: list[dict]) -> dict[str, dict]:
    """Student -> the ratios that the goals are about."""

    def of(student: str, keep: float, way: str) -> dict:
        return next(row for row in rows if (row['student'], row['keep'], row['way']) == (student, keep, way))

    found = {}
    for student in dict.fromkeys(row['student'] for row in rows):
        few, all_ = (of(student, keep, 'distiller, teacher given') for keep in (0.2, 1.0))
        found[student] = {
            'student_time_at_0.2': round(few['without_optimizer_ms'] / all_['without_optimizer_ms'], 3),
            'student_memory_at_0.2': round(few['memory_mib'] / all_['memory_mib'], 3),
            'choosing_and_gathering': of(student, 0.2, 'distiller')['share_of_choosing_and_gathering'],
            'distiller_to_plain_loop_at_0.2': round(
                of(student, 0.2, 'distiller')['step_ms'] / of(student, 0.2, 'plain loop')['step_ms'], 3
            ),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--tiny', action='store_true', help='a ViT-S on 8 frames of 96², batch 2: for a CPU')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    init_default_scope('kdtoolbox')
    device, size = torch.device(args.device), settings(tiny=args.tiny)
    if device.type == 'cpu':
        torch.set_num_threads(1)
    rows = [
        row
        for student in size['students']
        for keep in KEEPS
        for row in measure(student, keep, size, device, args.rounds)
    ]
    columns = ('student', 'keep', 'way', 'step_ms', 'without_optimizer_ms', 'memory_mib')
    print(table_text([[str(row[column]) for column in columns] for row in rows], header=columns, num_left=3))
    ratios = against_goals(rows)
    for student, found in ratios.items():
        for name, value in found.items():
            goal = f', goal at most {GOALS[name]}' if name in GOALS else ''
            print(f'{student}: {name} {value}{goal}')
    name = torch.cuda.get_device_name() if device.type == 'cuda' else platform.processor() or platform.machine()
    about = {'device': name, 'torch': torch.__version__, 'rounds': args.rounds, 'tiny': args.tiny, 'size': size}
    write_aside(args.out, json.dumps({**about, 'goals': GOALS, 'ratios': ratios, 'rows': rows}, indent=1))


if __name__ == '__main__':
    main()
