import cv2
import numpy as np
import pytest

from kdtoolbox.datasets.transforms import DecodeClip, DecodeError, OpenVideo
from kdtoolbox.datasets.transforms.frame_files import read_frames


def write(file, *, height=96, width=128, seed=0, shift=0):
    picture = cv2.resize(np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8), (width, height))
    cv2.imwrite(str(file), np.roll(picture, shift, 1))
    return file


@pytest.mark.parametrize('suffix', ['jpg', 'png'])
def test_frames_are_those_opencv_reads_and_a_repeated_one_is_a_copy(tmp_path, suffix):
    files = [write(tmp_path / f'{number}.{suffix}', shift=10 * number) for number in range(3)]
    frames = read_frames([files[1], files[0], files[1]])
    for frame, file in zip(frames, (files[1], files[0], files[1]), strict=True):
        assert np.array_equal(frame, cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB))
    assert not np.shares_memory(frames[0], frames[2])
    assert frames[0].base is frames[1].base  # one array


@pytest.mark.parametrize('least, height', [(96, 96), (49, 96), (48, 48), (30, 48), (24, 24), (1, 12)])
def test_jpeg_is_decoded_at_the_smallest_fraction_that_is_enough(tmp_path, least, height):
    (frame,) = read_frames([write(tmp_path / 'x.jpg')], min_short_side=least)
    (whole,) = read_frames([tmp_path / 'x.jpg'])
    assert frame.shape == (height, height * 4 // 3, 3)
    expected = cv2.resize(whole, frame.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(np.int16(frame) - expected).mean() < 4
    assert np.abs(np.int16(frame) - expected[:, ::-1]).mean() > 20


def test_png_has_no_fractions(tmp_path):
    assert read_frames([write(tmp_path / 'x.png')], min_short_side=10)[0].shape == (96, 128, 3)


def test_a_frame_of_another_size_is_named(tmp_path):
    files = [write(tmp_path / 'a.jpg'), write(tmp_path / 'b.jpg', height=48)]
    with pytest.raises(DecodeError, match=r'b.jpg has 128 x 48 pixels, a.jpg has 128 x 96'):
        read_frames(files)


@pytest.mark.parametrize('content', [b'', b'no image'])
@pytest.mark.parametrize('least', [None, 16])
def test_a_broken_frame_is_named(tmp_path, content, least):
    (tmp_path / 'x.jpg').write_bytes(content)
    with pytest.raises(DecodeError, match=r'x.jpg: a frame cannot be read'):
        read_frames([tmp_path / 'x.jpg'], min_short_side=least)


def test_the_decoder_tells_that_frames_are_reduced(tmp_path):
    """A teacher cache of other pixels is another one."""
    write(tmp_path / 'image_00001.jpg')
    folder = dict(frame_dir=str(tmp_path), filename_tmpl='image_{:05}.jpg', frame_inds=np.array([1]))
    results = DecodeClip(jpeg_short_side=48)(OpenVideo()(folder))
    assert results['img_shape'] == (48, 64) and results['decoder'].endswith('jpeg_short_side 48')
    with pytest.raises(ValueError, match='jpeg_short_side=0'):
        DecodeClip(jpeg_short_side=0)
