import json

import pytest

from kdtoolbox.datasets.activitynet import ActivityNetClipDataset
from kdtoolbox.datasets.annotations import Annotation, read_json
from tests.datasets.conftest import PIPELINE, frame_numbers, write_frames, write_video

CONTENT = {
    'version': 'VERSION 1.3',
    'taxonomy': [],
    'database': {
        'abc': {
            'subset': 'training',
            'duration': 3.0,
            'annotations': [{'label': 'Surfing', 'segment': [0.5, 0.9]}, {'label': 'Archery', 'segment': [2.0, 9.0]}],
        },
        'def': {'subset': 'testing', 'duration': 3.0, 'annotations': []},
        'ghi': {'subset': 'validation', 'duration': 3.0, 'annotations': [{'label': 'Zumba', 'segment': [0, 1]}]},
    },
}
EVENLY = [PIPELINE[0], dict(type='SampleClipsEvenly', clip_len=4, num_clips=2), *PIPELINE[2:]]


@pytest.fixture
def ann_file(tmp_path):
    path = tmp_path / 'activity_net.v1-3.json'
    path.write_text(json.dumps(CONTENT))
    return path


@pytest.mark.parametrize('frames', [False, True])
def test_each_segment_is_a_sample_of_its_own_frames(tmp_path, ann_file, frames):
    if frames:
        write_frames(tmp_path / 'data/v_abc', 30, fps=10)
    else:
        write_video(tmp_path / 'data/v_abc.avi', num_frames=30, fps=10)
    dataset = ActivityNetClipDataset(data_root=tmp_path / 'data', ann_file=ann_file, pipeline=EVENLY, frames=frames)
    assert dataset.metainfo['classes'] == ['Archery', 'Surfing', 'Zumba']
    first, second = dataset
    assert (first['data_samples'].gt_labels.item.item(), second['data_samples'].gt_labels.item.item()) == (1, 0)
    assert first['data_samples'].sample_id.endswith('@0.5-0.9')
    assert frame_numbers(first['inputs']) == [5, 6, 7, 8] * 2  # 0.5 s to 0.9 s at 10 frames a second
    assert frame_numbers(second['inputs']) == [20, 21, 22, 23, 26, 27, 28, 29]  # the video ends before the segment


def test_a_testing_video_is_whole_and_has_no_label(tmp_path, ann_file):
    write_video(tmp_path / 'data/v_def.avi', num_frames=7)
    dataset = ActivityNetClipDataset(
        data_root=tmp_path / 'data', ann_file=ann_file, subset='testing', pipeline=PIPELINE
    )
    sample = dataset[0]['data_samples']
    assert (sample.sample_id, sample.gt_labels.item.item(), sample.total_frames) == ('v_def.avi', -1, 7)


def test_segments_of_frames_without_a_rate_are_refused(tmp_path, ann_file):
    write_frames(tmp_path / 'data/v_abc', 3)
    dataset = ActivityNetClipDataset(data_root=tmp_path / 'data', ann_file=ann_file, pipeline=PIPELINE, frames=True)
    with pytest.raises(ValueError, match='v_abc has no file "fps"'):
        dataset[0]


def test_real_annotations_give_a_sample_for_each_segment(tmp_path, shared):
    real = json.loads((shared / 'data/annotations/activitynet/anet_anno_action.json').read_text())
    database = {
        key.removeprefix('v_'): {'subset': 'training', 'annotations': video['annotations']}
        for key, video in real.items()
    }
    (tmp_path / 'anet.json').write_text(json.dumps({'database': database}))
    annotations, classes = read_json(tmp_path / 'anet.json', 'training')
    segments = [entry['segment'] for video in real.values() for entry in video['annotations']]
    assert len(annotations) == sum(start < end for start, end in segments) == len(segments) - 12
    label_map = (shared / 'data/annotations/labelmaps/activitynet_label_map.txt').read_text().splitlines()
    assert sorted(classes) == sorted(label_map) and len(classes) == 200


# Segments


def _annotated(tmp_path, segments, *, subset='training', label='Surfing', **video):
    annotations = [{'label': label, 'segment': segment} for segment in segments]
    content = {'database': {'abc': {'subset': subset, 'annotations': annotations, **video}}}
    (tmp_path / 'anet.json').write_text(json.dumps(content))
    return tmp_path / 'anet.json'


@pytest.mark.parametrize(
    'segment',
    [
        [-1, 2],
        [-2, -1],
        [float('nan'), 2],
        [0, float('inf')],
        [0, None],
        [2],
        [0, 2, 3],
        None,
        7,
        {},
        ['0', 'x'],
        [True, 2],
        '02',
    ],
)
def test_a_segment_that_is_not_two_seconds_of_the_video_is_refused_with_file_and_video(tmp_path, segment):
    with pytest.raises(ValueError, match=r"anet.json, video 'abc': the segment"):
        read_json(_annotated(tmp_path, [[0, 1], segment]), 'training')


def test_a_reader_of_ones_own_cannot_name_such_a_segment_either():
    with pytest.raises(ValueError, match="annotation of 'abc': the segment .* starts before the video"):
        Annotation('abc', 'Surfing', (-1, 2))


def test_seconds_in_quotes_are_read(tmp_path):
    annotations, _ = read_json(_annotated(tmp_path, [['0', '2.5']]), 'training')
    assert [annotation.segment_seconds for annotation in annotations] == [(0, 2.5)]


@pytest.mark.parametrize('subset', ['training', 'validation'])
def test_segments_without_length_or_behind_the_end_are_left_out_once_counted_and_named(tmp_path, monkeypatch, subset):
    told = []
    monkeypatch.setattr('kdtoolbox.datasets.annotations.print_log', lambda text, *_: told.append(text))
    file = _annotated(tmp_path, [[3, 1], [0, 0], [6, 9], [2, 9]], subset=subset, duration=4.0)
    annotations, classes = read_json(file, subset)
    assert [annotation.segment_seconds for annotation in annotations] == [(2, 9)] and classes == ['Surfing']
    assert len(told) == 1 and '3 segments of the subset' in told[0] and 'abc [3, 1], abc [0, 0], abc [6, 9]' in told[0]


def test_a_segment_behind_the_end_is_never_replaced_by_another_video_in_a_test(tmp_path):
    """Nobody said how long the video is: that shows when it is opened."""
    write_video(tmp_path / 'data/v_abc.avi', num_frames=30, fps=10)
    file = _annotated(tmp_path, [[0, 1], [6, 9]])
    options = dict(data_root=tmp_path / 'data', ann_file=file, pipeline=PIPELINE)
    first, second = (one['data_samples'] for one in ActivityNetClipDataset(test_mode=True, **options))
    assert (first.sample_id, first.role, first.gt_labels.item.item()) == ('v_abc.avi@0-1', 'query', 0)
    assert (second.sample_id, second.role, second.gt_labels.item.item()) == ('v_abc.avi@6-9', 'undecodable', -1)
    trained_on = ActivityNetClipDataset(**options)[1]['data_samples']
    assert (trained_on.sample_id, trained_on.replaces) == ('v_abc.avi@0-1', 'v_abc.avi@6-9')


def test_segments_that_differ_by_less_than_a_hundredth_are_two_samples(tmp_path):
    write_video(tmp_path / 'data/v_abc.avi', num_frames=30, fps=10)
    file = _annotated(tmp_path, [[1.5, 3.25], [1.5, 3.251], [1.504, 3.25]])
    dataset = ActivityNetClipDataset(data_root=tmp_path / 'data', ann_file=file, pipeline=PIPELINE)
    assert [dataset.get_data_info(index)['sample_id'] for index in range(len(dataset))] == [
        'v_abc.avi@1.5-3.25',
        'v_abc.avi@1.5-3.251',
        'v_abc.avi@1.504-3.25',
    ]


@pytest.mark.parametrize('subset, expected', [('training', []), ('validation', []), ('testing', [None])])
def test_a_video_with_an_empty_list_of_segments_is_no_sample_but_in_testing_a_whole_one(tmp_path, subset, expected):
    annotations, _ = read_json(_annotated(tmp_path, [], subset=subset), subset)
    assert [annotation.segment_seconds for annotation in annotations] == expected


# Files of another form


def test_a_label_that_is_a_number_is_refused_with_its_video(tmp_path):
    with pytest.raises(ValueError, match=r"anet.json: the label of video 'abc' is 1: labels are names"):
        read_json(_annotated(tmp_path, [[0, 1]], label=1), 'training')


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    file = _annotated(tmp_path, [[0, 1]])
    file.write_text(file.read_text(), encoding='utf-8-sig')
    assert len(read_json(file, 'training')[0]) == 1


@pytest.mark.parametrize(
    'video',
    [
        [],
        None,
        {},
        {'subset': None},
        {'subset': 'training', 'annotations': 'Surfing'},
        {'subset': 'training', 'annotations': [None]},
        {'subset': 'training', 'annotations': [{'label': 'Surfing'}]},
    ],
)
def test_a_video_described_otherwise_is_named(tmp_path, video):
    (tmp_path / 'anet.json').write_text(json.dumps({'database': {'abc': video}}))
    with pytest.raises(ValueError, match=r"anet.json is not ActivityNet-style JSON \(video 'abc'"):
        read_json(tmp_path / 'anet.json', 'training')


@pytest.mark.parametrize(
    'text, complaint',
    [
        ('{', 'is not JSON'),
        ('[]', 'is not ActivityNet-style JSON'),
        ('{"database": {"a": {}}}', 'is not ActivityNet-style JSON'),
    ],
)
def test_another_json_is_refused(tmp_path, text, complaint):
    (tmp_path / 'anet.json').write_text(text)
    with pytest.raises(ValueError, match=f'anet.json {complaint}'):
        read_json(tmp_path / 'anet.json', 'training')
