import argparse

import pytest
import torch
from mmengine.config import Config

from kdtoolbox.config_files.command_line import add_config_arguments
from kdtoolbox.config_files.overriding import load_config
from kdtoolbox.feature_extraction.probe import fit_probe
from kdtoolbox.registry import MODELS
from kdtoolbox.runner.demo_comparison import FEW_LABELS
from kdtoolbox.runner.training import build_runner
from tests.conftest import REPOSITORY
from tests.tiny import NUM_CLASSES, TinyImageNet, run_config, student_config, teacher_config
from tests.videos import write_hmdb51


def test_the_probe_learns_the_classes_and_the_config_can_name_it(tmp_path):
    torch.manual_seed(0)
    torch.save(TinyImageNet().state_dict(), tmp_path / 'weights.pth')
    config = run_config(tmp_path)
    config.model.teacher.weights = str(tmp_path / 'weights.pth')
    config.train_dataloader.dataset.length = 20
    accuracy = fit_probe(config, tmp_path / 'probe.pth', passes=2)
    assert accuracy > 0.7  # the classes are shades of grey, chance is 0.2; the network is random
    content = torch.load(tmp_path / 'probe.pth', weights_only=True)
    assert content['classes'] == [f'class{index}' for index in range(NUM_CLASSES)]
    teacher = MODELS.build(teacher_config(probe=str(tmp_path / 'probe.pth'), weights=str(tmp_path / 'weights.pth')))
    assert teacher(torch.zeros(1, 2, 3, 24, 24))['logits'].shape == (1, NUM_CLASSES)


def test_only_one_image_teacher_can_be_probed(tmp_path):
    config = run_config(tmp_path)
    config.model.teacher = dict(type='RecognizerTeacher', recognizer=student_config())
    with pytest.raises(ValueError, match='one ImageTeacher, but model.teacher is RecognizerTeacher'):
        fit_probe(config, tmp_path / 'probe.pth')


def test_no_pass_is_refused(tmp_path):
    with pytest.raises(ValueError, match='passes=0'):
        fit_probe(run_config(tmp_path), tmp_path / 'probe.pth', passes=0)


def labelled(dataset) -> set[str]:
    return {info['sample_id'] for info in map(dataset.get_data_info, range(len(dataset))) if info['label'] != -1}


def few_label_configs() -> list[tuple[str, str]]:
    """The shipped configs that keep so many labels of each class, and the options by which the demo's does."""
    demo = ' '.join(f'{key}={value}' for key, value in FEW_LABELS.items())
    files = sorted(file for file in (REPOSITORY / 'configs').rglob('*.py') if 'labels_per_class' in file.read_text())
    assert not any(file.parent.name == '_base_' or file.parent.parent.name == '_base_' for file in files)
    found = [
        (str(file.relative_to(REPOSITORY / 'configs')), '')
        for file in files
        if 'labels_per_class' in ((Config.fromfile(file).get('train_dataloader') or {}).get('dataset') or {})
    ]
    assert len(found) >= 2
    return [*found, ('demo/video_student.py', demo)]


@pytest.mark.parametrize('name, options', few_label_configs())
def test_the_probe_learns_from_the_labels_that_training_has_whatever_the_seed(name, options, tmp_path, monkeypatch):
    videos, annotations = write_hmdb51(tmp_path, num_classes=3, videos=12)
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    chosen = []

    class Stop(Exception):
        pass

    def only_look(teacher, loader, *, passes):
        chosen.append(labelled(loader.dataset))
        raise Stop

    monkeypatch.setattr('kdtoolbox.feature_extraction.probe.video_features', only_look)
    torch.save(TinyImageNet().state_dict(), tmp_path / 'weights.pth')
    for seed in range(4):
        arguments = [
            name,
            '--seed',
            str(seed),
            '--work-dir',
            str(tmp_path / 'work'),
            '--cfg-options',
            *options.split(),
            f'train_dataloader.dataset.data_root={videos}',
            f'train_dataloader.dataset.ann_file={annotations}',
        ]
        config, for_probe = (load_config(parser.parse_args(arguments)) for _ in range(2))
        for one in (config, for_probe):
            one.model = None  # tiny networks; the data are what this is about
            one.model = run_config(tmp_path, teacher=teacher_config(weights=str(tmp_path / 'weights.pth'))).model
        runner = build_runner(config)
        trained_on = labelled(runner.build_dataloader(config.train_dataloader, seed=seed).dataset)
        with pytest.raises(Stop):
            fit_probe(for_probe, tmp_path / 'probe.pth')
        assert chosen[-1] == trained_on
        assert len(trained_on) == 3 * config.train_dataloader.dataset.labels_per_class
    assert any(other != chosen[0] for other in chosen[1:])  # so the seed does choose
