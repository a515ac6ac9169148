import pytest

from benchmarks.scaling import SIZES, Measured, plan
from kdtoolbox.inspection.run_cost import RunCost
from kdtoolbox.inspection.run_length import RunLength

LENGTH = RunLength(10, 2_400_000, (3, 16, 224, 224), 2, (), (), 1)
COST = RunCost(LENGTH, dict(student=2.4e17, teacher=2.4e17, validation=1e15, test=2e16), {}, 8, 'cpu')


def test_a_run_is_what_its_clips_take_by_hand():
    # 2e11 operations a clip, 100 clips a second at 20e12: 24,000 s of training, and 2.1e16 / 2e13 = 1,050 s.
    found = plan(COST, SIZES['Kinetics-400'], Measured(20, None, 30, 0.5), 1)
    assert found.hours == pytest.approx(25_050 / 3600)
    assert found.cores == pytest.approx(3.0) and found.disk_mb_a_second == pytest.approx(50)
    # Of 12 cores, 30 ms a clip, 400 clips a second: the device is slower.
    assert found.hours_by_cores == found.hours


def test_more_devices_share_the_clips_and_cores_may_be_the_limit():
    measured = Measured(20, 1000, 30, 0.5)
    one, eight = (plan(COST, SIZES['Kinetics-400'], measured, number) for number in (1, 8))
    assert one.hours == pytest.approx(8 * eight.hours) and eight.disk_mb_a_second == pytest.approx(4000)
    assert one.hours_by_cores > one.hours  # 12 cores give 400 clips a second, the device takes 1,000


def test_a_larger_data_set_takes_more_of_all():
    measured = Measured(20, None, 30, 0.5)
    small, large = (plan(COST, SIZES[name], measured, 8) for name in SIZES)
    assert 1.7 < large.hours / small.hours < 536 / 240
