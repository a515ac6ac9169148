"""What does exact retrieval cost, beside a plain float32 product with top-k and beside scikit-learn's full sort?

Shares of queries with a vector of their class among the nearest, for k = 1, 5, 10, 20, 50, at the size of UCF-101:
3,783 queries, 9,537 gallery vectors of 512 components, positive as pooled features behind a ReLU are. Processor time;
the ways take turns, so that a machine whose speed drifts slows all of them.

    python benchmarks/retrieval.py [--queries 3783] [--gallery 9537] [--rounds 5] [--without-sklearn]
    python benchmarks/retrieval.py --queries 20000 --gallery 240000 --memory    # time and memory of ours alone, once
"""

import argparse
import json
import re
import statistics
import sys
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from kdtoolbox.evaluation.nearest import nearest_neighbours, retrieval_topk  # noqa: E402
from kdtoolbox.safe_files import write_aside  # noqa: E402

TOPK = (1, 5, 10, 20, 50)
COMPONENTS, CLASSES = 512, 101
RESULTS = ROOT / 'benchmarks/results/retrieval.json'


def features(number: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Vectors (N, 512) around the mean of their class, and their classes."""
    labels = torch.arange(number) % CLASSES
    means = torch.randn(CLASSES, COMPONENTS, generator=torch.Generator().manual_seed(0))
    return F.relu(means[labels] + torch.randn(number, COMPONENTS, generator=generator)), labels


def plain_float32(queries: Tensor, query_labels: Tensor, gallery: Tensor, gallery_labels: Tensor) -> dict[int, float]:
    """One product and top-k; equal vectors come in any order."""
    scores = F.normalize(queries, dim=1) @ F.normalize(gallery, dim=1).T
    hits = gallery_labels[scores.topk(max(TOPK), dim=1).indices] == query_labels[:, None]
    return {k: hits[:, :k].any(1).double().mean().item() for k in TOPK}


def full_sort(queries: Tensor, query_labels: Tensor, gallery: Tensor, gallery_labels: Tensor) -> dict[int, float]:
    """The way of the original experiments."""
    from sklearn.metrics.pairwise import cosine_distances

    order = cosine_distances(queries.numpy(), gallery.numpy()).argsort(axis=1)[:, : max(TOPK)]
    hits = gallery_labels.numpy()[order] == query_labels.numpy()[:, None]
    return {k: float(hits[:, :k].any(1).mean()) for k in TOPK}


def peak_bytes() -> int:
    """The most memory that this process has had since :func:`forget_peak` (Linux)."""
    return 1024 * int(re.search(r'VmHWM:\s+(\d+) kB', Path('/proc/self/status').read_text())[1])


def forget_peak() -> None:
    """Begin anew: the peak is what the process has now."""
    Path('/proc/self/clear_refs').write_text('5')


def alone(data: tuple[Tensor, ...], out: Path) -> None:
    """Print and store seconds and memory, beyond that of the vectors, of one retrieval and of 20 neighbours."""
    size = [len(data[0]), len(data[2]), COMPONENTS]
    rows = {}
    for name, way in (
        ('retrieval, top 1 to 50', lambda: retrieval_topk(*data, TOPK)),
        ('20 nearest neighbours', lambda: nearest_neighbours(data[0], data[2], 20)),
    ):
        forget_peak()
        before, start = peak_bytes(), time.process_time()
        way()
        taken = time.process_time() - start
        rows[name] = {'seconds': round(taken, 1), 'MB more': round((peak_bytes() - before) / 1e6)}
        print(
            f'{size[0]} x {size[1]}, {name}: {taken:.1f} s, {rows[name]["MB more"]} MB beyond the vectors', flush=True
        )
    content = json.loads(out.read_text())
    content['large'] = {'size': size, 'rows': rows, 'torch': torch.__version__}
    write_aside(out, json.dumps(content, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--queries', type=int, default=3783)
    parser.add_argument('--gallery', type=int, default=9537)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--without-sklearn', action='store_true')
    parser.add_argument('--memory', action='store_true', help='time and peak memory of ours alone, once')
    parser.add_argument('--out', type=Path, default=RESULTS, help='JSON of the numbers')
    args = parser.parse_args()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(1)
    data = (*features(args.queries, generator), *features(args.gallery, generator))
    if args.memory:
        return alone(data, args.out)
    ways = {'plain float32': plain_float32, 'kdtoolbox, exact': lambda *data: retrieval_topk(*data, TOPK)}
    if not args.without_sklearn:
        ways['scikit-learn, full sort'] = full_sort
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, way in ways.items():
            start = time.process_time()
            way(*data)
            seconds[name].append(time.process_time() - start)
    plain = seconds['plain float32']
    rows = {
        name: {
            'seconds': round(statistics.median(taken), 3),
            'ratio': round(statistics.median(one / other for one, other in zip(taken, plain)), 2),
        }
        for name, taken in seconds.items()
    }
    for name, row in rows.items():
        print(f'{name:24} {row["seconds"]:8.3f} s  {row["ratio"]:6.2f}')
    size = [args.queries, args.gallery, COMPONENTS]
    content = json.loads(args.out.read_text()) if args.out.exists() else {}
    content |= {'torch': torch.__version__, 'rounds': args.rounds, 'size': size, 'rows': rows}
    write_aside(args.out, json.dumps(content, indent=1))


if __name__ == '__main__':
    main()
