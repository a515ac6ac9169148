"""The scripts of benchmarks/ measure, print their table and store it, on a few small videos and networks."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.videos import write_video


@pytest.fixture(scope='module')
def videos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('measured') / 'clips'
    for number in range(2):
        write_video(folder / 'jump' / f'v_jump_g0{number}_c01.avi', seed=number, num_frames=24)
    return folder


@pytest.fixture
def run(videos, tmp_path, monkeypatch, capsys):
    """Runs a script with these options and constants; gives what it printed and what it stored."""
    out = tmp_path / 'results.json'

    def run_script(name: str, *options: str, **constants) -> tuple[str, dict]:
        monkeypatch.syspath_prepend(str(REPOSITORY))
        module = importlib.import_module(f'benchmarks.{name}')
        for constant, value in {'RESULTS': out, **constants}.items():
            monkeypatch.setattr(module, constant, value, raising=constant != 'RESULTS')
        monkeypatch.setattr(sys, 'argv', [name, *options])
        module.main()
        return capsys.readouterr().out, json.loads(out.read_text()) if out.exists() else {}

    return run_script


def test_loading_gives_the_milliseconds_of_every_reader(run, videos):
    printed, results = run('loading', str(videos), '--rounds', '1')
    assert '| kdtoolbox, index kept | ' in printed and results['folders']['clips']['videos'] == 2
    assert all(times['mean'] > 0 for times in results['folders']['clips']['ms'].values())


def test_reencode_gives_time_and_size_of_each_key_frame_interval(run):
    printed, results = run('reencode', '--rounds', '1', NUM_VIDEOS=1, NUM_FRAMES=40, INTERVALS=(8,))
    assert '| every 8 | ' in printed and results['rows']['every 8']['size'] > 0


def test_right_frames_counts_wrong_frames_and_writes_the_table_into_a_page(run, videos, tmp_path):
    page = tmp_path / 'page.md'
    page.write_text((REPOSITORY / 'docs/right_frames.md').read_text())
    options = dict(KINDS={}, available_readers=lambda: ['kdtoolbox'])  # others hang on some kinds, for minutes
    printed, results = run('right_frames', str(videos), '--write', str(page), **options)
    assert results['rows'] == {'clips (2 files)': [[0, 2 * 14 * 16]]}
    assert '| clips (2 files) | 0 of 448 |' in printed and printed.strip() in page.read_text()


def test_training_clips_compares_the_ways_to_a_training_clip(run, videos, tmp_path):
    out = tmp_path / 'out.json'
    printed, _ = run('training_clips', str(videos), '--videos', '2', '--rounds', '1', '--out', str(out))
    assert 'kdtoolbox, resize on the device' in printed and json.loads(out.read_text())


def test_cache_gives_the_milliseconds_of_a_step_and_the_operations_of_a_run(run, tmp_path):
    out = tmp_path / 'out.json'
    printed, _ = run('cache', '--tiny', '--batch-size', '1', '--rounds', '1', '--out', str(out), TEACHERS=('resnet18',))
    results = json.loads(out.read_text())
    assert '| with the cache | ' in printed and all(times for times in results['seconds of a step'].values())
    assert all(row['run with the teacher / with the cache, its making included'] > 1 for row in results['computed'])


def test_step_compares_the_toolbox_with_a_loop_by_hand(run, tmp_path):
    out = tmp_path / 'out.json'
    printed, _ = run('step', '--tiny', '--rounds', '1', '--only', 'compared', '--out', str(out))
    assert '| written by hand | ' in printed and json.loads(out.read_text())


def test_memory_gives_the_peak_beside_the_student_alone(run, tmp_path):
    out = tmp_path / 'out.json'
    printed, _ = run('memory', '--tiny', '--out', str(out))
    assert 'student alone, MB | ' in printed and json.loads(out.read_text())


def test_cached_tokens_gives_what_is_read_of_them(run, tmp_path):
    out = tmp_path / 'out.json'
    run('cached_tokens', '--tiny', '--rounds', '1', '--out', str(out))
    assert json.loads(out.read_text())


def test_hidden_tokens_gives_the_time_of_a_step_at_each_share(run):
    printed, results = run('hidden_tokens', '--tiny', '--rounds', '1', DEPTH=2, LISTENED=range(1, 2))
    assert '0.2' in printed and results


def test_extraction_is_timed_beside_a_loop_over_ffmpeg(run, videos, tmp_path):
    out = tmp_path / 'out.json'
    printed, _ = run('extraction', str(videos), '--rounds', '1', '--jobs', '1', '--out', str(out))
    assert 'ms of a clip of 16 frames' in printed and json.loads(out.read_text())


def test_retrieval_is_timed_beside_plain_float32_and_a_full_sort(run, tmp_path):
    out = tmp_path / 'out.json'
    printed, _ = run('retrieval', '--queries', '20', '--gallery', '200', '--rounds', '1', '--out', str(out))
    results = json.loads(out.read_text())
    assert 'kdtoolbox, exact' in printed and results['size'][:2] == [20, 200]
    assert results['rows']['kdtoolbox, exact']['seconds'] > 0


def test_run_cost_counts_operations_and_measures_seconds_where_it_is_not_told_otherwise(run):
    small = ['model.student.backbone.base_channels=4', 'model.student.cls_head.in_channels=32']
    small += ['model.terms.kd.student_connector.in_channels=32', 'model.teacher.weights=None']
    small += ['model.teacher.model=torchvision.mobilenet_v3_small']
    printed, _ = run('run_cost', 'kd_r2d_to_r3d_hmdb51', '--count-only', '--cfg-options', *small)
    assert 'The run: 120 epochs' in printed and 'At the speed of this machine' not in printed
    printed, _ = run('run_cost', 'kd_r2d_to_r3d_folder', '--videos', '1000', '--cfg-options', *small)
    assert 'The run: 120 epochs' in printed and 'At the speed of this machine (cpu)' in printed


def test_scaling_plans_for_each_data_set_and_number_of_devices(run):
    printed, _ = run('scaling', '--clips-per-second', '180', '--decode-ms', '12')
    assert 'Kinetics-700, 64 devices' in printed
