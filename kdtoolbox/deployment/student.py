"""A trained student at work: classes and features of videos, in a few lines of Python."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import torch
from mmengine.logging import print_log
from mmengine.registry import DefaultScope
from torch import Tensor

from kdtoolbox.deployment.devices import usable_device
from kdtoolbox.deployment.prediction import Prediction
from kdtoolbox.deployment.student_network import build_network
from kdtoolbox.deployment.student_parts import StudentParts, read_student
from kdtoolbox.deployment.video_samples import VideoPart, VideoSamples, find_videos, loader_of, windows
from kdtoolbox.evaluation.feature_file import UNLABELLED, VideoFeatures, is_feature_file, load_features
from kdtoolbox.evaluation.nearest import nearest_neighbours
from kdtoolbox.provenance import named_by_content
from kdtoolbox.terminal import Progress
from kdtoolbox.video import DecodeError

Videos = str | Path | Iterable[str | Path]


class Student:
    """A student that looks at video files as in its tests.

    Args:
        parts: what it is built from, see :func:`read_student`.
        device: ``'cpu'``, ``'cuda'``, …; None is the best that is there.
        batch_size: videos at a time.

    Attributes:
        classes: names of its classes, None where they are not known.
        preprocessing: how it sees a video.
        metrics: with their protocol, as they were exported.
        recognizer: the network, a recognizer of mmaction2.
    """

    def __init__(self, parts: StudentParts, *, device: str | None = None, batch_size: int = 8) -> None:
        self.source, self.weights_file = parts.source, parts.weights_file
        self.classes, self.learned_classes = parts.classes, parts.learned_classes
        self.preprocessing, self.metrics = parts.preprocessing, parts.metrics
        self.batch_size = batch_size
        head = parts.model.get('cls_head')
        if not isinstance(head, Mapping):
            raise ValueError(f'the student {self.source} has no cls_head in its config')
        head = dict(head)
        head['average_clips'] = head.get('average_clips') or 'prob'
        self._gives_logits = head['average_clips'] == 'score'
        view = {'size': self.preprocessing['size'] or 112, 'modality': self.preprocessing.get('modality', 'rgb')}
        self._model = build_network(
            {**parts.model, 'cls_head': head}, parts.state, view=view, source=parts.weights_file
        ).to(usable_device(device))
        self.recognizer = self._model.student
        if self.classes and head.get('num_classes', len(self.classes)) != len(self.classes):
            raise ValueError(
                f'the student {self.source} has {head["num_classes"]} outputs and the names of {len(self.classes)} '
                'classes: expected one for each'
            )

    def predict(
        self, videos: Videos, *, topk: int = 5, num_workers: int | None = None
    ) -> Prediction | list[Prediction]:
        """The likeliest classes of a video; of several, or of a folder, a list in their order.

        In a list, a video that cannot be read has its reason in ``error``.

        Raises:
            ValueError: the student learned no classes, a folder has no videos, or the only video cannot be read.
        """
        found = find_videos(videos)
        predictions = list(self.predictions(found, topk=topk, num_workers=num_workers))
        if not isinstance(videos, (str, Path)) or Path(videos).is_dir():
            return predictions
        if predictions[0].error:
            raise ValueError(predictions[0].error)
        return predictions[0]

    def predict_windows(
        self, video: str | Path, *, seconds: float, stride_seconds: float | None = None, topk: int = 5
    ) -> list[Prediction]:
        """The likeliest classes of windows of a long video, in the order of time.

        Args:
            seconds: length of a window.
            stride_seconds: from one window's start to the next one's; None is half a window.

        Raises:
            ValueError: the student learned no classes, or the video cannot be read.
        """
        try:
            parts = windows(
                VideoPart(str(video), Path(video)), seconds=seconds, stride_seconds=stride_seconds or seconds / 2
            )
        except DecodeError as error:
            raise ValueError(str(error)) from error
        return list(self.predictions(parts, topk=topk))

    def features(self, videos: Videos, *, num_workers: int | None = None) -> Tensor | VideoFeatures:
        """Features of a video, (C,); of several, or of a folder, :class:`VideoFeatures` of those that can be read.

        Raises:
            ValueError: a folder has no videos, or none can be read.
        """
        is_one = isinstance(videos, (str, Path)) and not Path(videos).is_dir()
        found = self.video_features(find_videos(videos), num_workers=num_workers)
        return found.features[0] if is_one else found

    def nearest(
        self, query: str | Path | Tensor, gallery: Videos | VideoFeatures, *, topk: int = 5
    ) -> list[tuple[str, float]]:
        """The videos of a gallery that are nearest to a query, with their cosine similarity, the nearest first.

        Args:
            query: a video, or its features (C,).
            gallery: features, a file of them (.safetensors or .npz), or videos.

        Raises:
            ValueError: the features are of another student, or a video cannot be read.
        """
        if isinstance(gallery, (str, Path)) and is_feature_file(gallery):
            gallery = load_features(gallery)
        elif not isinstance(gallery, VideoFeatures):
            gallery = self.video_features(find_videos(gallery))
        vector = query if isinstance(query, Tensor) else self.video_features(find_videos(query)).features[0]
        return nearest(vector, gallery, topk=topk)

    def predictions(
        self, parts: Sequence[VideoPart], *, topk: int = 5, num_workers: int | None = None, what: str = 'videos'
    ) -> Iterator[Prediction]:
        """A prediction for each part, in order, as they come; with progress on the console.

        Raises:
            ValueError: the student learned no classes.
        """
        self.require_classes()
        for part, answer in self._answers(parts, num_workers=num_workers, what=what):
            if isinstance(answer, str):
                yield Prediction(str(part.file), seconds=part.seconds, error=answer)
                continue
            yield self._prediction(str(part.file), answer['scores'], part.seconds, topk)

    def predict_sample(
        self, packed: Mapping, *, name: str, seconds: tuple[float, float] | None, topk: int = 5
    ) -> Prediction:
        """The likeliest classes of one sample of the pipeline, such as frames of a camera.

        Args:
            packed: ``inputs`` and ``data_samples``, as PackActionInputs gives them.
            name: of the video.
            seconds: (start, end) of it.
        """
        scores = self._run([{**packed, 'index': 0}])[0]['scores']
        return self._prediction(name, scores, seconds, topk)

    def require_classes(self) -> None:
        """Refuse a student that can name nothing.

        Raises:
            ValueError: it learned no classes.
        """
        if not self.learned_classes:
            raise ValueError(
                f'the student {self.source} learned without labels and has no classes: its features find similar '
                'videos (kdtoolbox embed, kdtoolbox search), and with labels it can be fine-tuned'
            )

    def _prediction(self, name: str, scores: Tensor, seconds: tuple[float, float] | None, topk: int) -> Prediction:
        scores = scores.softmax(0) if self._gives_logits else scores
        best = scores.topk(min(topk, len(scores)))
        names = tuple(self.classes[i] if self.classes else f'class {i}' for i in best.indices.tolist())
        return Prediction(name, names, tuple(best.values.tolist()), seconds)

    def video_features(self, parts: Sequence[VideoPart], *, num_workers: int | None = None) -> VideoFeatures:
        """Features of the parts that can be read; a warning names the others.

        Raises:
            ValueError: none can be read.
        """
        names, vectors, errors = [], [], []
        for part, answer in self._answers(parts, num_workers=num_workers, what='videos'):
            if isinstance(answer, str):
                errors.append(answer)
                print_log(f'left out: {answer}', 'current', logging.WARNING)
            else:
                names.append(part.name)
                vectors.append(answer['features'])
        if not vectors:
            raise ValueError(f'none of {len(parts)} videos can be read; the first: {errors[0] if errors else "none"}')
        return VideoFeatures(
            torch.stack(vectors),
            torch.full((len(vectors),), UNLABELLED),
            names,
            ['gallery'] * len(vectors),
            (),
            self.provenance(),
        )

    def clips_of(self, videos: Videos) -> Tensor:
        """All clips of videos, (N, 3, T, H, W) uint8, as the network gets them before normalisation.

        Raises:
            ValueError: a video cannot be read, or the student sees frames and not clips.
        """
        with DefaultScope.overwrite_default_scope('kdtoolbox'):
            samples = VideoSamples(find_videos(videos), self.preprocessing['pipeline'])
        clips = []
        for index in range(len(samples)):
            sample = samples[index]
            if 'error' in sample:
                raise ValueError(sample['error'])
            clips.append(sample['inputs'])
        found = torch.cat(clips)
        if found.dim() != 5:
            raise ValueError(f'the student {self.source} sees {tuple(found.shape)}, expected clips of a 3D network')
        return found

    def provenance(self) -> dict[str, str]:
        """Where features of this student come from, for feature files."""
        return {
            'student': str(self.source.resolve()),
            'layer': 'features',
            'weights': named_by_content(self.weights_file),
        }

    @torch.no_grad()
    def _answers(
        self, parts: Sequence[VideoPart], *, num_workers: int | None, what: str
    ) -> Iterator[tuple[VideoPart, Mapping[str, Tensor] | str]]:
        """Each part with its ``scores`` (K,) and ``features`` (C,), or the reason that it cannot be read."""
        with DefaultScope.overwrite_default_scope('kdtoolbox'):
            samples = VideoSamples(parts, self.preprocessing['pipeline'])
        progress = Progress(len(parts), what=what)
        try:
            for batch in loader_of(samples, batch_size=self.batch_size, num_workers=num_workers):
                answers = self._run([one for one in batch if 'error' not in one])
                for one in batch:
                    progress.update()
                    yield parts[one['index']], one['error'] if 'error' in one else answers[one['index']]
        finally:
            progress.close()

    @torch.no_grad()
    def _run(self, batch: Sequence[Mapping]) -> dict[int, Mapping[str, Tensor]]:
        """Index -> scores and features; clips of one shape go through the network together."""
        found: dict[int, Mapping[str, Tensor]] = {}
        shapes = {tuple(one['inputs'].shape) for one in batch}
        for shape in shapes:
            alike = [one for one in batch if tuple(one['inputs'].shape) == shape]
            predictions = self._forward(alike, shape)
            for one, sample in zip(alike, predictions, strict=True):
                found[one['index']] = {
                    'scores': sample.pred_scores.item.float().cpu(),
                    'features': sample.clip_features.float().cpu(),
                }
        return found

    def _forward(self, batch: Sequence[Mapping], shape: tuple[int, ...]) -> list:
        try:
            return self._model.test_step({name: [one[name] for one in batch] for name in ('inputs', 'data_samples')})
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            words = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
            raise ValueError(
                f'the student {self.source} cannot take clips of {shape}, which its preprocessing makes ({words})'
            ) from error


def load_student(source: str | Path, *, device: str | None = None, batch_size: int = 8) -> Student:
    """Load an exported student: a student folder, a folder of ``kdtoolbox distill``, or a checkpoint.

    No code of the folder is run; a student with classes of one's own needs their module imported before.

    Args:
        source: the folder or file.
        device: ``'cpu'``, ``'cuda'``, …; None is the best that is there.
        batch_size: videos at a time.

    Raises:
        ValueError: it is no student, or holds something else than data and registered names.
    """
    return Student(read_student(source), device=device, batch_size=batch_size)


def nearest(query: Tensor, gallery: VideoFeatures, *, topk: int = 5) -> list[tuple[str, float]]:
    """Names and cosine similarities of the gallery's videos that are nearest to a query (C,), the nearest first.

    Raises:
        ValueError: the query has another number of components.
    """
    cosines, positions = nearest_neighbours(query[None], gallery.features, min(topk, len(gallery.features)))
    return [(gallery.sample_ids[place], value) for place, value in zip(positions[0].tolist(), cosines[0].tolist())]
