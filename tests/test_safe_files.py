import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from kdtoolbox.safe_files import check_writable, load_safely, save_aside, write_aside


def test_what_is_saved_is_loaded(tmp_path):
    save_aside({'weight': torch.arange(3.0), 'epoch': 4}, tmp_path / 'new/folder/file.pth')
    content = load_safely(tmp_path / 'new/folder/file.pth', what='checkpoint')
    assert content['weight'].tolist() == [0, 1, 2] and content['epoch'] == 4


def test_a_write_that_fails_leaves_the_file_that_was_there(tmp_path):
    save_aside({'epoch': 1}, tmp_path / 'file.pth')
    with pytest.raises(AttributeError):
        save_aside({'epoch': lambda: 2}, tmp_path / 'file.pth')  # a lambda cannot be pickled
    assert load_safely(tmp_path / 'file.pth', what='checkpoint') == {'epoch': 1}


def test_text_is_whole_and_nothing_is_left_beside_it(tmp_path):
    write_aside(tmp_path / 'a.txt', 'é')
    assert [path.name for path in tmp_path.iterdir()] == ['a.txt']
    assert (tmp_path / 'a.txt').read_text(encoding='utf-8') == 'é'


@pytest.mark.parametrize(
    'write, message',
    [
        (lambda file: None, 'no such file'),
        (lambda file: file.write_bytes(b'not torch'), 'not a file of tensors'),
        (lambda file: torch.save(torch.nn.Linear(2, 2), file), 'could run code'),
        (lambda file: torch.save([1, 2], file), 'expected a dict, got list'),
    ],
)
def test_other_files_are_refused_with_their_name(tmp_path, write, message):
    write(tmp_path / 'file.pth')
    with pytest.raises(ValueError, match=f'checkpoint .*file.pth.*{message}'):
        load_safely(tmp_path / 'file.pth', what='checkpoint')


def torchscript(file):
    torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save(str(file))


def cut_off(file):
    torch.save({'weight': torch.zeros(1000)}, file)
    file.write_bytes(file.read_bytes()[:2000])


def zipped(file):
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('readme', 'x')


@pytest.mark.parametrize(
    'write, message',
    [
        (lambda file: file.write_bytes(b''), 'is an empty file'),
        (lambda file: file.write_text('0\n'), 'is a text file'),  # torch's reader says IndexError: pop from empty list
        (lambda file: file.write_text('.'), 'is a text file'),
        (lambda file: file.write_text('\n<!DOCTYPE html><html>sign in'), 'is an HTML page'),
        (lambda file: file.write_text('version https://git-lfs.github.com/spec/v1\noid'), 'is a pointer of git-lfs'),
        (torchscript, 'is a program of TorchScript'),
        (cut_off, 'is a file that was cut off'),
        (zipped, 'is a zip archive'),
        (lambda file: np.save(file.open('wb'), np.zeros(2)), 'is an array of numpy'),
        (lambda file: np.savez(file.open('wb'), a=np.zeros(2)), 'is an npz archive'),
        (lambda file: file.write_bytes(b'\x89HDF\r\n'), 'is an HDF5 file'),
        (lambda file: file.write_bytes(b'\x1f\x8b\x08'), 'is a gzip archive'),
        (lambda file: file.write_bytes(bytes(range(256))), 'is of no kind that is known'),
        (lambda file: file.write_bytes(b'\x80\x02' + b'0' * 20), 'it is damaged'),
        (lambda file: file.write_bytes(b'\x80\x02' + b'(' * 99999), 'it is damaged'),
    ],
)
def test_what_is_no_checkpoint_is_said_to_be_what_it_is_in_one_line(tmp_path, write, message):
    write(tmp_path / 'file.pth')
    with pytest.raises(ValueError, match=f'^checkpoint .*file.pth .*{message}') as caught:
        load_safely(tmp_path / 'file.pth', what='checkpoint')
    assert '\n' not in str(caught.value)


def test_an_object_is_named_and_a_folder_is_told_from_a_missing_file(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / 'whole.pth')
    with pytest.raises(ValueError, match=r'holds a torch\.nn\.modules\.linear\.Linear, .* could run code.*state_dict'):
        load_safely(tmp_path / 'whole.pth', what='checkpoint')
    with pytest.raises(ValueError, match='a folder, expected a file'):
        load_safely(tmp_path, what='checkpoint')


def test_safetensors_are_read_and_damaged_ones_refused(tmp_path):
    save_file({'weight': torch.arange(6.0).view(2, 3)}, tmp_path / 'a.safetensors')
    assert load_safely(tmp_path / 'a.safetensors', what='weights')['weight'].tolist() == [[0, 1, 2], [3, 4, 5]]
    content = (tmp_path / 'a.safetensors').read_bytes()
    (tmp_path / 'b.safetensors').write_bytes(content.replace(b'[2,3]', b'[9,3]'))  # more than there is
    with pytest.raises(ValueError, match='b.safetensors is a safetensors file that cannot be read'):
        load_safely(tmp_path / 'b.safetensors', what='weights')


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    save_aside({'epoch': 1}, tmp_path / 'file.pth')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert load_safely('~/file.pth', what='checkpoint') == {'epoch': 1}


def test_places_that_cannot_be_written_are_one_line_before_and_while_writing(tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('x')
    for place, message in ((tmp_path, 'it is a folder'), (tmp_path / 'file/a.json', 'file is not a folder')):
        for write in (check_writable, lambda file: write_aside(file, 'text')):
            with pytest.raises(ValueError, match=message):
                write(place)
    monkeypatch.setattr('os.access', lambda *_: False)  # the tests may run as root, who may write anywhere
    with pytest.raises(ValueError, match='no permission in'):
        check_writable(tmp_path / 'new/folder/a.json')
    assert check_writable(None) is None and not (tmp_path / 'new').exists()


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('pathlib.Path.write_text', full)
    with pytest.raises(ValueError, match='a.txt cannot be written: No space left on device'):
        write_aside(tmp_path / 'a.txt', 'text')


def test_preparing_data_does_not_import_torch():
    code = "import sys, kdtoolbox.cli.prepare; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout.strip() == 'False'
