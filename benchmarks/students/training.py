"""One training of the study: the student's 3D layers, on stored outputs of its frozen stem."""

import math
import time
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.model import ExponentialMovingAverage
from row import Row
from scores import judged, teacher_judged
from splits import Split, split_of
from student import Student
from targets import probe, teacher_features
from torch import Tensor, nn
from views_cache import NETWORK_FILE, Views, picked

from kdtoolbox.criterion.criterion import Criterion, paths_of
from kdtoolbox.criterion.network_runs import NetworkRun, NetworkRuns
from kdtoolbox.criterion.shape_inference import asks_for_shapes, fill_in
from kdtoolbox.datasets.labels import UNLABELLED
from kdtoolbox.safe_files import load_safely

NUM_FRAMES, TEACHER_STRIDE = 8, 4
BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY, WARMUP_SHARE, LABEL_SMOOTHING = (
    8,
    1e-3,
    0.05,
    0.08,
    0.1,
)  # of real_video_config
EMA_MOMENTUM = 0.05  # of a training of a few hundred steps
TAPS = ('features', 'logits', 'backbone.top.0', 'backbone.top.1', 'backbone.top.2')
# Height and width to which the teacher's maps are averaged: those of the student's maps on a stem of stride 8. In the
# files of configs/methods, too, both networks have maps of the same size, and some losses need it.
MAP_SIZES = {'features.6': 7, 'features.13': 4, 'features.17': 2, 'features.18': 2}
TEACHER_TAPS = ('features', 'logits', 'frame_features', 'frame_logits')


def run(views: Views, row: Row, *, seed: int, on_test: bool, folder: Path) -> dict:
    """Train a row's student and judge it.

    Returns:
        What :func:`scores.judged` gives, with the CPU time of the training in seconds.
    """
    start = time.process_time()
    split_seed = seed if row.split_seed is None else row.split_seed
    split = split_of(views, seed=split_seed, on_test=on_test, labels_per_class=row.labels_per_class)
    name = f'{"test" if on_test else "fold"}_{row.labels_per_class}_{split_seed}'
    if row.is_teacher:
        known = probe(views, split, folder, name) if has_classes(row) else None
        return {**teacher_judged(views, split, known), 'seconds': round(time.process_time() - start, 1)}
    torch.manual_seed(seed)
    student = Student(row, len(views.classes), load_safely(folder / NETWORK_FILE, what='the image network'))
    student.to(views.device)
    if row.terms or row.labels_per_class != 0:
        student = train(student, row, split, Answers(views, row, split, folder, name), views, seed=seed)
    return {
        **judged(student, views, split, row.last_layer, has_classes=has_classes(row)),
        'seconds': round(time.process_time() - start, 1),
    }


def has_classes(row: Row) -> bool:
    """Whether the student learns the classes."""
    return row.labels_per_class != 0


def train(student: Student, row: Row, split: Split, teacher: 'Answers', views: Views, *, seed: int) -> nn.Module:
    """Train the student; gives it, or the moving average of its weights."""
    pool = split.training if row.unlabelled else split.training[split.labels[split.training] != UNLABELLED]
    batch_size = min(BATCH_SIZE, len(pool))
    steps = row.epochs * (len(split.training) // BATCH_SIZE)
    if not steps:
        raise ValueError(f'{len(split.training)} videos to learn from, {BATCH_SIZE} or more are needed for a batch')
    runs = network_runs(student, teacher)
    two = pool[:2], torch.zeros(2, dtype=torch.long)
    shown = picked(views.training[row.last_layer], *two)
    criterion = criterion_of(row.terms, student.eval()(shown), teacher(*two), runs).to(views.device)
    optimizer = torch.optim.AdamW(
        parameter_groups(student, criterion, row),
        lr=row.learning_rate,
        fused=True,  # a third of a step's time is the optimizer's otherwise
    )
    average = ExponentialMovingAverage(student, momentum=EMA_MOMENTUM, update_buffers=True) if row.ema else None
    warmup = max(1, int(WARMUP_SHARE * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: (
            (step + 1) / warmup
            if step < warmup
            else 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
        ),
    )
    generator, numbers = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    student.train()
    criterion.train()
    order = _order(pool, batch_size, generator)
    # A video's views in an order of its own, so that none comes again before all have come.
    view_order = torch.rand(len(views.names), teacher.num_views, generator=generator).argsort(1)
    turn = torch.zeros(len(views.names), dtype=torch.long)
    for step in range(steps):
        videos = next(order)
        view = view_order[videos, turn[videos] % teacher.num_views]
        turn[videos] += 1
        maps, answers, labels = (
            picked(views.training[row.last_layer], videos, view),
            teacher(videos, view),
            split.labels[videos].to(views.device),
        )
        if row.mixup:
            maps, answers = _mixed(maps, answers, numbers.beta(row.mixup, row.mixup, len(maps)))
        outputs = student(maps)
        losses = criterion(
            outputs,
            answers,
            labels=labels,
            sample_ids=[views.names[index] for index in videos.tolist()],
            progress=step / steps,
            runs=runs,
        )
        total = sum(value for name, value in losses.items() if name.startswith('loss_'))
        known = labels != UNLABELLED
        if has_classes(row) and bool(known.any()) and not row.mixup:
            entropy = F.cross_entropy(outputs['logits'][known], labels[known], label_smoothing=LABEL_SMOOTHING)
            total = total + entropy * known.float().mean()  # a clip without a label counts 0 in the mean
        optimizer.zero_grad(set_to_none=True)
        if isinstance(total, Tensor):  # else the batch has no label, and all terms need some
            total.backward()
            optimizer.step()
        schedule.step()
        if average is not None:
            average.update_parameters(student)
    if not math.isfinite(total):
        raise ValueError(f'the loss is {float(total)} at the end of the training')
    return (student if average is None else average.module).eval()


def parameter_groups(student: Student, criterion: nn.Module, row: Row) -> list[dict]:
    """Parameters with their rate and weight decay, which vectors have none of."""
    slow = {id(parameter) for parameter in student.with_image_weights()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for part in (student, criterion):
        for parameter in part.parameters():
            groups.setdefault((id(parameter) in slow, parameter.dim() > 1), []).append(parameter)
    return [
        {
            'params': parameters,
            'lr': row.learning_rate * (row.image_rate if is_slow else 1.0),
            'weight_decay': WEIGHT_DECAY if is_matrix else 0.0,
        }
        for (is_slow, is_matrix), parameters in groups.items()
    ]


class Answers:
    """What the teacher says of training views: logits (N, K), features (N, C), of single frames, and the inner maps
    (N, C, T', h, w) that the row's terms listen to.
    """

    def __init__(self, views: Views, row: Row, split: Split, folder: Path, name: str) -> None:
        self.frames, self.num_views = views.teacher, views.teacher.shape[1]
        self.features = teacher_features(views, split, of=row.target_of, form=row.target_form)
        weight, bias = (
            (one.to(views.device) for one in probe(views, split, folder, name)) if row.probed else views.classifier
        )
        # Made small: the random numbers of a large one would change every stored result.
        self.classifier = nn.Linear(1, 1)
        self.classifier.out_features, self.classifier.in_features = weight.shape
        self.classifier.weight, self.classifier.bias = (
            nn.Parameter(one, requires_grad=False) for one in (weight, bias)
        )
        of = teacher_features(views, split, of=row.target_of, form='plain')
        self.logits = self.classifier(of)
        asked = {path for term in row.terms.values() for path in teacher_paths(term)}
        self.maps = {layer: maps for layer, maps in views.teacher_maps.items() if layer in asked}

    def __call__(self, videos: Tensor, view: Tensor) -> dict[str, Tensor]:
        frames = self.frames[videos, view]
        return {
            'features': self.features[videos, view],
            'logits': self.logits[videos, view],
            'frame_features': frames.transpose(1, 2),
            'frame_logits': self.classifier(frames).transpose(1, 2),
            **{layer: _averaged(picked(maps, videos, view), layer) for layer, maps in self.maps.items()},
        }


def _averaged(maps: Tensor, layer: str) -> Tensor:
    """(N, C, T', H, W) -> (N, C, T', h, w), by :data:`MAP_SIZES`."""
    size = MAP_SIZES[layer]
    return F.adaptive_avg_pool3d(maps, (None, size, size))


def network_runs(student: Student, teacher: Answers) -> NetworkRuns:
    """Classifiers and time steps, for the losses and connectors that ask for them."""
    num_shown = teacher.frames.shape[2]
    return NetworkRuns(
        NetworkRun('student', NUM_FRAMES, 1, classifier=lambda: student.classifier),
        {'': NetworkRun('teacher', num_shown, TEACHER_STRIDE, classifier=lambda: teacher.classifier)},
    )


def criterion_of(
    terms: Mapping[str, Mapping], student: Mapping[str, Tensor], teacher: Mapping[str, Tensor], runs: NetworkRuns
) -> Criterion:
    """The criterion, in which every ``'auto'`` is found from the outputs of both networks."""
    filled = {
        name: fill_in(name, term, student, teacher, runs)[0] if asks_for_shapes(term) else term
        for name, term in terms.items()
    }
    return Criterion(filled)


def teacher_paths(term: Mapping) -> tuple[str, ...]:
    """The teacher's outputs that a term listens to."""
    taps = term.get('teacher', 'logits')
    return paths_of(taps) if taps else ()


def fits(terms: Mapping[str, Mapping], teacher_layers: Collection[str] = ()) -> bool:
    """Whether stored views have all that the terms listen to.

    Args:
        teacher_layers: whose maps are stored too.
    """
    return all(
        set(paths_of(term.get('student', 'logits'))) <= set(TAPS)
        and set(teacher_paths(term)) <= {*TEACHER_TAPS, *teacher_layers}
        for term in terms.values()
    )


def _order(pool: Tensor, batch_size: int, generator: torch.Generator):
    """Batches without end: an epoch in random order after the other, each without its incomplete rest."""
    while True:
        yield from pool[torch.randperm(len(pool), generator=generator)].split(batch_size)[: len(pool) // batch_size]


def _mixed(maps: Tensor, answers: Mapping[str, Tensor], shares: np.ndarray) -> tuple[Tensor, dict[str, Tensor]]:
    """Each clip mixed with the next; what the teacher says of both is mixed alike."""
    share = torch.from_numpy(shares).float().to(maps.device)

    def mix(values: Tensor) -> Tensor:
        weight = share.view(-1, *[1] * (values.dim() - 1))
        return weight * values + (1 - weight) * values.roll(1, 0)

    return mix(maps), {name: mix(value) for name, value in answers.items()}
