"""Small moving pictures of videos and of folders of frames."""

import base64
import io
import re

import numpy as np
from PIL import Image

from kdtoolbox.reporting.pages.sprites import HEIGHT, NUM_FRAMES, WIDTH, Sprites
from tests.videos import write_video


def images_of(sprites: Sprites) -> list[Image.Image]:
    found = re.findall(r'base64,([^)]+)\)', str(sprites.css()))
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in found]


def test_a_video_is_stored_once_as_frames_side_by_side_from_its_whole_length(tmp_path):
    file = write_video(tmp_path / 'a.avi', num_frames=36, width=64, height=48)
    sprites = Sprites()
    assert sprites.of_file(str(file)) == sprites.of_file(str(file)) == 's0'
    (image,) = images_of(sprites)
    assert image.size == (WIDTH * NUM_FRAMES, HEIGHT)
    strip = np.asarray(image.convert('L'), float)
    places = [strip[30, n * WIDTH : (n + 1) * WIDTH].argmax() for n in range(NUM_FRAMES)]
    assert places[-1] > places[0] + 30  # the square moves to the right


def test_a_folder_of_frames_is_a_video_too(tmp_path):
    for number in range(8):
        Image.fromarray(np.full((60, 80, 3), 25 * number, np.uint8)).save(tmp_path / f'image_{number + 1:05}.jpg')
    sprites = Sprites()
    assert sprites.of_file(str(tmp_path)) == 's0'
    strip = np.asarray(images_of(sprites)[0].convert('L'), int)
    shades = [strip[HEIGHT // 2, n * WIDTH + WIDTH // 2] for n in range(NUM_FRAMES)]
    assert shades == sorted(shades) and shades[-1] - shades[0] > 100


def test_what_is_no_video_has_no_picture_and_is_not_opened(tmp_path, monkeypatch):
    secret = tmp_path / 'secret.txt'
    secret.write_text('not to be shown')
    broken = tmp_path / 'broken.mp4'
    broken.write_bytes(b'nothing')
    sprites = Sprites()
    assert [sprites.of_file(str(one)) for one in (secret, broken, tmp_path / 'gone.avi', '')] == [None] * 4
    (tmp_path / 'empty').mkdir()
    assert sprites.of_file(str(tmp_path / 'empty')) is None and str(sprites.css()) == ''
