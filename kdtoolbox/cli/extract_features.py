"""Write one feature vector a video to a file that retrieval and probes run from."""

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from torch import Tensor

from kdtoolbox.config_files.overriding import load_config, seed_datasets
from kdtoolbox.evaluation.feature_file import VideoFeatures, save_features
from kdtoolbox.feature_extraction.video_vectors import features_of_videos, in_view, ordered_loader, teacher_vectors
from kdtoolbox.provenance import as_built, config_name, named_by_content
from kdtoolbox.registry import MODELS
from kdtoolbox.runner.testing import load_student, without_teacher
from kdtoolbox.runner.training import build_runner
from kdtoolbox.taps import FEATURES, Taps, pool_to_vector


def run(args: argparse.Namespace) -> int:
    config = load_config(args)
    extract = extract_student if args.of == 'student' else extract_teacher
    options = {'checkpoint': args.checkpoint} if args.of == 'student' else {}
    videos = extract(config, layer=args.layer, split=args.split, **options)
    save_features(videos, args.out)
    print(f'wrote {args.out}: {args.layer} of {len(videos.labels)} videos, {videos.features.shape[1]} components each')
    return 0


def extract_student(
    config: Config, *, checkpoint: str | Path | None = None, layer: str = FEATURES, split: str = 'test'
) -> VideoFeatures:
    """The mean over the clips of what a layer of the student gives, for each video as in testing.

    Training clips are shown in the student's view, as in training.

    Args:
        checkpoint: None takes the student with the weights it is built with.

    Raises:
        ValueError: the checkpoint or the layer does not fit the student, or the data loader lacks what is needed.
    """
    origin = _provenance(config, of='student', layer=layer, split=split)
    config = without_teacher(config)
    runner = build_runner(config)  # and gives the data sets in config their seed
    if checkpoint is None:
        runner.model.init_weights()
    else:
        load_student(runner, checkpoint)
    runner.model.eval()
    taps = Taps(getattr(runner.model, 'student', runner.model), [layer], classifier='cls_head', owner='student')

    # Clips of training are of the size that the teachers need; those of the others are of the student's already.
    view = getattr(runner.model.data_preprocessor, 'student_view', None) if split == 'train' else None
    if view is not None:
        view = dataclasses.replace(view, modality='rgb')  # of test clips the model itself makes the differences

    def vectors(data: dict) -> Tensor:
        if view is not None:
            data = {**data, 'inputs': [in_view(view, clips) for clips in data['inputs']]}
        with taps.listening() as outputs:
            runner.model.test_step(data)
        return pool_to_vector(outputs[layer], len(data['data_samples']))

    if checkpoint is not None:
        origin['weights'] = named_by_content(checkpoint)
    return features_of_videos(vectors, ordered_loader(config, split), provenance=origin)


def extract_teacher(config: Config, *, layer: str = FEATURES, split: str = 'test') -> VideoFeatures:
    """The mean over the clips of what a layer of a teacher gives, the frames being seen in its own view.

    It is shown the clips that the split's pipeline makes, as the student is: a pipeline that crops 112² is resized to
    the teacher's size.

    Args:
        layer: ``<teacher>.<path>`` with several teachers.

    Raises:
        ValueError: there is no such teacher or layer, or the data loader lacks what is needed.
    """
    init_default_scope(config.get('default_scope', 'kdtoolbox'))
    seed_datasets(config)
    teacher_config, path = _teacher_config(config.model.get('teacher') or {}, layer)
    teacher = MODELS.build(dict(teacher_config)).to(get_device())
    teacher.listen([path])
    origin = _provenance(config, of='teacher', layer=layer, split=split)
    origin |= {key: named_by_content(teacher_config[key]) for key in ('weights', 'probe') if teacher_config.get(key)}
    return features_of_videos(
        lambda data: teacher_vectors(teacher, data['inputs'], path), ordered_loader(config, split), provenance=origin
    )


def _teacher_config(teachers: Mapping, layer: str) -> tuple[Mapping, str]:
    """The config of the teacher that ``layer`` names, and the path inside it."""
    if 'type' in teachers:
        return teachers, layer
    name, _, path = layer.partition('.')
    if not teachers or name not in teachers or not path:
        raise ValueError(
            f'--of teacher --layer {layer}: '
            + (
                f'the config has the teachers {sorted(teachers)}; write <teacher>.<path>, such as '
                f'{min(teachers)}.{FEATURES}'
                if teachers
                else 'the config has no model.teacher'
            )
        )
    return teachers[name], path


def _provenance(config: Config, **settings: str) -> dict[str, str]:
    return {'config': config_name(config) or 'none', **settings, 'weights': as_built(config)}
