"""Student folders, teacher caches and plans of anybody: a right answer, or a ValueError that names the file."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mmengine.registry import init_default_scope

from kdtoolbox.cli.export import read_metrics
from kdtoolbox.deployment.preprocessing import build_pipeline, read_preprocessing
from kdtoolbox.deployment.student_folder import write_student_folder
from kdtoolbox.deployment.student_parts import read_student
from kdtoolbox.registry import MODELS
from kdtoolbox.runner.stages import read_plan
from kdtoolbox.safe_files import save_aside
from kdtoolbox.teacher_cache.layout import CacheSettings, load_settings, save_settings
from kdtoolbox.teacher_cache.shards import CachedVideo, Shard, write_shard
from tests.folder_run import CLASSES, PIPELINE
from tests.tiny import student_config
from tests.untrusted_files.mutations import mutated, read_or_refused
from tests.untrusted_files.test_readers import quickly as quickly_enough

quickly = settings(quickly_enough, max_examples=50)


@pytest.fixture(scope='module')
def student(tmp_path_factory) -> Path:
    init_default_scope('kdtoolbox')
    folder = tmp_path_factory.mktemp('student')
    model = student_config(num_classes=2)
    meta = {
        'student_config': repr(model),
        'student_test_pipeline': repr(PIPELINE),
        'dataset_meta': {'classes': CLASSES},
    }
    save_aside({'meta': meta, 'state_dict': MODELS.build(model).state_dict()}, folder / 'a.pth')
    return write_student_folder(folder / 'a.pth', folder / 'student', metrics={'acc/top1': 0.5})


@quickly
@given(data=st.data())
def test_student_folders(data, student):
    file = student / data.draw(st.sampled_from(['student.py', 'classes.json', 'metrics.json', 'preprocessing.json']))
    content = file.read_bytes()
    try:
        found = read_or_refused(lambda _: read_student(student), file, data.draw(mutated(content)))
    finally:
        file.write_bytes(content)
    assert found is None or found.classes is None or all(isinstance(name, str) for name in found.classes)


@quickly
@given(data=st.data())
@example(data=None)
def test_preprocessing(data, student, tmp_path):
    content = (student / 'preprocessing.json').read_bytes()
    content = content if data is None else data.draw(mutated(content))
    found = read_or_refused(read_preprocessing, tmp_path / 'preprocessing.json', content)
    if found is not None:
        read_or_refused(lambda file: build_pipeline(found['pipeline'], what=str(file)), tmp_path / 'x', b'')
        assert len(found['pipeline']) < 50


@quickly
@given(content=mutated(b'{"acc/top1": 0.5, "provenance": {"config": "a", "checkpoint": null}}'))
def test_metrics_of_model_cards(content, tmp_path):
    found = read_or_refused(read_metrics, tmp_path / 'metrics.json', content)
    assert found is None or all(isinstance(value, float | int) for value in found[0].values())


SETTINGS = CacheSettings({'model': 'x'}, '{}', 2, {'frame_logits': [7]}, None, ['a/0.avi', 'b/1.avi'], 1)
VIDEO = CachedVideo('a/0.avi', 0, 3, 3, 100, 10**18, 'ab', 'pyav')


@quickly
@given(data=st.data())
def test_settings_of_teacher_caches(data, tmp_path):
    save_settings(SETTINGS, tmp_path)
    content = (tmp_path / 'cache.json').read_bytes()
    found = read_or_refused(
        lambda file: load_settings(file.parent), tmp_path / 'cache.json', data.draw(mutated(content))
    )
    assert found is None or (found.num_shards > 0 and all(isinstance(name, str) for name in found.videos_of(0)))


@pytest.mark.parametrize('changes', [{'videos': 7}, {'num_views': 'x'}, {'videos_per_shard': 0}, {'outputs': [1]}])
def test_settings_of_other_kinds_are_refused(changes, tmp_path):
    save_settings(SETTINGS, tmp_path)
    file = tmp_path / 'cache.json'
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    with pytest.raises(ValueError, match=rf'cache.json is damaged: {next(iter(changes))}'):
        load_settings(tmp_path)


@quickly
@given(data=st.data())
def test_shards_of_teacher_caches(data, tmp_path):
    write_shard(tmp_path / 'shard', {'frame_logits': torch.zeros(6, 7)}, [VIDEO])
    content = data.draw(mutated((tmp_path / 'shard').read_bytes()))

    def read(file: Path):
        shard = Shard(file)
        return [shard.rows(video.rows(1, range(3))) for video in shard.videos.values()]

    read_or_refused(read, tmp_path / 'changed', content)


PLAN = b"""stages:
  - {name: assistant, config: CONFIG}
  - {name: student, config: CONFIG, cfg_options: {load_from: '{assistant.student}'}}
"""


@pytest.fixture(scope='module')
def config(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp('plan') / 'tiny.yml'
    file.write_text('train_cfg: {max_epochs: 1}\ndefault_hooks: {checkpoint: {interval: 1}}\n')
    return file


@quickly
@given(data=st.data())
@example(data=None)
def test_plans_of_stages(data, config, tmp_path):
    content = PLAN.replace(b'CONFIG', str(config).encode())
    content = content if data is None else data.draw(mutated(content))
    found = read_or_refused(lambda file: read_plan(file, safe=True), tmp_path / 'plan.yml', content)
    assert data is not None or [stage.name for stage in found] == ['assistant', 'student']
    assert not list(tmp_path.glob('*.py'))
