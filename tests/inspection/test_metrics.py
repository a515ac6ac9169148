"""A validation of a few clips before the first epoch."""

import pytest
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner

from kdtoolbox.config_files.finding import find_config
from kdtoolbox.config_files.reading import read_config
from kdtoolbox.inspection.metrics import best_key, rehearsed, scores_of_nothing
from kdtoolbox.isolation import copy_to_try
from kdtoolbox.registry import METRICS, MODELS
from tests.tiny import run_config
from tests.videos import write_video

ALL = (
    'QueryAccuracy',
    'ClipRetrieval',
    'KNNAccuracy',
    'LinearProbeAccuracy',
    dict(type='Calibration', average_clips='prob'),
    'QueryConfusion',
)


def evaluator(*metrics) -> Evaluator:
    return Evaluator([METRICS.build(dict(type=metric) if isinstance(metric, str) else metric) for metric in metrics])


def rehearse(metrics: Evaluator, **dataset):
    config = run_config('unused')
    loader = Runner.build_dataloader({**config.val_dataloader, 'dataset': {**config.val_dataloader.dataset, **dataset}})
    return rehearsed(copy_to_try(MODELS.build(config.model)), loader, metrics)


def test_every_metric_runs_on_a_few_clips_and_tells_its_keys(tmp_path):
    metrics = evaluator(*ALL[:-1], dict(type='QueryConfusion', out=str(tmp_path / 'confusion.json')))
    findings, keys = rehearse(metrics)
    assert findings == [] and {'acc/top1', 'retrieval/top5', 'knn/top1', 'linear/top1'} <= keys
    assert not list(tmp_path.iterdir()), 'nothing is written'
    assert all(metric.results == [] for metric in metrics.metrics), 'nothing is left for the real validation'


def test_a_metric_that_needs_what_the_samples_lack_fails_before_training():
    findings, keys = rehearse(evaluator('ClipRetrieval'), roles=(None,))
    assert [finding.is_error for finding in findings] == [True] and keys is None
    assert (
        'ClipRetrieval would fail at the first validation' in findings[0].text and "role='gallery'" in findings[0].text
    )


def test_samples_that_all_have_one_role_are_said_where_the_data_set_tells_none():
    findings, keys = rehearse(evaluator('ClipRetrieval', 'QueryAccuracy'), roles=('query',))
    assert [finding.is_error for finding in findings] == [False] and keys is None
    assert findings[0].text.startswith('ClipRetrieval: all 4 samples that were looked at') and "='query'" in str(
        findings
    )
    assert rehearse(evaluator('QueryAccuracy'), roles=('query',))[0] == []


def test_data_sets_of_one_role_are_refused_where_queries_are_compared_with_a_gallery(tmp_path):
    for name in ('one/a.avi', 'two/b.avi'):
        write_video(tmp_path / name)
    config = read_config(find_config('kd_r2d_to_r3d_hmdb51'))
    pipeline = [
        dict(dict(one), **({'num_clips': 1, 'clip_len': 4} if 'clip_len' in one else {}))
        for one in config.val_dataloader.dataset.datasets[0].pipeline
    ]
    dataset = dict(type='FolderDataset', data_root=str(tmp_path), pipeline=pipeline, role='query')
    loader = Runner.build_dataloader(
        dict(batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False), dataset=dataset)
    )
    findings, keys = rehearsed(
        copy_to_try(MODELS.build(run_config('unused').model)), loader, evaluator('ClipRetrieval', 'KNNAccuracy')
    )
    assert keys is None and [finding.is_error for finding in findings] == [True]
    assert "ClipRetrieval, KNNAccuracy: the validation set has only role='query'" in findings[0].text


@pytest.mark.parametrize(
    'key, words',
    [
        ('top1', "save_best='top1' is none of what the metrics give: did you mean"),
        ('retrieval/top1', None),
        ('auto', None),
        (['retrieval/top1', 'acc/topp1'], "did you mean 'acc/top1'"),
    ],
)
def test_a_best_that_no_metric_gives_is_refused(key, words):
    keys = {'acc/top1', 'acc/mean1', 'retrieval/top1'}
    found = [finding.text for finding in best_key(key, keys)]
    assert len(found) == (words is not None) and all(words in text for text in found)
    assert not list(best_key('top1', None)), 'where the keys are not known nothing is said'


def test_the_accuracy_of_a_head_that_nothing_trains_cannot_choose_the_best():
    findings = list(scores_of_nothing(evaluator('QueryAccuracy', 'ClipRetrieval'), 'acc/top1'))
    assert [finding.is_error for finding in findings] == [True, False]
    assert [finding.is_error for finding in scores_of_nothing(evaluator('QueryAccuracy'), 'retrieval/top1')] == [False]
    assert not list(scores_of_nothing(evaluator('ClipRetrieval'), 'retrieval/top1'))
