import zipfile

import numpy as np
import pytest

from kdtoolbox.plain_files import csv_rows, load_arrays, numbered_lines, parse_json, read_json, read_text
from tests.odd_files import NO_FILES


@pytest.mark.parametrize(
    'make, words',
    [
        *zip(
            NO_FILES,
            ('no such file', 'a folder, expected a file', 'no file, expected a file', 'no such file', 'cannot be read'),
        ),
        (lambda file: file.write_bytes(b'ok\n\xff'), 'line 2 is not text in UTF-8'),
        (lambda file: file.write_bytes(b'x' * 101), '101 bytes: expected at most 100'),
    ],
)
def test_what_is_no_text_is_one_line_that_names_the_file(make, words, tmp_path):
    make(tmp_path / 'file.txt')
    with pytest.raises(ValueError, match=words) as refused:
        read_text(tmp_path / 'file.txt', max_bytes=100)
    assert str(tmp_path / 'file.txt') in str(refused.value) and '\n' not in str(refused.value)


def test_lines_are_numbered_as_an_editor_does_whatever_their_ends(tmp_path):
    (tmp_path / 'a').write_bytes('\ufeffone\r\n\r\n two \rthr\u2028ee\n'.encode())
    assert numbered_lines(tmp_path / 'a') == [(1, 'one'), (3, 'two'), (4, 'thr\u2028ee')]


def test_a_key_that_is_there_twice_is_refused_as_one_would_be_lost(tmp_path):
    (tmp_path / 'a.json').write_text('{"database": {"v": 1, "v": 2}}')
    with pytest.raises(ValueError, match="a.json gives the key 'v' twice"):
        read_json(tmp_path / 'a.json')


@pytest.mark.parametrize(
    'text, words',
    [
        ('{"a": }', 'line 1'),
        ('[' * 60 + ']' * 60, 'nested too deep'),
        ('[' * 100_000 + ']' * 100_000, 'nested too deep'),
        ('1' * 5000, 'is not JSON'),
        (r'["\ud800"]', 'half a character'),
        (r'["\ud83d\ude00", "\udead"]', 'half a character'),
    ],
)
def test_json_that_would_trip_its_user_later_is_refused_when_read(text, words):
    with pytest.raises(ValueError, match=rf'x\.json.*{words}'):
        parse_json(text, source='x.json')


def test_json_of_whole_characters_written_as_two_halves_is_read():
    assert parse_json(r'["\ud83d\ude00"]', source='x') == ['\U0001f600']


def test_a_field_of_csv_that_is_too_long_names_its_line(tmp_path):
    (tmp_path / 'a.csv').write_text('a,b\n1,2\n3,' + 'x' * 200_000 + '\n')
    columns, rows = csv_rows(tmp_path / 'a.csv')
    assert columns == ['a', 'b'] and next(rows) == (2, {'a': '1', 'b': '2'})
    with pytest.raises(ValueError, match=r'a\.csv, line 3 is not CSV'):
        next(rows)


def test_an_archive_that_would_fill_the_memory_is_refused_unread(tmp_path):
    with zipfile.ZipFile(tmp_path / 'a.npz', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('features.npy', bytes(60 * 2**20))
    with pytest.raises(ValueError, match='unpacked it would have 62914560 bytes'):
        load_arrays(tmp_path / 'a.npz')


def test_arrays_of_objects_are_refused(tmp_path):
    np.savez(tmp_path / 'a.npz', names=np.array([print], dtype=object))
    with pytest.raises(ValueError, match=r'a\.npz is no npz archive of plain arrays'):
        load_arrays(tmp_path / 'a.npz')
