"""Two processes, each with a part of the samples, give what one gives with all of them."""

import pytest
import torch
from mmengine.evaluator import Evaluator

from kdtoolbox.registry import METRICS
from tests.two_processes import in_two_processes

NUM_SAMPLES = 61


def evaluate(rank, num_processes):
    """What a process computes that gets every ``num_processes``-th sample, as from a distributed sampler."""
    generator = torch.Generator().manual_seed(0)
    samples = [
        {
            'sample_id': f'v{number}',
            'role': 'gallery' if number % 2 else 'query',
            'gt_labels': {'item': torch.tensor([number // 2 % 6])},
            'clip_features': torch.randn(4, generator=generator),
            'pred_scores': {'item': torch.randn(6, generator=generator)},
        }
        for number in range(NUM_SAMPLES)
    ]
    filled_up = samples + samples[: -NUM_SAMPLES % num_processes]
    metrics = [
        dict(type='ClipRetrieval', topk=(1, 5)),
        dict(type='KNNAccuracy', num_neighbours=7),
        dict(type='LinearProbeAccuracy'),
        dict(type='QueryAccuracy'),
        dict(type='Calibration', average_clips='score'),
        dict(type='QueryConfusion'),
    ]
    evaluator = Evaluator([METRICS.build(metric) for metric in metrics])
    for sample in filled_up[rank::num_processes]:
        evaluator.process([sample], None)
    return evaluator.evaluate(NUM_SAMPLES)


def test_two_processes_give_what_one_gives(tmp_path):
    """The first of the two holds all queries, the second all of the gallery."""
    results = in_two_processes(evaluate, tmp_path)
    alone = evaluate(0, 1)
    assert set(alone) == {
        'retrieval/top1',
        'retrieval/top5',
        'retrieval/chance_top1',
        'retrieval/chance_top5',
        'knn/top1',
        'knn/top1_unweighted',
        'knn/chance',
        'linear/top1',
        'linear/top5',
        'linear/l2',
        'linear/chance',
        'acc/top1',
        'acc/top5',
        'acc/mean1',
        'acc/chance',
        'calibration/ece',
        'calibration/brier',
        'calibration/nll',
        'confusion/mean_recall',
        'confusion/min_recall',
    }
    assert results == [pytest.approx(alone, rel=1e-12)] * 2
