"""A cache that the workers of a Dask cluster write."""

import pytest

from tests.cache_writing.scenario import (
    cached_teacher,
    command,
    training_config,
    write_videos,
    write_weights,
)


@pytest.mark.slow
def test_the_workers_of_a_cluster_write_the_cache_that_one_process_writes(tmp_path):
    distributed = pytest.importorskip('distributed')
    videos, weights = write_videos(tmp_path / 'videos'), write_weights(tmp_path / 'teacher.pth')
    here, there = (
        training_config(videos, tmp_path / name, cached_teacher(weights, tmp_path / name / 'cache'))
        for name in ('here', 'there')
    )
    assert command('write', here) == 0
    # Workers that are threads: what happens if a process dies is tested with extraction.
    with distributed.LocalCluster(2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        assert command('write', there, '--scheduler', cluster.scheduler_address) == 0
    shards = [
        {file.name: file.read_bytes() for file in (tmp_path / name / 'cache').glob('*.safetensors')}
        for name in ('here', 'there')
    ]
    assert shards[0] == shards[1] != {}
