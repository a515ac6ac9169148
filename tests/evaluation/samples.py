"""Data samples as a model gives them to a metric: turned into dicts."""

import torch


def sample(name, role, label, *, features=None, scores=None):
    made = {'sample_id': name, 'role': role, 'gt_labels': {'item': torch.tensor([label])}}
    if features is not None:
        made['clip_features'] = torch.as_tensor(features)
    if scores is not None:
        made['pred_scores'] = {'item': torch.as_tensor(scores)}
    return made


def clustered(num_gallery=60, num_queries=40, num_classes=4, spread=1.0, seed=0):
    """Gallery and query samples whose features lie around a centre for each class."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(num_classes, 8, generator=generator)
    roles = ['gallery'] * num_gallery + ['query'] * num_queries
    labels = [number % num_classes for number in range(len(roles))]
    return [
        sample(f'{role}{number}', role, label, features=centres[label] + spread * torch.randn(8, generator=generator))
        for number, (role, label) in enumerate(zip(roles, labels))
    ]


def evaluate(metric, samples, data_batch=None):
    metric.process(data_batch, samples)
    return metric.evaluate(len(samples))
