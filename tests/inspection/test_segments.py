"""Segments behind the end of a video whose length the annotations do not tell."""

import json

import pytest
from torch import nn
from torch.utils.data import DataLoader

from kdtoolbox.inspection import Training
from kdtoolbox.inspection.segments import MAX_OPENED, segments_behind_the_end
from kdtoolbox.inspection.training import of_the_data
from kdtoolbox.registry import DATASETS
from kdtoolbox.video.container import seconds_in_header
from tests.videos import write_video


def dataset_of(folder, segments, **options):
    content = {
        'database': {
            'abc': {
                'subset': 'training',
                'annotations': [{'label': 'Surfing', 'segment': segment} for segment in segments],
            }
        }
    }
    (folder / 'anet.json').write_text(json.dumps(content))
    options = dict(type='ActivityNetClipDataset', ann_file=str(folder / 'anet.json'), pipeline=[], **options)
    return DATASETS.build(dict(options, data_root=str(folder)))


@pytest.mark.parametrize('frames', [False, True])
def test_they_are_counted_before_anything_is_decoded(tmp_path, frames):
    if frames:
        (tmp_path / 'abc').mkdir()
        (tmp_path / 'abc/n_frames').write_text('20')
        (tmp_path / 'abc/fps').write_text('10')
    else:
        write_video(tmp_path / 'abc.avi', num_frames=20)  # 2 s
    dataset = dataset_of(tmp_path, [[0, 1], [1.5, 9], [2.0, 3], [6, 9]], frames=frames)
    [finding] = segments_behind_the_end(dataset)
    assert '2 of 4 segments' in finding.text and not finding.is_error
    assert '2 s to 3 s of a video of 2.00 s' in finding.text and 'anet.json' in finding.text
    assert not list(segments_behind_the_end(dataset_of(tmp_path, [[0, 1], [1.5, 9]], frames=frames)))


def test_a_rate_or_length_that_is_not_there_is_no_finding(tmp_path):
    (tmp_path / 'abc').mkdir()
    (tmp_path / 'abc/n_frames').write_text('20')
    assert not list(segments_behind_the_end(dataset_of(tmp_path, [[6, 9]], frames=True)))
    (tmp_path / 'abc.avi').write_bytes(b'no video')
    assert not list(segments_behind_the_end(dataset_of(tmp_path, [[6, 9]])))


def test_of_a_large_set_some_are_opened_all_over_it(tmp_path, monkeypatch):
    write_video(tmp_path / 'abc.avi', num_frames=20)
    dataset = dataset_of(tmp_path, [[number, number + 0.5] for number in range(10 * MAX_OPENED)])
    opened = []
    monkeypatch.setattr(
        'kdtoolbox.inspection.segments.seconds_in_header', lambda path: opened.append(path) or seconds_in_header(path)
    )
    [finding] = segments_behind_the_end(dataset)
    assert len(opened) == MAX_OPENED and f'{MAX_OPENED - 1} of {MAX_OPENED} segments' in finding.text


def test_the_header_of_a_recording_without_a_duration_tells_none(shared):
    assert seconds_in_header(str(shared / 'cases/videos/recorded_without_duration.webm')) is None
    assert seconds_in_header(str(shared / 'cases/videos/av1.mp4')) == pytest.approx(2.0, abs=0.1)


def test_the_checks_before_training_say_so_of_every_set(tmp_path):
    write_video(tmp_path / 'abc.avi', num_frames=20)
    loaders = [DataLoader(dataset_of(tmp_path, [[0, 1], segment])) for segment in ([6, 9], [7, 8])]
    training = Training({}, nn.Identity(), loaders[0], validation=loaders[1])
    said = ' '.join(finding.text for finding in of_the_data(training, loaders[0]))
    assert '6 s to 9 s of a video' in said and '7 s to 8 s of a video' in said
