"""Something-Something V2: its JSON files as published, webm videos, and no flips."""

import json

import pytest

from kdtoolbox.config_files import clip_loaders
from kdtoolbox.datasets import SomethingSomethingV2Dataset
from kdtoolbox.datasets.ssv2 import read_ssv2, refuse_flips
from tests.datasets.conftest import PIPELINE

NAMES = ['Holding something', 'Pushing something from left to right', 'Tearing something into two pieces']


def test_videos_and_classes_are_those_of_the_published_files(data):
    videos, annotations = data['ssv2']
    options = dict(data_root=videos, ann_file=annotations, pipeline=PIPELINE)
    training = SomethingSomethingV2Dataset(**options)
    assert training.metainfo['classes'] == NAMES  # by their numbers, not by the order in the file
    samples = [training.get_data_info(index) for index in range(len(training))]
    expected = [
        ('1000.webm', 0),
        ('1001.webm', 0),
        ('1010.webm', 1),
        ('1011.webm', 1),
        ('1020.webm', 2),
        ('1021.webm', 2),
    ]
    assert [(sample['sample_id'], sample['label']) for sample in samples] == expected
    first = training[0]
    assert first['inputs'].shape[-2:] == (48, 64) and first['data_samples'].gt_labels.item.item() == 0
    validation = SomethingSomethingV2Dataset(**options, subset='validation', test_mode=True)
    assert validation.get_data_info(0)['sample_id'] == '1002.webm'


def test_test_videos_have_no_label(data):
    annotations, classes = read_ssv2(data['ssv2'][1], 'testing')
    assert [(one.key, one.label) for one in annotations] == [('9', None)] and classes == NAMES


def test_older_names_of_the_files_are_known(data, tmp_path):
    for name in ('labels', 'train'):
        text = (data['ssv2'][1] / f'{name}.json').read_text()
        (tmp_path / f'something-something-v2-{name}.json').write_text(text)
    assert read_ssv2(tmp_path, 'training') == read_ssv2(data['ssv2'][1], 'training')


LABELS = {'Holding something': '0'}
TRAIN = [dict(id='1', template='Holding [something]')]


@pytest.mark.parametrize(
    'labels, train, message',
    [
        (['Holding something'], TRAIN, 'labels.json: expected .*"<class>"'),
        ({'Holding something': '1'}, TRAIN, 'labels.json: .*numbers from "0" on'),
        (LABELS, {'1': 'Holding'}, 'train.json: expected a list'),
        (LABELS, [dict(id=1, template='Holding')], 'train.json, entry 1: expected'),
        (LABELS, [dict(id='1')], 'train.json, entry 1: expected'),
        (LABELS, [*TRAIN, dict(id='2', template='Eating [something]')], "entry 2: 'Eating something' is no class"),
        (LABELS, None, 'train.json: no such file'),
        (None, TRAIN, 'labels.json'),
    ],
)
def test_files_of_another_form_are_said_with_their_place(labels, train, message, tmp_path):
    for name, content in (('labels', labels), ('train', train)):
        if content is not None:
            (tmp_path / f'{name}.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        read_ssv2(tmp_path, 'training')


@pytest.mark.parametrize(
    'transform',
    [
        dict(type='Flip', flip_ratio=0.5),
        dict(type='Flip'),
        dict(type='TorchVisionWrapper', op='RandomHorizontalFlip'),
        dict(type='SpatialViews', num_views=2, transforms=[dict(type='CenterCrop'), dict(type='Flip')]),
    ],
)
def test_a_flip_is_refused_also_inside_of_another_transform(transform, data):
    videos, annotations = data['ssv2']
    with pytest.raises(ValueError, match='turns .*"from left to right" into its opposite.*take it out') as error:
        SomethingSomethingV2Dataset(data_root=videos, ann_file=annotations, pipeline=[*PIPELINE, transform])
    assert '\n' not in str(error.value)


def test_flips_that_change_the_label_too_or_nothing_are_allowed():
    refuse_flips([dict(type='Flip', flip_ratio=0), dict(type='Flip', flip_label_map={1: 2, 2: 1})])
    refuse_flips(clip_loaders.train_pipeline(flip=False))
    refuse_flips([dict(type='ImgAug', transforms='default')])
    for inside in ([[dict(type='Flip')]], dict(type='Flip'), [dict(type='Compose', transforms=[dict(type='Flip')])]):
        with pytest.raises(ValueError, match='into its opposite'):
            refuse_flips([dict(type='RandomChoice', transforms=inside)])
    with pytest.raises(ValueError, match='Flip'):
        refuse_flips(clip_loaders.train_pipeline())
