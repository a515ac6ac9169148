import os

import pytest
import torch

from kdtoolbox.teacher_cache.shards import CachedVideo, Shard, to_stored, write_shard
from kdtoolbox.teacher_cache.top_k import all_logits, largest_logits


def memory_kb(kind):
    """Resident memory of this process of one kind, RssAnon or RssFile."""
    with open('/proc/self/status') as file:
        return next(int(line.split()[1]) for line in file if line.startswith(kind))


@pytest.mark.skipif(not os.path.exists('/proc/self/status'), reason='reads Linux accounts of memory')
def test_rows_are_read_from_a_memory_map_and_the_rest_stays_on_disk(tmp_path):
    rows, classes = 32_000, 1000
    logits = torch.arange(rows, dtype=torch.float32)[:, None].expand(rows, classes).half()
    video = CachedVideo('a', 0, rows, rows, 1, 2, 'hash', 'pyav')
    write_shard(tmp_path / 'shard', {'frame_logits': logits}, [video])
    file_kb = (tmp_path / 'shard').stat().st_size // 1024
    assert file_kb > 60_000
    del logits
    own, mapped = memory_kb('RssAnon'), memory_kb('RssFile')
    shard = Shard(tmp_path / 'shard')
    for row in (31_999, 7, 16_000):
        assert shard.rows([row])['frame_logits'].tolist() == [[float(torch.tensor(float(row)).half())] * classes]
    assert memory_kb('RssAnon') - own < 4_000
    assert memory_kb('RssFile') - mapped < 20_000


def test_rows_of_a_video_are_ordered_by_view_and_frame():
    video = CachedVideo('a', 100, 7, 7, 1, 2, 'hash', 'pyav')
    assert video.rows(0, [0, 6]) == [100, 106]
    assert video.rows(2, [3, 3, 0]) == [117, 117, 114]


def test_the_largest_logits_keep_their_probabilities_and_the_rest_shares_what_is_left():
    logits = 4 * torch.randn(50, 20, generator=torch.Generator().manual_seed(0)).double()
    rebuilt = all_logits(**largest_logits(logits, 5), num_classes=20)
    before, after = logits.softmax(1), rebuilt.softmax(1)
    chosen = logits.topk(5, dim=1).indices
    torch.testing.assert_close(after.gather(1, chosen), before.gather(1, chosen))
    others = torch.ones_like(after).scatter(1, chosen, 0).bool()
    left = 1 - before.gather(1, chosen).sum(1)
    for row in range(50):
        torch.testing.assert_close(after[row][others[row]], (left[row] / 15).expand(15))
    torch.testing.assert_close(rebuilt.gather(1, chosen), logits.gather(1, chosen))  # not only up to a constant


def test_what_float16_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="the teacher's layer has values that are not finite in float16.*70000"):
        to_stored({'layer': torch.tensor([[1.0, 70_000.0]])}, top_k=None, logits='frame_logits')


@pytest.mark.parametrize('damage', [lambda content: content[:-10], lambda content: b'x' * 400, lambda content: b''])
def test_a_damaged_shard_is_one_message(damage, tmp_path):
    write_shard(tmp_path / 'shard', {'a': torch.zeros(3)}, [])
    (tmp_path / 'shard').write_bytes(damage((tmp_path / 'shard').read_bytes()))
    with pytest.raises(ValueError, match='shard is damaged .*: delete it, and run kdtoolbox cache CONFIG again'):
        Shard(tmp_path / 'shard')


@pytest.mark.skipif(not hasattr(os, 'posix_fadvise'), reason='the system cannot be told what will be read')
def test_the_system_is_told_of_what_is_read_and_of_little_else(tmp_path, monkeypatch):
    tokens = torch.arange(6 * 40 * 1000).reshape(6, 40, 1000).remainder(2048).half()
    file = tmp_path / 'shard'
    write_shard(file, {'tokens': tokens, 'logits': torch.ones(6, 3)}, [CachedVideo('a', 0, 6, 6, 1, 2, 'hash', 'pyav')])
    shard, content, told = Shard(file), file.read_bytes(), []
    monkeypatch.setattr(os, 'posix_fadvise', lambda _, start, length, advice: told.append((start, length)))
    wanted = torch.zeros(2, 40, dtype=torch.bool)
    wanted[0, [3, 4, 20]] = wanted[1, 39] = True
    found = shard.read(['tokens', 'logits'], [1, 5], {'tokens': wanted})
    assert torch.equal(found['tokens'], tokens[[1, 5]][wanted]) and found['logits'].shape == (2, 3)
    bytes_told = [content[start : start + length] for start, length in told]
    expected = [tokens[1, 3:5], tokens[1, 20:21], tokens[5, 39:], torch.ones(5, 3)]  # all rows of a page of logits
    assert sorted(bytes_told) == sorted(one.numpy().tobytes() for one in expected)
    os.unlink(file)
    assert torch.equal(shard.read(['tokens'], [0])['tokens'], tokens[:1])  # it is still mapped
