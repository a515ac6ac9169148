import cv2
import numpy as np
import pytest

from kdtoolbox.datasets.transforms import DecodeClip, DecodeError, OpenVideo
from kdtoolbox.video.pixels import rgb
from tests.datasets.conftest import GREY_STEP, write_frames, write_video


def _decode(path, indices, **options):
    results = OpenVideo(**options)(dict(filename=str(path)))
    return DecodeClip()(results | dict(frame_inds=np.array(indices, np.int32)))


def test_frames_come_in_the_order_asked_for(tmp_path):
    results = _decode(write_video(tmp_path / 'x.avi'), [7, 0, 3, 7])
    assert [round((image.mean() - 4) / GREY_STEP) for image in results['imgs']] == [7, 0, 3, 7]
    assert results['img_shape'] == results['original_shape'] == (32, 48) and results['total_frames'] == 12
    assert 'video_reader' not in results  # it does not travel to the main process


def test_a_repeated_frame_is_decoded_once_and_copied(tmp_path, monkeypatch):
    converted = []
    monkeypatch.setattr(
        'kdtoolbox.video.reader.rgb', lambda frame, **options: converted.append(1) or rgb(frame, **options)
    )
    first, second = _decode(write_video(tmp_path / 'x.avi'), [5, 5])['imgs']
    assert len(converted) == 1 and not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize('decoder', ['pyav', 'decord'])
@pytest.mark.parametrize('width', [16, 24, 48, 66, 72, 340])
def test_frames_of_any_width_are_those_opencv_decodes(tmp_path, width, decoder):
    pattern = cv2.resize(np.random.default_rng(0).integers(0, 255, (4, 6, 3), np.uint8), (width, 32))
    writer = cv2.VideoWriter(str(tmp_path / 'x.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10, (width, 32))
    for _ in range(3):
        writer.write(pattern)
    writer.release()
    reference = cv2.cvtColor(cv2.VideoCapture(str(tmp_path / 'x.avi')).read()[1], cv2.COLOR_BGR2RGB)
    np.testing.assert_allclose(
        _decode(tmp_path / 'x.avi', [0], decoder=decoder)['imgs'][0].astype(int), reference.astype(int), atol=12
    )


@pytest.mark.parametrize('decoder', ['pyav', 'decord'])
def test_real_frames_are_those_opencv_decodes(shared, decoder):
    path = shared / 'data/clips/ucf101/v_BenchPress_g01_c01.avi'
    decoded = _decode(path, [0, 33, 100], decoder=decoder)['imgs']
    capture = cv2.VideoCapture(str(path))
    reference = [cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB).astype(int) for _ in range(101)]
    for image, index in zip(decoded, [0, 33, 100], strict=True):
        assert image.dtype == np.uint8
        # The same within rounding; the neighbouring frame is off by more.
        assert np.abs(image - reference[index]).mean() < 0.1 < np.abs(image - reference[abs(index - 1)]).mean()


@pytest.mark.parametrize('decoder', ['pyav', 'decord'])
@pytest.mark.parametrize('content', [b'', b'no video at all'])
def test_a_file_that_is_no_video_is_a_decode_error(tmp_path, content, decoder):
    (tmp_path / 'x.avi').write_bytes(content)
    with pytest.raises(DecodeError, match='x.avi cannot be opened'):
        OpenVideo(decoder)(dict(filename=str(tmp_path / 'x.avi')))


def test_an_unknown_decoder_is_refused():
    with pytest.raises(ValueError, match="decoder='opencv'.*expected 'pyav', 'torchcodec', 'auto' or 'decord'"):
        OpenVideo('opencv')


def test_a_broken_frame_is_a_decode_error_and_whole_ones_before_it_are_not(shared):
    path = shared / 'data/clips/decord/corrupted.mp4'
    assert len(_decode(path, [0, 1])['imgs']) == 2
    with pytest.raises(DecodeError, match='corrupted.mp4 is damaged from frame 29 of 50 on'):
        _decode(path, [0, 40])


@pytest.mark.parametrize('content', [None, b'', b'no image'])
def test_an_unreadable_frame_file_is_a_decode_error(tmp_path, content):
    folder = write_frames(tmp_path / 'x', 3)
    (folder / 'image_00002.jpg').unlink()
    if content is not None:
        (folder / 'image_00002.jpg').write_bytes(content)
    results = dict(
        frame_dir=str(folder),
        total_frames=3,
        filename_tmpl='image_{:05}.jpg',
        modality='RGB',
        frame_inds=np.array([1, 2]),
    )
    with pytest.raises(DecodeError, match='a frame cannot be read'):
        DecodeClip()(OpenVideo()(results))


def test_a_segment_behind_the_end_is_a_decode_error(tmp_path):
    path = write_video(tmp_path / 'x.avi', num_frames=12, fps=10)
    with pytest.raises(DecodeError, match='ends at 1.20 s, before its segment 1.3 s to 2.0 s'):
        OpenVideo()(dict(filename=str(path), segment_seconds=(1.3, 2.0)))
