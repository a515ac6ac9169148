import pytest
import torch

from kdtoolbox.safe_files import load_safely, save_aside, write_aside


def test_what_is_saved_is_loaded(tmp_path):
    save_aside({'weight': torch.arange(3.), 'epoch': 4}, tmp_path / 'new/folder/file.pth')
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


@pytest.mark.parametrize('write, message', [
    (lambda file: None, 'no such file'), (lambda file: file.write_bytes(b'not torch'), 'not a file of tensors'),
    (lambda file: torch.save(torch.nn.Linear(2, 2), file), 'could run code'),
    (lambda file: torch.save([1, 2], file), 'expected a dict, got list')])
def test_other_files_are_refused_with_their_name(tmp_path, write, message):
    write(tmp_path / 'file.pth')
    with pytest.raises(ValueError, match=f'checkpoint .*file.pth.*{message}'):
        load_safely(tmp_path / 'file.pth', what='checkpoint')
