"""Reference methods of clip retrieval and temporal pooling."""

import torch
from torch import nn

from kdtoolbox.evaluation import retrieval_topk
from kdtoolbox.teachers import ImageTeacher


def retrieval(inputs: dict, params: dict) -> dict:
    shares = retrieval_topk(
        inputs['test_features'].mean(1),
        inputs['test_labels'][:, 0],
        inputs['train_features'].mean(1),
        inputs['train_labels'][:, 0],
        topk=params['ks'],
    )
    accuracy = torch.tensor(list(shares.values()), dtype=torch.float64)
    return {
        'loss': torch.tensor(shares[5]),
        'ks': torch.tensor(list(shares)),
        'accuracy': accuracy,
        'correct': (accuracy * len(inputs['test_features'])).round().long(),
    }


def temporal_pooling(inputs: dict, params: dict) -> dict:
    assert params['temporal_pooling'] == 'AVG'
    network = nn.Sequential(
        nn.Flatten(),
        nn.Linear(inputs['w_feat'].shape[1], inputs['w_feat'].shape[0], bias=False),
        nn.ReLU(),
        nn.Linear(*inputs['w_cls'].shape[::-1], bias=False),
    )
    network.load_state_dict({'1.weight': inputs['w_feat'], '3.weight': inputs['w_cls']}, strict=True)
    teacher = ImageTeacher(network.double(), pooling='mean_logits', view=dict(size=inputs['clip'].shape[-2:]))
    answers = teacher.run(inputs['clip'].transpose(1, 2))
    return {'loss': answers['logits'].sum(), 'features': answers['features'], 'logits': answers['logits']}


METHODS = {'retrieval_topk': retrieval, 'temporal_pooling_avg': temporal_pooling}
LEFT_OUT: dict[str, str] = {}
