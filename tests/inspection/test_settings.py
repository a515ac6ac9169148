"""What is said of settings that are legal and hardly, or not, meant."""

import pytest

from kdtoolbox.inspection.settings import swapped_colours, unusual_sampling, unusual_schedule, unusual_weights
from kdtoolbox.inspection.training import of_the_config
from tests.tiny import run_config


@pytest.mark.parametrize(
    'change, words, is_error',
    [
        ({'model.terms.kd.weight': -1}, "term 'kd' has weight -1", False),
        ({'model.terms.kd.weight': 0}, 'is left out', False),
        ({'optim_wrapper.optimizer.lr': 0}, 'nothing would be learned', False),
        ({'train_dataloader.batch_size': 0}, 'train_dataloader.batch_size is 0', True),
        ({'optim_wrapper.optimizer.lr': 1e6}, 'optim_wrapper.optimizer.lr is 1e+06', False),
        (
            {'custom_hooks': [dict(type='EMAHook', begin_epoch=3)]},
            'begin_epoch 3, but the training ends at max_epochs 2',
            True,
        ),
        (
            {
                'custom_hooks': [dict(type='EMAHook')],
                'model.terms.kd.loss': dict(type='VideoMean', loss=dict(type='L2')),
            },
            "the loss of term 'kd', 'VideoMean', keeps a row for each video",
            True,
        ),
        (
            {
                'custom_hooks': [dict(type='EMAHook')],
                'model.terms.kd.loss': dict(
                    type='LogitStandardization', loss=dict(type='VideoMean', loss=dict(type='L2'))
                ),
            },
            "the loss of term 'kd', 'VideoMean', keeps a row for each video",
            True,
        ),
        ({'train_cfg.max_epochs': 0}, 'nothing would be trained', True),
        ({'model.student.data_preprocessor.to_rgb': True}, 'swaps red and blue', False),
        (
            {
                'train_dataloader.dataset': dict(
                    type='X', pipeline=[dict(type='SampleFrames', clip_len=8, frame_interval=0)]
                )
            },
            'frame_interval 0',
            True,
        ),
        (
            {'val_dataloader.dataset': dict(type='X', pipeline=[dict(type='DecordInit'), dict(type='DecordDecode')])},
            'val_dataloader: DecordInit reads other frames than the ones asked for',
            False,
        ),
    ],
)
def test_one_finding_each(change, words, is_error, tmp_path):
    config = run_config(tmp_path)
    assert not list(of_the_config(config))
    config.merge_from_dict(change)
    [finding] = of_the_config(config)
    assert words in finding.text and finding.is_error == is_error


def test_each_player_has_a_rate_and_the_games_weight_counts():
    players = dict(student=dict(optimizer=dict(lr=0.1)), discriminator=dict(optimizer=dict(lr=0)))
    [finding] = unusual_schedule(dict(optim_wrapper=dict(players, constructor='x')))
    assert finding.text.startswith('optim_wrapper.discriminator.optimizer.lr is 0')
    assert [finding.text for finding in unusual_weights(dict(adversarial=dict(weight=-2)))]
    assert not list(unusual_weights(dict(terms=dict(a=dict()), adversarial=dict())))


def test_sets_in_sets_are_looked_at_and_recognizers_that_teach_too():
    inner = dict(type='X', pipeline=[dict(type='SampleClipsEvenly', frame_stride=0)])
    assert list(unusual_sampling(dict(val_dataloader=dict(dataset=dict(type='ConcatDataset', datasets=[inner])))))
    teacher = dict(type='RecognizerTeacher', recognizer=dict(data_preprocessor=dict(to_rgb=True)))
    assert [finding.text for finding in swapped_colours(dict(teacher=teacher))]
