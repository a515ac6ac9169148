import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from kdtoolbox.cli.main import main
from kdtoolbox.teacher_cache.shards import Shard
from tests.cache_writing import scenario


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp('cache_command')
    teacher = scenario.cached_teacher(scenario.write_weights(folder / 'teacher.pth'), folder / 'cache', top_k=3)
    config = scenario.training_config(scenario.write_videos(folder / 'videos'), folder, teacher)
    assert scenario.command('write', config) == 0
    return config, folder / 'cache'


def test_info_prints_coverage_contents_and_size(written, capsys):
    config, cache = written
    assert scenario.command('info', config) == 0
    printed = capsys.readouterr().out
    num_frames = sum(9 + number for number in range(scenario.NUM_VIDEOS))
    assert f'10 of 10 shards, 10 of 10 videos, {num_frames} frames in {scenario.NUM_VIEWS} views' in printed
    assert 'of each frame: frame_logits 7, frame_features 8 (the 3 largest logits), float16' in printed
    assert 'weights ' in printed and 'RandomResizedCrop' in printed
    rows = num_frames * scenario.NUM_VIEWS
    shards = [Shard(file) for file in cache.glob('shard-*')]
    assert sum(len(shard.tensors['frame_logits.values']) for shard in shards) == rows


def test_verify_agrees_with_the_teacher_and_names_what_does_not(written, tmp_path, capsys):
    config, cache = written
    assert scenario.command('verify', config) == 0
    assert '10 of 10 right' in capsys.readouterr().out
    file = next(file for file in cache.glob('shard-*') if 'b/3.avi' in Shard(file).videos)
    before = file.read_bytes()
    tensors = load_file(file)
    tensors['frame_features'][:] += 0.5
    header = json.loads(before[8 : 8 + int.from_bytes(before[:8], 'little')])['__metadata__']
    save_file(tensors, file, header)
    try:
        assert scenario.command('verify', config) == 1
        printed = capsys.readouterr().out
        assert 'b/3.avi, view ' in printed and '9 of 10 right' in printed
    finally:
        file.write_bytes(before)


def test_a_training_from_the_largest_logits_runs(written, tmp_path):
    config, _ = written
    config.dump(tmp_path / 'config.py')
    assert main(['train', str(tmp_path / 'config.py'), '--work-dir', str(tmp_path)]) == 0
    assert torch.load(tmp_path / 'epoch_2.pth', weights_only=True)['state_dict']


def test_a_config_without_a_cached_teacher_is_refused(tmp_path, capsys):
    plain = scenario.training_config(tmp_path, tmp_path, scenario.live_teacher('x'))
    assert scenario.command('write', plain) != 0
    assert 'the config has no CachedTeacher: wrap its teacher' in capsys.readouterr().err


def test_doctor_looks_at_a_batch_from_the_cache(written, tmp_path, capsys):
    config, _ = written
    config.dump(tmp_path / 'config.py')
    assert main(['doctor', str(tmp_path / 'config.py')]) == 0
    printed = capsys.readouterr().out
    assert 'Losses on 4 clips' in printed and 'Problems: none found' in printed
