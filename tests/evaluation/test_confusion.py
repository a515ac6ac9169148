"""The confusion matrix of the queries and its file."""

import json

import pytest
import torch
from sklearn.metrics import confusion_matrix, recall_score

from kdtoolbox.registry import METRICS
from tests.evaluation.samples import evaluate, sample


def scored(num_samples=60, num_classes=5, used_classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        sample(f'q{n}', 'query', n % used_classes, scores=torch.randn(num_classes, generator=generator))
        for n in range(num_samples)
    ]


def test_matrix_and_recalls_are_scikit_learns_and_the_gallery_does_not_count(tmp_path):
    samples = scored()
    labels = [one['gt_labels']['item'].item() for one in samples]
    predicted = [one['pred_scores']['item'].argmax().item() for one in samples]
    metric = METRICS.build(dict(type='QueryConfusion', out=str(tmp_path / 'confusion.json')))
    metric.dataset_meta = dict(classes=['run', 'walk', 'jump', 'wave', 'sit'])
    result = evaluate(metric, [sample('g0', 'gallery', 2), *samples, samples[0]])
    written = json.loads((tmp_path / 'confusion.json').read_text())
    assert written['classes'] == ['run', 'walk', 'jump', 'wave', 'sit']
    assert written['matrix'] == confusion_matrix(labels, predicted, labels=range(5)).tolist()
    recalls = recall_score(labels, predicted, labels=range(4), average=None)
    assert result == pytest.approx({'confusion/mean_recall': recalls.mean(), 'confusion/min_recall': recalls.min()})
    assert (tmp_path / 'confusion.png').read_bytes().startswith(b'\x89PNG')


def test_class_names_with_dollar_signs_are_drawn_as_they_are(tmp_path):
    metric = METRICS.build(dict(type='QueryConfusion', out=str(tmp_path / 'confusion.json')))
    metric.dataset_meta = dict(classes=['win $5_$', r'a\$b', '$', '$x^^{$', 'sit'])
    evaluate(metric, scored())
    assert (tmp_path / 'confusion.png').read_bytes().startswith(b'\x89PNG')
    assert json.loads((tmp_path / 'confusion.json').read_text())['classes'][0] == 'win $5_$'


def test_nothing_is_written_unless_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evaluate(METRICS.build(dict(type='QueryConfusion')), scored())
    assert not list(tmp_path.iterdir())


def test_a_file_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="out='matrix.csv'.*ends in .json"):
        METRICS.build(dict(type='QueryConfusion', out='matrix.csv'))
