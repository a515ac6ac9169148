"""Nothing is written outside the folder that is named, whatever links lie in it."""

import numpy as np
import pytest

from kdtoolbox.preparation.frame_folders import write_text
from kdtoolbox.safe_files import refuse_link_out, write_aside
from kdtoolbox.video.frame_index import Fraction, FrameIndex, save_index


@pytest.mark.parametrize('write', [write_aside, write_text])
def test_a_link_in_the_place_of_the_file_that_is_written_aside_is_not_followed(write, tmp_path):
    (tmp_path / 'secret').write_text('kept')
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/.a.json.part').symlink_to(tmp_path / 'secret')
    write(tmp_path / 'out/a.json', 'new')
    assert (tmp_path / 'secret').read_text() == 'kept' and (tmp_path / 'out/a.json').read_text() == 'new'


def test_an_index_is_not_written_through_a_link(tmp_path):
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'videos').mkdir()
    (tmp_path / 'videos/a.mp4').write_bytes(b'x')
    (tmp_path / 'videos/.kdtoolbox').symlink_to(tmp_path / 'elsewhere')
    index = FrameIndex(np.arange(5), Fraction(1, 25), 0.0, np.array([0]), 25.0)
    with pytest.raises(ValueError, match='leads out of .*videos by a link'):
        save_index(index, tmp_path / 'videos/a.mp4')
    assert not list((tmp_path / 'elsewhere').iterdir())


def test_links_that_stay_inside_are_none_of_our_business(tmp_path):
    (tmp_path / 'real').mkdir()
    (tmp_path / 'link').symlink_to(tmp_path / 'real')
    refuse_link_out(tmp_path / 'link/below', of=tmp_path)
