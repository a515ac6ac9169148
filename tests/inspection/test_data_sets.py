"""What is said of videos in two sets, classes without videos, and sets that ignore their subset."""

import shutil
from types import SimpleNamespace

import pytest
from torch.utils.data import DataLoader

from kdtoolbox.inspection import Training
from kdtoolbox.inspection.batches import clips_longer_than_videos
from kdtoolbox.inspection.data_sets import Video, missing_classes, one_root_for_two_subsets, shared_videos, videos_of
from kdtoolbox.inspection.training import of_the_data
from kdtoolbox.registry import DATASETS
from tests.videos import write_ucf101, write_video


def video(file, label=0, is_query=True) -> Video:
    return Video(str(file), label, is_query)


def texts(findings) -> list[str]:
    return [finding.text for finding in findings]


def folder_dataset(root, **options):
    return DATASETS.build(dict(dict(type='FolderDataset', data_root=str(root), pipeline=[]), **options))


@pytest.fixture
def ucf101(tmp_path):
    """Builds a subset of generated videos of three groups."""
    root, annotations = write_ucf101(tmp_path, num_classes=2)

    def build(subset='training', **options):
        return DATASETS.build(
            dict(
                type='UCF101Dataset',
                data_root=str(root),
                ann_file=str(annotations),
                pipeline=[],
                subset=subset,
                **options,
            )
        )

    return build


def test_queries_that_are_trained_on_are_counted(ucf101):
    training = videos_of(ucf101())
    assert len(training) == 4 and {one.label for one in training} == {0, 1}
    [text] = texts(shared_videos(training, videos_of(ucf101('training', role='query'))))
    assert text.startswith('4 of 4 queries are in the training set')
    assert not texts(shared_videos(training, videos_of(ucf101('validation', role='query'))))
    assert not texts(shared_videos(training, videos_of(ucf101('training', role='gallery')))), (
        'the gallery is trained on'
    )


def test_queries_that_are_their_own_gallery_are_counted(ucf101):
    both = DATASETS.build(
        dict(type='ConcatDataset', datasets=[ucf101('validation', role=role) for role in ('gallery', 'query')])
    )
    [text] = texts(shared_videos(videos_of(ucf101()), videos_of(both)))
    assert text.startswith('4 of 4 queries are in the gallery')


def test_a_copy_under_another_name_is_the_same_video_and_one_of_the_same_size_is_not(tmp_path):
    original = write_video(tmp_path / 'a.avi', seed=1)
    copied = tmp_path / 'other' / 'b.avi'
    copied.parent.mkdir()
    shutil.copy(original, copied)
    [text] = texts(shared_videos([video(original)], [video(copied)]))
    assert '1 of 1 queries are in the training set' in text and 'b.avi' in text
    content = bytearray(original.read_bytes())
    content[-1] ^= 1
    copied.write_bytes(content)
    assert not texts(shared_videos([video(original)], [video(copied)]))


def test_a_copied_folder_of_frames_is_found_by_its_first_frame(tmp_path):
    for name, content in (('a', b'one'), ('b', b'one'), ('c', b'two')):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'image_00001.jpg').write_bytes(content)
    [text] = texts(shared_videos([video(tmp_path / 'a')], [video(tmp_path / 'b'), video(tmp_path / 'c')]))
    assert text.startswith('1 of 2 queries')


def test_clips_of_one_group_of_ucf101_in_both_sets_are_counted():
    training = [video('x/v_Archery_g01_c01.avi'), video('x/v_Archery_g02_c01.avi')]
    queries = [video('x/v_Archery_g01_c02.avi'), video('x/v_Archery_g03_c02.avi')]
    [text] = texts(shared_videos(training, queries))
    assert text.startswith(
        '1 of 2 queries are of a group of UCF-101 that is trained on, such as x/v_Archery_g01_c02.avi'
    )
    assert not texts(shared_videos([video('x/v_Surfing_g01_c01.avi')], queries))


def test_classes_without_a_training_video_are_named_and_labels_from_1_are_suspected():
    names = ['jump', 'run', 'sit']
    trained = [video('a', 0), video('b', 1)]
    [text] = texts(missing_classes(names, trained, [video('c', 2)], uses_labels=True))
    assert '1 of 3 classes have no training video: sit; 1 of them are tested on' in text and 'from 1' not in text
    [text] = texts(missing_classes(names, [video('a', 1), video('b', 2)], [], uses_labels=True))
    assert 'have no training video: jump' in text and 'count them from 0' in text
    assert not texts(missing_classes(names, [*trained, video('c', 2)], [], uses_labels=True))
    assert not texts(missing_classes(names, trained, [], uses_labels=False))


@pytest.mark.parametrize(
    'labels, num_classes, words, is_error',
    [
        ((1, 2, 3), 4, '1 of 4 classes have no training video: number 0. Labels seem to be counted from 1', False),
        ((1, 2, 3), 3, 'a label is 3, but there are 3 classes', True),
        ((0, 1, 2), 3, None, False),
    ],
)
def test_labels_of_a_list_without_names_are_looked_at_too(labels, num_classes, words, is_error, tmp_path):
    """mmaction2's own data set, which knows no names of classes."""
    for label in labels:
        write_video(tmp_path / f'{label}.avi')
    (tmp_path / 'list.txt').write_text(''.join(f'{label}.avi {label}\n' for label in labels))
    dataset = DATASETS.build(
        dict(
            type='mmaction.VideoDataset',
            ann_file=str(tmp_path / 'list.txt'),
            data_prefix=dict(video=str(tmp_path)),
            pipeline=[],
        )
    )
    head = SimpleNamespace(cls_head=SimpleNamespace(num_classes=num_classes))
    findings = list(of_the_data(Training({}, SimpleNamespace(student=head)), DataLoader(dataset)))
    assert [words is not None and words in finding.text for finding in findings[:1]] == [True] * (words is not None)
    assert any(finding.is_error for finding in findings) == is_error


def test_a_root_without_annotations_cannot_be_asked_for_two_subsets(tmp_path):
    for name in ('one/a.avi', 'two/b.avi'):
        write_video(tmp_path / name)
    training, validation = (folder_dataset(tmp_path, subset=subset) for subset in ('training', 'validation'))
    [finding] = one_root_for_two_subsets([training, validation])
    assert finding.is_error and 'FolderDataset is asked for training and validation' in finding.text
    assert not list(one_root_for_two_subsets([training, folder_dataset(tmp_path, subset='training')]))
    (tmp_path / 'list.txt').write_text('one/a.avi\n')
    assert not list(
        one_root_for_two_subsets(
            [training, folder_dataset(tmp_path, subset='validation', ann_file=str(tmp_path / 'list.txt'))]
        )
    )


@pytest.mark.parametrize('clip_len, interval, is_said', [(20, 1, False), (16, 2, True), (21, 1, True)])
def test_clips_longer_than_every_video_looked_at_are_said(tmp_path, clip_len, interval, is_said):
    for name in ('one/a.avi', 'two/b.avi'):
        write_video(tmp_path / name, num_frames=20)
    dataset = folder_dataset(
        tmp_path,
        pipeline=[dict(type='OpenVideo'), dict(type='SampleFrames', clip_len=clip_len, frame_interval=interval)],
    )
    found = texts(clips_longer_than_videos(dataset))
    assert bool(found) == is_said and all('the videos that were looked at have 20, 20' in text for text in found)
