"""The base class of all data sets."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from mmaction.datasets import VideoDataset
from mmengine.logging import print_log

from kdtoolbox.datasets.annotations import SUBSETS, Annotation, Annotations, existing, read_json
from kdtoolbox.datasets.bad_videos import MIN_TOLERATED_BAD_VIDEOS, as_undecodable, with_file
from kdtoolbox.datasets.fixed_part import fixed_part
from kdtoolbox.datasets.labels import UNLABELLED, keep_labels, report_unused_classes, settle_classes
from kdtoolbox.datasets.locating import FRAME_NAME, FrameFolderFinder, VideoFinder
from kdtoolbox.datasets.seeding import seeded
from kdtoolbox.datasets.shared_state import SharedState
from kdtoolbox.video import DecodeError, DecodeTimeout


class ClipDataset(VideoDataset):
    """Videos, or folders of frames, of one subset of a data set.

    A subclass reads annotations (:meth:`read_annotations`) and gives the possible paths of a video
    (:meth:`candidates`). In addition to mmaction2's keys a sample has ``sample_id``, its path below the data root,
    which is unique in the data set, and ``role``. ``PackActionInputs(meta_keys=('sample_id', 'role'))`` passes both to
    the metrics.

    Augmentation depends on (``seed``, epoch, index) alone: any number of workers gives the same samples, and so does a
    resumed run. In training, a video that cannot be decoded is replaced by the next one that can, with the label and
    ``sample_id`` of the latter; ``replaces`` names the bad video. In a test it is not replaced: the sample has the
    ``sample_id`` of the bad video, the role 'undecodable' and no label, and its clip only fills the batch. Our metrics
    leave it out with a warning; those of mmaction2 cannot.

    Packed samples get the metainfo ``file``, the video or its folder of frames, so that metrics can distinguish two
    videos with the same ``sample_id``.

    Args:
        data_root: folder of the videos, or several folders; the first that has a video is used for it.
        ann_file: annotations of the data set; see the subclass for the forms.
        pipeline: transforms; starts with OpenVideo, a sampler, DecodeClip, for videos and frames alike.
        subset: 'training', 'validation' or 'testing'.
        frames: read ``<video>/image_00001.jpg`` … with ``<video>/n_frames``, as the preparation tools write them.
        role: of the videos in retrieval, 'query' or 'gallery'.
        labels_per_class: number of labels that are kept for each class, chosen by ``seed``; a smaller choice is a
            subset of a larger.
        unlabelled: with ``labels_per_class``, 'drop' the other videos or 'keep' them with label -1.
        max_per_class: keep at most so many videos of each class, the same ones in every run, see :func:`fixed_part`.
        seed: of the augmentation and of the choice of labels; the commands set it to the run's.
        max_missing_share: allowed share of annotated videos that are missing on disk. It is an error if more are
            missing, or all videos of a class. 1 allows both.
        max_bad_share: allowed share of videos that cannot be decoded; the run stops if there are more, and more than 3.
            Each process of a distributed run counts for itself, all its data loading workers together.
        **kwargs: of mmaction2's VideoDataset: ``test_mode``, ``metainfo=dict(classes=[…])`` where the annotations do
            not tell the classes or not all of them, ``indices``, …

    Attributes:
        missing: annotated videos that are not on disk.
        num_available: videos of the subset, before ``max_per_class``.

    Raises:
        ValueError: annotations are missing or unreadable, the subset is empty, too many videos are missing, or a label
            is none of the classes.
    """

    def __init__(
        self,
        *,
        data_root: str | Sequence[str],
        ann_file: str,
        pipeline: list[dict | Callable],
        subset: str = 'training',
        frames: bool = False,
        role: Literal['query', 'gallery'] = 'query',
        labels_per_class: int | None = None,
        unlabelled: Literal['drop', 'keep'] = 'drop',
        max_per_class: int | None = None,
        seed: int = 0,
        max_missing_share: float = 0.1,
        max_bad_share: float = 0.01,
        **kwargs,
    ) -> None:
        _check_choice('subset', subset, SUBSETS)
        _check_choice('role', role, ('query', 'gallery'))
        _check_choice('unlabelled', unlabelled, ('drop', 'keep'))
        self.roots = [Path(root) for root in ([data_root] if isinstance(data_root, str | Path) else data_root)]
        self.finder = (FrameFolderFinder if frames else VideoFinder)(self.roots)
        self.subset = subset
        self.frames = frames
        self.role = role
        self.labels_per_class = labels_per_class
        self.unlabelled = unlabelled
        self.max_per_class = max_per_class
        self.seed = seed
        self.max_missing_share = max_missing_share
        self.max_bad_share = max_bad_share
        self.missing: list[str] = []
        super().__init__(ann_file=str(ann_file), pipeline=pipeline, start_index=1 if frames else 0, **kwargs)

    def read_annotations(self) -> Annotations:
        """Annotations of the subset, and the classes in label order or None; subclasses read more than JSON."""
        path = existing(self.ann_file)
        if path.suffix == '.json':
            return read_json(path, self.subset)
        raise ValueError(
            f'{type(self).__name__} cannot read its annotations from {path}: see its documentation for '
            'the forms it reads'
        )

    def candidates(self, annotation: Annotation) -> list[str]:
        """Possible paths of the video below the data root, best first; any video suffix is accepted."""
        if '/' in annotation.key or annotation.label is None:
            return [annotation.key]
        return [f'{annotation.label}/{annotation.key}', annotation.key]

    def load_data_list(self) -> list[dict]:
        annotations, classes = self.read_annotations()
        if not annotations:
            raise ValueError(
                f'{type(self).__name__}: the subset {self.subset!r} of {self._source} is empty; check '
                'subset, split, ann_file and data_root'
            )
        classes = settle_classes(
            annotations, configured=self._metainfo.get('classes'), annotated=classes, source=self._source
        )
        self._metainfo['classes'] = classes
        self.num_classes = len(classes)
        samples = self._locate(annotations, {name: number for number, name in enumerate(classes)})
        if self.subset == 'training' and not self.test_mode:
            report_unused_classes(samples, classes, self._source)
        keeps_others = self.labels_per_class is not None and self.unlabelled == 'keep'
        num_whole = len(samples)
        if self.max_per_class is not None and keeps_others:  # while the class of each is known
            samples = fixed_part(samples, self.max_per_class)
        if self.labels_per_class is not None:
            samples = keep_labels(
                samples, self.labels_per_class, seed=self.seed, keep_others=keeps_others, classes=classes
            )
        self.num_available = num_whole if keeps_others else len(samples)
        if self.max_per_class is not None and not keeps_others:
            samples = fixed_part(samples, self.max_per_class)
        for number, sample in enumerate(samples):
            sample['video_number'] = number  # survives get_subset, unlike the index
        self.state = SharedState(len(samples))
        del self.finder  # its folder listings are large, and every worker would carry them
        return samples

    def get_data_info(self, idx: int) -> dict:
        info = super().get_data_info(idx)
        info['role'] = self.role
        if self.frames:
            info['filename_tmpl'] = FRAME_NAME
        else:
            info['frame_counts'] = self.state.frame_counts
        return info

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, from which augmentation is derived, also in running workers."""
        self.full_init()
        self.state.epoch = epoch

    def prepare_data(self, idx: int) -> Any:
        """The sample at ``idx`` after the pipeline, or the next one that decodes; in a test only its clip.

        Raises:
            ValueError: more videos are bad than ``max_bad_share`` allows.
        """
        epoch, idx = getattr(idx, 'number', self.state.epoch), int(idx)  # an InfiniteSampler tells the pass itself
        wanted = self.get_data_info(idx)
        for step in range(len(self)):
            info = self.get_data_info((idx + step) % len(self)) if step else wanted
            # Only hanging videos are left out from then on. Others may decode next time, if the broken frames are not
            # in the clip, and a run that is resumed would try them too.
            if self.state.hangs(info['video_number']):
                continue
            if step and not self.test_mode:
                info['replaces'] = wanted['sample_id']
            sample_id, number = info['sample_id'], info['video_number']
            file = info.get('frame_dir') or info['filename']
            try:
                # Seeded for each attempt: random numbers of a failed attempt must not change the next.
                with seeded(self.seed, epoch, idx % len(self)):
                    packed = self.pipeline(info)
            except DecodeError as error:
                self._report_bad(sample_id, number, error)
                continue
            if step and self.test_mode:
                return as_undecodable(packed, sample_id=wanted['sample_id'])
            return with_file(packed, file)
        raise ValueError(f'none of the {len(self)} videos of {self._source} decodes')

    @property
    def _source(self) -> str:
        return self.ann_file or ', '.join(map(str, self.roots))

    def _locate(self, annotations: list[Annotation], label_numbers: dict[str, int]) -> list[dict]:
        samples: dict[str, dict] = {}
        for annotation in annotations:
            sample = self.finder.find(self.candidates(annotation))
            if sample is None:
                self.missing.append(self.candidates(annotation)[0])
                continue
            if annotation.segment_seconds is not None:
                sample['segment_seconds'] = annotation.segment_seconds
                sample['sample_id'] += '@{}-{}'.format(*annotation.segment_seconds)
            sample['label'] = (
                UNLABELLED if annotation.label is None else label_numbers.get(annotation.label, UNLABELLED)
            )
            known = samples.setdefault(sample['sample_id'], sample)
            if known['label'] != sample['label']:
                raise ValueError(
                    f'{self._source} gives {sample["sample_id"]} two labels, number {known["label"]} and '
                    f'{sample["label"]} of the classes: correct the annotations'
                )
        self._report_missing(len(annotations), repeated=len(annotations) - len(self.missing) - len(samples))
        self._refuse_missing_classes(annotations, {sample['label'] for sample in samples.values()}, label_numbers)
        return list(samples.values())

    def _report_missing(self, num_annotated: int, *, repeated: int) -> None:
        if repeated:
            print_log(f'{self._source} lists {repeated} videos twice; each is used once', 'current', logging.WARNING)
        if not self.missing:
            return
        what = 'frame folders with n_frames' if self.frames else 'videos'
        roots = ', '.join(map(str, self.roots))
        message = (
            f'{len(self.missing)} of {num_annotated} {what} of {self._source} ({self.subset}) are not in '
            f'{roots}, among them {", ".join(self.missing[:3])}'
        )
        if len(self.missing) == num_annotated or len(self.missing) > self.max_missing_share * num_annotated:
            raise ValueError(
                f'{message}. Set data_root to their folder; if they really are lost, allow it '
                f'with max_missing_share (now {self.max_missing_share})'
            )
        print_log(message, 'current', logging.WARNING)

    def _refuse_missing_classes(
        self, annotations: list[Annotation], found: set[int], label_numbers: dict[str, int]
    ) -> None:
        lost = [
            label
            for label in dict.fromkeys(annotation.label for annotation in annotations)
            if label in label_numbers and label_numbers[label] not in found
        ]
        if lost and self.max_missing_share < 1:
            raise ValueError(
                f'all videos of {len(lost)} classes of {self._source} ({self.subset}) are missing in '
                f'{", ".join(map(str, self.roots))}: {", ".join(lost[:3])}. Was a folder renamed? It must '
                'have the name that the annotations have; if all are really lost, allow it: '
                'max_missing_share=1'
            )

    def _report_bad(self, sample_id: str, number: int, error: DecodeError) -> None:
        if self.state.mark_bad(number, hangs=isinstance(error, DecodeTimeout)):
            what_now = 'it is left out of the test' if self.test_mode else 'another video takes its place'
            print_log(
                f'{error}; {what_now} ({sample_id} is bad video number {self.state.num_bad} of {self._source})',
                'current',
                logging.WARNING,
            )
        num_videos = len(self)
        if self.state.num_bad > max(MIN_TOLERATED_BAD_VIDEOS, self.max_bad_share * num_videos):
            raise ValueError(
                f'{self.state.num_bad} of the {num_videos} videos of {self._source} do not decode, more '
                f'than max_bad_share={self.max_bad_share} allows; the last: {error}. Mend or remove them '
                '(each is named above in the log)'
            ) from error


def _check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f'{name}={value!r}: expected one of {", ".join(map(repr, choices))}')
