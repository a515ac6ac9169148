import json

import pytest

from kdtoolbox.datasets.activitynet import ActivityNetClipDataset
from kdtoolbox.datasets.annotations import read_json
from tests.datasets.conftest import PIPELINE, frame_numbers, write_frames, write_video

CONTENT = {'version': 'VERSION 1.3', 'taxonomy': [], 'database': {
    'abc': {'subset': 'training', 'duration': 3.0, 'annotations': [{'label': 'Surfing', 'segment': [0.5, 0.9]},
                                                                   {'label': 'Archery', 'segment': [2.0, 9.0]}]},
    'def': {'subset': 'testing', 'duration': 3.0, 'annotations': []},
    'ghi': {'subset': 'validation', 'duration': 3.0, 'annotations': [{'label': 'Zumba', 'segment': [0, 1]}]}}}
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
    assert first['data_samples'].sample_id.endswith('@0.50-0.90')
    assert frame_numbers(first['inputs']) == [5, 6, 7, 8] * 2  # 0.5 s to 0.9 s at 10 frames a second
    assert frame_numbers(second['inputs']) == [20, 21, 22, 23, 26, 27, 28, 29]  # the video ends before the segment


def test_a_testing_video_is_whole_and_has_no_label(tmp_path, ann_file):
    write_video(tmp_path / 'data/v_def.avi', num_frames=7)
    dataset = ActivityNetClipDataset(data_root=tmp_path / 'data', ann_file=ann_file, subset='testing',
                                     pipeline=PIPELINE)
    sample = dataset[0]['data_samples']
    assert (sample.sample_id, sample.gt_labels.item.item(), sample.total_frames) == ('v_def.avi', -1, 7)


def test_segments_of_frames_without_a_rate_are_refused(tmp_path, ann_file):
    write_frames(tmp_path / 'data/v_abc', 3)
    dataset = ActivityNetClipDataset(data_root=tmp_path / 'data', ann_file=ann_file, pipeline=PIPELINE, frames=True)
    with pytest.raises(ValueError, match='v_abc has no file "fps"'):
        dataset[0]


def test_real_annotations_give_a_sample_for_each_segment(tmp_path, shared):
    real = json.loads((shared / 'data/annotations/activitynet/anet_anno_action.json').read_text())
    database = {key.removeprefix('v_'): {'subset': 'training', 'annotations': video['annotations']}
                for key, video in real.items()}
    (tmp_path / 'anet.json').write_text(json.dumps({'database': database}))
    annotations, classes = read_json(tmp_path / 'anet.json', 'training')
    assert len(annotations) == sum(max(len(video['annotations']), 1) for video in real.values())
    label_map = (shared / 'data/annotations/labelmaps/activitynet_label_map.txt').read_text().splitlines()
    assert sorted(classes) == sorted(label_map) and len(classes) == 200


@pytest.mark.parametrize('text, complaint', [('{', 'is not JSON'), ('[]', 'is not ActivityNet-style JSON'),
                                             ('{"database": {"a": {}}}', 'is not ActivityNet-style JSON')])
def test_another_json_is_refused(tmp_path, text, complaint):
    (tmp_path / 'anet.json').write_text(text)
    with pytest.raises(ValueError, match=f'anet.json {complaint}'):
        read_json(tmp_path / 'anet.json', 'training')
