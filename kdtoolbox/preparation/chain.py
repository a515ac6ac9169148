"""All preparation steps of one data set: find, extract frames, write annotations, check, print the config."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kdtoolbox.preparation.annotations import (
    SPLITS,
    Annotations,
    hmdb51_annotations,
    kinetics_annotations,
    ucf101_annotations,
    write_json,
)
from kdtoolbox.preparation.check import read_annotations
from kdtoolbox.preparation.frame_folders import subfolders
from kdtoolbox.preparation.layouts import VideoTree, annotated_videos, flat_videos

FRAMES_FOLDER = 'jpg'
_SUBSETS = {'training': ('train',), 'validation': ('val', 'validate'), 'testing': ('test',)}


@dataclass(frozen=True)
class DataSet:
    """A data set as found in a folder: its videos with where their frames go, and its JSON files."""

    adapter: str
    videos: VideoTree
    annotations: Annotations
    json_files: list[Path]
    to_write: Mapping[Path, Annotations] = field(default_factory=dict)

    def write_json_files(self) -> None:
        """Write those JSON files that are made of the data set's own annotation files."""
        for file, annotations in self.to_write.items():
            write_json(file, annotations)

    def config(self, jpg_dir: Path) -> str:
        """What to put in a config, as Python."""
        return '\n'.join(
            f"{name} = dict(type='{self.adapter}', data_root={str(jpg_dir)!r}, frames=True,\n"
            f"{' ' * len(name)}        ann_file={str(self.json_files[0])!r}, subset='{subset}',\n"
            f'{" " * len(name)}        pipeline=...)'
            for name, subset in (('train_dataset', 'training'), ('val_dataset', 'validation'))
        )


def ucf101(root: Path) -> DataSet:
    """UCF-101 as unpacked: the folder of ``classInd.txt``, and the videos anywhere beside it.

    Raises:
        ValueError: the annotation files are not there, or not as published.
    """
    annotation_dir = _only(
        _folders_with(root, 'classInd.txt'),
        root,
        'classInd.txt',
        'unpack UCF101TrainTestSplits-RecognitionTask.zip there',
    )
    return _with_three_splits(root, annotation_dir, ucf101_annotations, 'UCF101Dataset', 'ucf101_0')


def hmdb51(root: Path) -> DataSet:
    """HMDB-51 as unpacked: the folder of ``<class>_test_split1.txt``, and the videos anywhere beside it.

    Raises:
        ValueError: the annotation files are not there, or not as published.
    """
    annotation_dir = _only(
        _folders_with(root, '*_test_split1.txt'), root, '<class>_test_split1.txt', 'unpack test_train_splits.rar there'
    )
    return _with_three_splits(root, annotation_dir, hmdb51_annotations, 'HMDB51Dataset', 'hmdb51_')


def kinetics(root: Path) -> DataSet:
    """Kinetics: the CSV files of the subsets that were downloaded, and the videos in class folders or by subset.

    Raises:
        ValueError: there is no CSV file, or more than one of a subset.
    """
    csv_files = {}
    for subset, words in _SUBSETS.items():
        found = [
            file
            for folder in (root, *subfolders(root))
            for file in sorted(folder.glob('*.csv'))
            if file.stem.replace('-', '_').split('_')[-1] in words
        ]
        if found:
            csv_files[subset] = _only(found, root, f'*{words[0]}.csv', 'keep the one of the release you downloaded')
    if 'training' not in csv_files:
        raise ValueError(f'{root} has no *train.csv, nor has a folder in it: put the CSV files of the release there')
    annotations = kinetics_annotations(csv_files)
    json_file = csv_files['training'].parent / 'kinetics.json'
    targets = {
        key: f'{entry["annotations"].get("label", "test")}/{key}' for key, entry in annotations['database'].items()
    }
    videos = annotated_videos(_video_roots(root), targets)
    return DataSet('KineticsDataset', videos, annotations, [json_file], {json_file: annotations})


def activitynet(root: Path) -> DataSet:
    """ActivityNet: its JSON file, and the one folder of videos ``v_<id>.mp4``.

    Raises:
        ValueError: there is no JSON file or no such folder, or more than one.
    """
    found = [file for folder in (root, *subfolders(root)) for file in sorted(folder.glob('activity_net*.json'))]
    json_file = _only(found, root, 'activity_net.v1-3.min.json', 'download it from activity-net.org')
    folder = _only(_folders_with(root, 'v_*.*'), root, 'v_<id>.mp4', 'put all videos in one folder there')
    return DataSet('ActivityNetClipDataset', flat_videos(folder), read_annotations(json_file), [json_file])


DATA_SETS: dict[str, Callable[[Path], DataSet]] = {
    'ucf101': ucf101,
    'hmdb51': hmdb51,
    'kinetics': kinetics,
    'activitynet': activitynet,
}


def _with_three_splits(
    root: Path, annotation_dir: Path, read: Callable[[Path, int], Annotations], adapter: str, stem: str
) -> DataSet:
    splits = [read(annotation_dir, split) for split in SPLITS]
    json_files = [annotation_dir / f'{stem}{split}.json' for split in SPLITS]
    # A video that one split leaves out is in another; for those of the first, the first counts.
    database = {key: entry for annotations in reversed(splits) for key, entry in annotations['database'].items()}
    targets = {key: f'{entry["annotations"]["label"]}/{key}' for key, entry in database.items()}
    videos = annotated_videos(_video_roots(root), targets)
    whole: Annotations = {'labels': splits[0]['labels'], 'database': database}
    return DataSet(adapter, videos, whole, json_files, dict(zip(json_files, splits, strict=True)))


def _video_roots(root: Path) -> list[Path]:
    return [folder for folder in subfolders(root) if folder.name != FRAMES_FOLDER]


def _folders_with(root: Path, pattern: str) -> list[Path]:
    """The folder itself and those at most two below it that hold a file of this form, hidden and frame folders not."""
    folders = [root, *_video_roots(root)]
    folders += [deeper for folder in folders[1:] for deeper in subfolders(folder)]
    return [folder for folder in folders if any(path.is_file() for path in folder.glob(pattern))]


def _only(found: list[Path], root: Path, what: str, remedy: str) -> Path:
    if len(found) != 1:
        there = f'{len(found)} of them: {", ".join(map(str, found[:3]))}' if found else 'none'
        raise ValueError(f'looked for {what} in {root}, and up to two folders below; found {there}. Please {remedy}')
    return found[0]
