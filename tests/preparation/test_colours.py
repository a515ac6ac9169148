"""JPEGs show the colours that decoding the video shows, whatever matrix it was encoded with."""

import subprocess

import av
import cv2
import numpy as np
import pytest

from kdtoolbox.preparation.extraction import FrameOptions, extract_video
from kdtoolbox.preparation.layouts import VideoJob

# Red as in (200, 50, 20), the colours that suffer most, black and white; 4 x 2 fields of 48 pixels.
COLOURS = np.array(
    [
        [(200, 50, 20), (0, 0, 255), (0, 255, 0), (255, 0, 255)],
        [(0, 0, 0), (255, 255, 255), (90, 160, 60), (30, 120, 200)],
    ],
    np.uint8,
)
# name: matrix of the encoding, range, tags in the stream, pixel format
ENCODINGS = {
    'bt601': ('bt601', 'tv', 'colorspace=smpte170m:range=tv', 'yuv420p'),
    'bt709': ('bt709', 'tv', 'colorspace=bt709:range=tv', 'yuv420p'),
    'bt709 with primaries': ('bt709', 'tv', 'colorspace=bt709:color_primaries=bt709:color_trc=bt709', 'yuv420p'),
    'bt709 full range': ('bt709', 'pc', 'colorspace=bt709:range=pc', 'yuv420p'),
    'bt601 full range': ('bt601', 'pc', 'colorspace=smpte170m:range=pc', 'yuv420p'),
    'smpte240m': ('smpte240m', 'tv', 'colorspace=smpte240m:range=tv', 'yuv420p'),
    'bt2020 10 bit': ('bt2020', 'tv', 'colorspace=bt2020nc:range=tv', 'yuv420p10le'),
    'bt709 10 bit 4:2:2': ('bt709', 'tv', 'colorspace=bt709:range=tv', 'yuv422p10le'),
    'untagged': ('bt601', 'tv', 'colorspace=unknown:range=unknown', 'yuv420p'),
}


def encode(maker: str, file, encoding: str, *, field_pixels: int) -> None:
    matrix, colour_range, tags, pixel_format = ENCODINGS[encoding]
    picture = np.kron(COLOURS, np.ones((field_pixels, field_pixels, 1), np.uint8))
    filters = f'scale=out_color_matrix={matrix}:out_range={colour_range},format={pixel_format},setparams={tags}'
    subprocess.run(
        [
            maker,
            '-y',
            '-loglevel',
            'error',
            '-f',
            'rawvideo',
            '-pix_fmt',
            'rgb24',
            '-s',
            f'{picture.shape[1]}x{picture.shape[0]}',
            '-r',
            '10',
            '-i',
            '-',
            '-vf',
            filters,
            '-c:v',
            'libx264',
            '-qp',
            '1',
            '-preset',
            'ultrafast',
            str(file),
        ],
        input=picture.tobytes(),
        check=True,
    )


def extracted(video, tmp_path, ffmpeg, height: int) -> np.ndarray:
    """The first JPEG of a video as (H, W, 3) RGB, read as training reads it."""
    (tmp_path / 'parts').mkdir()
    result = extract_video(
        VideoJob(video, 'video'),
        tmp_path / 'jpg',
        tmp_path / 'parts',
        ffmpeg=ffmpeg,
        options=FrameOptions(height=height, quality=2),
    )
    return cv2.imread(str(result.part / 'image_00001.jpg'))[..., ::-1].astype(float)


def fields(picture: np.ndarray) -> np.ndarray:
    """(2, 4, 3): the colour of each field, without its borders."""
    size = picture.shape[0] // 2
    return picture.reshape(2, size, 4, size, 3)[:, 9:-9, :, 9:-9].mean((1, 3))


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_jpegs_have_the_colours_that_were_encoded_and_those_of_decoding(encoding, maker, ffmpeg, tmp_path):
    encode(maker, tmp_path / 'a.mp4', encoding, field_pixels=48)
    jpeg = extracted(tmp_path / 'a.mp4', tmp_path, ffmpeg, 96)
    with av.open(str(tmp_path / 'a.mp4')) as container:
        decoded = next(container.decode(video=0)).to_ndarray(format='rgb24').astype(float)
    assert abs(fields(jpeg) - COLOURS).max() < 6  # (185, 35, 21) for (200, 50, 20) without conversion
    assert abs(jpeg - decoded).mean() < 3


@pytest.mark.parametrize('encoding', ['untagged', 'bt709'])
def test_high_definition_is_taken_for_what_its_tag_says_and_not_for_what_its_size_suggests(
    encoding, maker, ffmpeg, tmp_path
):
    encode(maker, tmp_path / 'a.mp4', encoding, field_pixels=480)  # 1920 x 960
    assert abs(fields(extracted(tmp_path / 'a.mp4', tmp_path, ffmpeg, 96)) - COLOURS).max() < 6


def test_jpegs_of_an_earlier_version_with_wrong_colours_are_made_anew(maker, ffmpeg, tmp_path):
    for name, encoding in (('sd', 'bt601'), ('hd', 'bt709')):
        encode(maker, tmp_path / f'{name}.mp4', encoding, field_pixels=24)
    (tmp_path / 'parts').mkdir()
    (tmp_path / 'jpg').mkdir()
    for name, again in (('sd', 'already there'), ('hd', 'done')):

        def extract(name=name):
            return extract_video(
                VideoJob(tmp_path / f'{name}.mp4', name),
                tmp_path / 'jpg',
                tmp_path / 'parts',
                ffmpeg=ffmpeg,
                options=FrameOptions(height=48),
            )

        extract().part.rename(tmp_path / 'jpg' / name)
        assert extract().status == 'already there'
        mark = tmp_path / 'jpg' / name / '.complete'
        mark.write_text(mark.read_text().replace(', "colours": "bt601"', ''))
        assert extract().status == again
