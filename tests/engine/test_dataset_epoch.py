from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
from mmengine.model import BaseModel
from mmengine.runner import Runner

from kdtoolbox.engine.dataset_epoch import SetDatasetEpochHook, datasets_in


class _Recording(BaseDataset):
    """Samples are the epoch."""

    def __init__(self):
        self.epoch = -1
        super().__init__(serialize_data=False)

    def load_data_list(self):
        return [{}] * 4

    def prepare_data(self, idx):
        return self.epoch

    def set_epoch(self, epoch):
        self.epoch = epoch


class _Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen = []

    def forward(self, inputs, mode='loss'):
        self.seen += inputs.tolist()
        return {'loss': self.weight.sum()}

    def train_step(self, data, optim_wrapper):
        return self(data)


@pytest.mark.parametrize('loop', [dict(by_epoch=True, max_epochs=3), dict(type='IterBasedTrainLoop', max_iters=6)])
def test_every_pass_over_the_data_gets_its_number(tmp_path, loop):
    dataset, model = _Recording(), _Model()
    runner = Runner(
        model=model,
        work_dir=str(tmp_path),
        train_cfg=loop,
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        train_dataloader=dict(
            batch_size=2,
            dataset=ConcatDataset([dataset]),
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='default_collate'),
        ),
        custom_hooks=[SetDatasetEpochHook()],
        default_scope='kdtoolbox',
        experiment_name=tmp_path.name,
    )
    runner.train()
    assert model.seen == [0] * 4 + [1] * 4 + [2] * 4


def test_datasets_are_found_inside_of_wrappers():
    first, second = _Recording(), _Recording()
    assert list(datasets_in(ConcatDataset([first, second]))) == [first, second]
    assert list(datasets_in(RepeatDataset(first, times=2))) == [first]


def test_datasets_without_epochs_are_left_alone():
    dataset = [1, 2]
    SetDatasetEpochHook()._set(SimpleNamespace(train_dataloader=SimpleNamespace(dataset=dataset)), 3)
    assert dataset == [1, 2]
