"""The pages of ``kdtoolbox browse`` and ``kdtoolbox data``, on made-up videos, in a browser."""

import io

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from kdtoolbox.cli.browse import browse
from kdtoolbox.cli.main import main
from tests.browser import browser, opened  # noqa: F401
from tests.tiny import student_config, teacher_config
from tests.videos import write_hmdb51, write_video

PIPELINE = [
    dict(type='OpenVideo'),
    dict(type='SampleFrames', clip_len=4, frame_interval=2, num_clips=1),
    dict(type='DecodeClip'),
    dict(type='CenterCrop', crop_size=32),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('sample_id', 'role')),
]


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    """A distillation with a teacher of another size and stride, on three classes; its file."""
    folder = tmp_path_factory.mktemp('digits')
    videos, annotations = write_hmdb51(folder, num_classes=3)
    # The same video under another name, in training and test, and one that is damaged.
    write_video(videos / 'class00/clip_3.avi', seed=0)
    (videos / 'class02/clip_3.avi').write_bytes(b'no video')
    source = dict(type='HMDB51Dataset', data_root=str(videos), ann_file=str(annotations), pipeline=PIPELINE)
    roles = [
        dict(source, subset='training', role='gallery', test_mode=True),
        dict(source, subset='validation', role='query', test_mode=True),
    ]
    config = Config(
        dict(
            default_scope='kdtoolbox',
            custom_imports=dict(imports=['tests.tiny']),
            model=dict(
                type='Distiller',
                student=student_config(num_classes=3),
                teacher=dict(teacher_config(), weights='gone.pth'),
                student_view=dict(size=16),
                terms=dict(
                    kd=dict(
                        loss=dict(type='L2'),
                        student_connector=dict(type='LinearProjection', in_channels=3, out_channels=7),
                    )
                ),
            ),
            train_dataloader=dict(
                batch_size=2,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=True),
                dataset=dict(source, subset='training'),
            ),
            val_dataloader=dict(
                batch_size=2,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(type='ConcatDataset', datasets=roles),
            ),
            train_cfg=dict(max_epochs=1),
            val_cfg=dict(),
            val_evaluator=dict(type='QueryAccuracy'),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        )
    )
    config.dump(folder / 'config.py')
    return folder / 'config.py'


def test_each_network_is_shown_the_same_picture_at_its_own_size(config):
    parts, classes = browse(Config.fromfile(config), num_clips=4)
    assert classes == ['class00', 'class01', 'class02'] and set(parts) == {'training', 'validation'}
    for clip in parts['training']:
        student, teacher = clip.seen['student'], clip.seen['teacher']
        assert student.shape == (4, 16, 16, 3) and teacher.shape == (2, 24, 24, 3)
        for own, other in zip(student[::2], teacher):  # every other frame, the same crop
            smaller = torch.nn.functional.interpolate(
                torch.from_numpy(other).permute(2, 0, 1)[None].float(), (16, 16), mode='bilinear', antialias=True
            )[0].permute(1, 2, 0)
            assert np.abs(smaller.numpy() - own).mean() < 6
        assert clip.milliseconds > 0 and clip.label in range(3)
    assert {clip.role for clip in parts['validation']} == {'gallery', 'query'}


def test_the_page_of_clips_has_them_at_their_sizes_and_filters_by_class(config, opened, tmp_path):  # noqa: F811
    assert main(['browse', str(config), '--out', str(tmp_path / 'browse.html'), '--clips', '6']) == 0
    page = opened(tmp_path / 'browse.html', 'phone')
    assert page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')
    clips = page.locator('#part0-clips .card:visible')
    assert clips.count() == 6 and page.locator('#part0-clips img').count() == 12
    sizes = page.evaluate(
        "[...document.querySelectorAll('#part0-clips img')].map(one => [one.naturalWidth, one.naturalHeight])"
    )
    assert sizes[:2] == [[4 * 18 - 2, 16], [2 * 26 - 2, 24]]
    page.locator('#part0-clips select').select_option(label='class01')
    assert clips.count() == 2


def test_the_page_of_data_counts_names_the_broken_and_finds_the_video_that_is_in_both(config, opened, tmp_path, capsys):  # noqa: F811
    assert main(['data', str(config), '--out', str(tmp_path / 'data.html')]) == 0
    page = opened(tmp_path / 'data.html', 'desktop', 'dark')
    rows = page.locator('#size tbody tr').all_inner_texts()
    assert [row.split('\t')[:3] for row in rows] == [['training', '6', '3'], ['test', '6', '3']]
    assert 'MJPG'.lower() in page.inner_text('#videos').lower() or 'mjpeg' in page.inner_text('#videos')
    assert '64×48' in page.inner_text('#videos')
    assert 'class02/clip_3.avi' in page.inner_text('#unreadable')
    pairs = page.locator('#alike .card').all_inner_texts()
    assert len(pairs) == 1 and 'clip_3.avi' in pairs[0] and 'clip_0.avi' in pairs[0] and '0 of 256 bits' in pairs[0]
    assert page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')


def test_flat_pictures_are_not_taken_for_alike():
    from kdtoolbox.preparation.video_facts import VideoFacts, alike, fingerprint_of

    assert fingerprint_of(np.zeros((40, 60, 3), np.uint8)) is None
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    saved = io.BytesIO()
    Image.fromarray(noise).resize((320, 240), Image.Resampling.BICUBIC).save(saved, 'JPEG', quality=60)
    again = np.asarray(Image.open(saved).convert('RGB'))
    other = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    one, same, different, flat = (
        VideoFacts(str(n), fingerprint=f)
        for n, f in enumerate([fingerprint_of(noise), fingerprint_of(again), fingerprint_of(other), None])
    )
    assert [pair[:2] for pair in alike([flat, one], [different, same, flat])] == [(1, 1)]
