"""decord runs in a process that can be killed, also below the workers of a data loader, which may have no children."""

from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

from kdtoolbox.datasets import FolderDataset
from tests.datasets.conftest import PIPELINE, frame_numbers, write_video


def test_workers_decode_by_decord_what_this_process_does(tmp_path):
    for name in 'abcd':
        write_video(tmp_path / f'run/{name}.avi')
    pipeline = [dict(type='OpenVideo', decoder='decord'), *PIPELINE[1:]]
    dataset = FolderDataset(data_root=tmp_path, pipeline=pipeline)
    batch = next(iter(DataLoader(dataset, batch_size=4, num_workers=1, collate_fn=pseudo_collate)))
    here = [dataset[number]['inputs'] for number in range(4)]
    assert [frame_numbers(clip) for clip in batch['inputs']] == [frame_numbers(clip) for clip in here]
