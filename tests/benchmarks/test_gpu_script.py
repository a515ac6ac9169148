"""benchmarks/gpu.sh goes on after a part that fails or takes too long, and gathers what the others gave."""

import json
import os
import stat
import subprocess
import sys

import torch

from benchmarks.gpu_summary import summary
from tests.conftest import REPOSITORY

# In place of Python: the tests fail, the step hangs, memory gives a number.
STAND_IN = """#!/bin/sh
for word in "$@"; do last=$word; done
case "$*" in
    *"-m pytest "*) exit 3 ;;
    *"-m benchmarks.step "*) sleep 60 ;;
    *"-m benchmarks.memory "*) echo '{"rows": []}' > "$last" ;;
    *"-m benchmarks.gpu_summary "*) echo gathered ;;
esac
"""


def test_parts_fail_and_hang_alone(tmp_path):
    python = tmp_path / 'python'
    python.write_text(STAND_IN)
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    script = (REPOSITORY / 'benchmarks/gpu.sh').read_text().replace('run step 120', 'run step 1')
    folder = tmp_path / 'benchmarks'
    folder.mkdir()
    (folder / 'gpu.sh').write_text(script)
    done = subprocess.run(
        [
            'bash',
            folder / 'gpu.sh',
            tmp_path / 'out',
            '--device',
            'cpu',
            '--tiny',
            '--parts',
            'tests',
            'step',
            'memory',
        ],
        env={**os.environ, 'PYTHON': str(python)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == 'gathered', done.stderr
    found = summary(tmp_path / 'out', torch.device('cpu'))
    outcomes = {name: part['outcome'] for name, part in found['parts'].items()}
    assert outcomes == {'tests': 'failed (3)', 'step': 'stopped after 4 s', 'memory': 'done'}
    assert found['numbers'] == {'memory': {'rows': []}} and found['tests'] == {}


def test_no_part_begins_after_the_time_is_over(tmp_path):
    done = subprocess.run(
        ['bash', REPOSITORY / 'benchmarks/gpu.sh', tmp_path, '--device', 'cpu', '--parts', 'memory'],
        env={**os.environ, 'PYTHON': 'true', 'SECONDS_IN_ALL': '3'},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert (tmp_path / 'parts.tsv').read_text() == 'memory\tno time left\t0\n'


def test_the_limits_of_the_parts_are_at_most_8_minutes():
    text = (REPOSITORY / 'benchmarks/gpu.sh').read_text()
    assert 'SECONDS_IN_ALL:-$((470 * TIMES))' in text and 'TIMES=1\n[ "$DEVICE" = cpu ] && TIMES=4' in text


def test_tests_are_counted_one_by_one(tmp_path):
    (tmp_path / 'parts.tsv').write_text('tests\tdone\t4\n')
    (tmp_path / 'tests.xml').write_text(
        '<testsuites><testsuite><testcase name="a"/><testcase name="b"><skipped/></testcase>'
        '<testcase name="c"><failure>no</failure></testcase></testsuite></testsuites>'
    )
    found = summary(tmp_path, torch.device('cpu'))
    assert found['tests'] == {'a': 'passed', 'b': 'skipped', 'c': 'failure'}
    assert found['machine']['python'] in sys.version and json.dumps(found)
