"""Which samples metrics score, and which they leave out."""

import pytest
import torch
from mmengine.dataset import ConcatDataset
from mmengine.logging import MMLogger

from kdtoolbox.datasets import FolderDataset, bad_videos
from kdtoolbox.evaluation import metric_samples as evaluated
from kdtoolbox.registry import METRICS
from tests.evaluation.samples import clustered, evaluate, sample
from tests.videos import write_video

PIPELINE = [
    dict(type='OpenVideo'),
    dict(type='SampleClipsEvenly', clip_len=2, num_clips=1),
    dict(type='DecodeClip'),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('sample_id', 'role')),
]
FEATURE_METRICS = ('ClipRetrieval', 'KNNAccuracy', 'LinearProbeAccuracy')
SCORE_METRICS = ('QueryAccuracy', 'Calibration')


def with_scores(results, num_classes=4):
    generator = torch.Generator().manual_seed(0)
    for result in results:
        result['pred_scores'] = {'item': torch.rand(num_classes, generator=generator).softmax(0)}
    return results


@pytest.mark.parametrize('kind', [*FEATURE_METRICS, *SCORE_METRICS])
def test_a_video_that_does_not_decode_is_left_out_counted_and_named(kind, monkeypatch):
    warnings = []
    monkeypatch.setattr(MMLogger, 'warning', lambda self, text: warnings.append(text))
    good = with_scores(clustered())
    bad = with_scores(
        [{**sample(f'bad{number}', 'undecodable', -1, features=torch.ones(8)), 'file': None} for number in range(5)]
    )
    metric = dict(type=kind, average_clips='prob') if kind == 'Calibration' else dict(type=kind)
    expected = evaluate(METRICS.build(metric), good)
    assert not [text for text in warnings if 'decode' in text]
    assert evaluate(METRICS.build(metric), bad[:2] + good + bad[2:]) == expected
    told = [text for text in warnings if 'decode' in text]
    assert len(told) == 1 and '5 videos do not decode and are left out, among them bad0, bad1, bad2' in told[0]


def test_data_sets_and_metrics_name_the_role_alike():
    assert evaluated.UNDECODABLE == bad_videos.UNDECODABLE


def answers(dataset):
    """What a model would give: for each video its mean grey as scores and features."""
    results = []
    for packed in dataset:
        grey = float(packed['inputs'].float().mean()) / 255
        values = torch.tensor([grey, 1 - grey])
        results.append({**packed['data_samples'].to_dict(), 'clip_features': values, 'pred_scores': {'item': values}})
    return results


def test_two_videos_of_one_relative_path_are_both_scored(tmp_path):
    """Of three queries, that of the first folder and that of the second have the same name and label."""
    for seed, name in enumerate(('one/run/x.avi', 'one/sit/y.avi', 'two/run/x.avi', 'gallery/run/g.avi')):
        write_video(tmp_path / name, seed=seed)

    def folder(name, role='query'):
        return FolderDataset(
            data_root=tmp_path / name,
            role=role,
            pipeline=PIPELINE,
            test_mode=True,
            metainfo=dict(classes=['run', 'sit']),
        )

    results = answers(ConcatDataset([folder('one'), folder('two'), folder('gallery', role='gallery')]))
    metric = METRICS.build(dict(type='QueryAccuracy'))
    metric.process(None, results)
    queries = evaluated.scored_queries(metric.results, what='accuracy')
    assert [(query['sample_id'], query['file']) for query in queries] == [
        (name, str(tmp_path / folder / name))
        for folder, name in (('one', 'run/x.avi'), ('one', 'sit/y.avi'), ('two', 'run/x.avi'))
    ]
    # A sampler that fills up the last batch gives the very same video again.
    again = evaluated.unique_samples(queries + queries[:2])
    assert len(again) == 3


def test_a_query_is_in_the_gallery_only_where_it_is_the_same_file(monkeypatch):
    warnings = []
    monkeypatch.setattr(MMLogger, 'warning', lambda self, text: warnings.append(text))
    for files, expected in (('one', 'one'), 1), (('one', 'two'), 0), ((None, None), 1):
        warnings.clear()
        results = [
            {**sample('run/x', role, 0, features=[1.0, 2.0]), 'file': file}
            for role, file in zip(('query', 'gallery'), files)
        ]
        evaluate(METRICS.build(dict(type='ClipRetrieval', topk=(1,))), results)
        assert len([text for text in warnings if 'both query and gallery' in text]) == expected


@pytest.mark.parametrize('key, value', [('features', torch.tensor([0.0, 1.0])), ('scores', torch.tensor([0.1, 0.9]))])
def test_one_name_for_unlike_videos_is_refused_where_no_file_tells_them_apart(key, value):
    first = {'sample_id': 'run/x', 'role': 'query', 'label': 0, key: torch.tensor([1.0, 0.0])}
    nearly = {**first, key: first[key] + 0.002}  # as in half precision beside other clips
    assert evaluated.unique_samples([first, nearly]) == [first]
    with pytest.raises(ValueError, match="'run/x' stands for several samples, whose features or scores differ"):
        evaluated.unique_samples([first, {**first, key: value}])


def test_a_broken_query_is_not_replaced_by_another_in_what_is_scored(tmp_path):
    for seed, name in enumerate(('run/x.avi', 'run/y.avi', 'sit/z.avi')):
        write_video(tmp_path / name, seed=seed)
    (tmp_path / 'run/y.avi').write_bytes(b'no video at all')
    metric = METRICS.build(dict(type='QueryAccuracy'))
    metric.process(None, answers(FolderDataset(data_root=tmp_path, pipeline=PIPELINE, test_mode=True)))
    assert len(metric.results) == 3
    assert [query['sample_id'] for query in evaluated.scored_queries(metric.results, what='accuracy')] == [
        'run/x.avi',
        'sit/z.avi',
    ]
