"""The chain from an image network over a tiny transformer to a small R3D, on real clips and in a few steps."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from kdtoolbox.registry import MODELS
from kdtoolbox.runner.stages import Stage, read_plan, run_stages, stage_config
from kdtoolbox.safe_files import load_safely
from tests.conftest import REPOSITORY

PLAN = REPOSITORY / 'configs/stages/image_to_vit_tiny_to_r3d_folder.py'
SHORT = {
    'train_cfg.max_iters': 2,
    'default_hooks.checkpoint.interval': 2,
    'default_hooks.logger.interval': 1,
    'train_dataloader.batch_size': 2,
    **{f'{part}_dataloader.num_workers': 0 for part in ('train', 'test')},
    **{f'{part}_dataloader.persistent_workers': False for part in ('train', 'test')},
}


@pytest.fixture
def clips(shared, tmp_path, monkeypatch) -> Path:
    """Two clips of each of six classes to learn from, one to be tested on; the teacher's weights are ImageNet's."""
    videos = shared / 'data/ucf101_subset'
    entries = {}
    for folder in sorted(path for path in videos.iterdir() if path.is_dir()):
        groups = {path.stem.rpartition('_c')[0]: path for path in sorted(folder.glob('*.avi'))}
        for number, path in enumerate(list(groups.values())[:3]):
            entries[f'{folder.name}/{path.stem}'] = {
                'subset': 'training' if number < 2 else 'validation',
                'annotations': {'label': folder.name},
            }
    (tmp_path / 'split.json').write_text(json.dumps({'database': entries}))
    monkeypatch.setenv('FOLDER_VIDEOS', str(videos))
    monkeypatch.setenv('FOLDER_ANNOTATIONS', str(tmp_path / 'split.json'))
    monkeypatch.setenv('MOBILENET_V2_WEIGHTS', str(shared / 'data/weights/mobilenet_v2-imagenet-fp16.pth'))
    return tmp_path


def test_the_chain_learns_from_mobilenets_map_is_fine_tuned_and_teaches_the_small_r3d(clips):
    untested = {'custom_hooks': [dict(type='EpochSeedHook'), dict(type='PlainCheckpointHook')]}
    stages = [
        replace(stage, cfg_options={**stage.cfg_options, **SHORT, **({} if stage.name == 'edge' else untested)})
        for stage in read_plan(PLAN)
    ]
    students = run_stages(stages, clips / 'run')
    masked, tuned, edge = (load_safely(file, what='student')['state_dict'] for file in students.values())
    name = 'backbone.blocks.3.attn.qkv.weight'
    assert 0 < (tuned[name] - masked[name]).abs().max() < 1e-2  # it goes on from the masked one
    assert 'backbone.conv1.conv.weight' in edge
    losses = load_safely(clips / 'run/masked/iter_2.pth', what='checkpoint')['message_hub']['log_scalars']
    assert math.isfinite(losses['train/loss_umt']['HistoryBuffer'][0][-1]) and 'train/loss_cls' not in losses
    tested = json.loads((clips / 'run/edge/full_test.json').read_text())
    assert tested['provenance']['protocol'] == '2 clips a video; gallery: 12 videos; query: 6 videos'
    assert 0 <= tested['acc/top1'] <= 1 and tested['acc/chance'] == pytest.approx(1 / 6)


@pytest.mark.parametrize('row', ['vit_alone', 'r3d_alone', 'direct'])
def test_the_rows_beside_the_chain_have_the_networks_and_losses_that_their_names_say(row, clips, monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY))
    from benchmarks import transformer_chain as chain

    plan = {stage.name: stage for stage in read_plan(PLAN)}
    config, options = {
        'vit_alone': (chain.TRANSFORMER, chain.as_long_as_both(plan, {})),
        'r3d_alone': (chain.EDGE, chain.WITHOUT_TEACHER),
        'direct': (chain.DIRECT, chain.FEATURES_ALONE),
    }[row]
    settings = stage_config(Stage(row, config, options), {})
    assert settings.train_cfg.max_iters == (400 if row == 'vit_alone' else 200)
    assert settings.param_scheduler[1].end == settings.train_cfg.max_iters == settings.param_scheduler[1].T_max
    model = MODELS.build(settings.model.to_dict())
    terms = [term.name for term in model.criterion.all()]
    assert terms == (['features'] if row == 'direct' else [])
    assert model.use_labels == (row != 'direct')
    assert [type(teacher).__name__ for teacher in model.teachers.values()] == ['ImageTeacher'] * len(terms)


def test_the_benchmark_trains_and_measures_every_row(clips, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(REPOSITORY))
    from benchmarks import transformer_chain as chain

    out, arguments = clips / 'out.json', ['--labels-per-class', 'all', '--work-dir', str(clips / 'rows')]
    few = {f'test_dataloader.dataset.datasets.{number}.indices': 2 for number in range(2)}
    chain.main([*arguments, '--out', str(out)], options={**SHORT, **few})
    rows = {row['name']: row for row in json.loads(out.read_text())['rows']}
    assert rows.keys() == {chain.TEACHER_ROW, 'MobileNetV2’s features', *chain.LABEL_FREE, *chain.LABELLED}
    assert all(row['videos'] == 2 for row in rows.values()) and '| top-1' in capsys.readouterr().out
