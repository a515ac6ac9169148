"""mmaction2's own data sets and pipelines, with the metrics of kdtoolbox."""

import cv2
import numpy as np
import pytest
from mmaction.datasets import RawframeDataset, VideoDataset

from kdtoolbox.cli.main import main
from kdtoolbox.registry import DATASETS
from tests.tiny import run_config
from tests.videos import write_video

OF_VIDEOS = [dict(type='DecordInit'), dict(type='SampleFrames', clip_len=4), dict(type='DecordDecode')]
OF_FRAMES = [dict(type='SampleFrames', clip_len=4), dict(type='RawFrameDecode')]
REST = [
    dict(type='Resize', scale=(24, 24), keep_ratio=False),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]


@pytest.fixture
def folder(tmp_path):
    """Eight videos and folders of frames, and two lists of each."""
    for number in range(8):
        write_video(tmp_path / f'videos/some/{number}.avi', seed=number)
        (tmp_path / f'frames/some/{number}').mkdir(parents=True)
        for frame in range(1, 9):
            image = np.full((24, 24, 3), 20 * number, np.uint8)
            cv2.imwrite(str(tmp_path / f'frames/some/{number}/img_{frame:05}.jpg'), image)
    for name, numbers in (('train', range(5)), ('val', range(5, 8))):
        (tmp_path / f'{name}.txt').write_text('\n'.join(f'some/{number}.avi {number % 5}' for number in numbers))
        frames = '\n'.join(f'some/{number} 8 {number % 5}' for number in numbers)
        (tmp_path / f'{name}_frames.txt').write_text(frames)
    return tmp_path


def of_list(folder, name, kind='VideoDataset', **options):
    if kind == 'RawframeDataset':
        files = dict(ann_file=f'{folder}/{name}_frames.txt', data_prefix=dict(img=f'{folder}/frames'))
        return dict(type=kind, pipeline=OF_FRAMES + REST, **files, **options)
    files = dict(ann_file=f'{folder}/{name}.txt', data_prefix=dict(video=f'{folder}/videos'))
    return dict(type=kind, pipeline=OF_VIDEOS + REST, **files, **options)


@pytest.mark.parametrize('kind, names', [('VideoDataset', '.avi'), ('RawframeDataset', '')])
def test_samples_have_the_name_of_the_list_and_a_role_and_are_mmaction2s_else(kind, names, folder):
    dataset = DATASETS.build(of_list(folder, 'val', kind))
    assert isinstance(dataset, {'VideoDataset': VideoDataset, 'RawframeDataset': RawframeDataset}[kind])
    samples = [dataset[index]['data_samples'] for index in range(len(dataset))]
    assert [sample.sample_id for sample in samples] == [f'some/{number}{names}' for number in (5, 6, 7)]
    assert {sample.role for sample in samples} == {'query'}
    assert [int(sample.gt_labels.item) for sample in samples] == [0, 1, 2]
    gallery = DATASETS.build(of_list(folder, 'val', kind, role='gallery'))
    assert gallery[0]['data_samples'].role == 'gallery'


def test_clips_of_one_folder_of_frames_have_names_of_their_own(folder):
    (folder / 'val_frames.txt').write_text('some/5 0 4 0\nsome/5 4 4 0')
    dataset = DATASETS.build(of_list(folder, 'val', 'RawframeDataset', with_offset=True))
    assert [dataset.get_data_info(index)['sample_id'] for index in (0, 1)] == ['some/5:0', 'some/5:4']


def test_another_role_is_refused(folder):
    with pytest.raises(ValueError, match="VideoDataset: role is 'test', expected one of"):
        DATASETS.build(of_list(folder, 'val', role='test'))


@pytest.mark.parametrize('kind', ['VideoDataset', 'RawframeDataset'])
def test_retrieval_works_with_the_training_list_as_the_gallery(kind, folder):
    config = run_config(folder / 'run', epochs=1)
    config.train_dataloader.dataset = of_list(folder, 'train', kind)
    both = dict(type='ConcatDataset', datasets=[of_list(folder, name, kind) for name in ('train', 'val')])
    config.val_dataloader.dataset = config.test_dataloader.dataset = both
    config.custom_imports = dict(imports=['tests.tiny'])
    config.val_evaluator = [dict(type='AccMetric'), dict(type='ClipRetrieval', topk=(1,))]
    config.dump(folder / 'config.py')
    assert main(['train', str(folder / 'config.py')]) == 0
    assert 'retrieval/top1' in next((folder / 'run').rglob('scalars.json')).read_text()
