"""AttentionTokens with a cached teacher: the stored attention chooses the tokens, the stored tokens are the targets."""

import pytest
import torch
from mmengine.dataset import pseudo_collate

from kdtoolbox.cache_writing.writing import write_cache
from kdtoolbox.registry import DATASETS, MODELS
from tests import tiny
from tests.cache_writing.scenario import cached_teacher, job_of, training_config, write_videos
from tests.distillers.test_student_tokens import UMT, TinyViT

LIVE = dict(type='ImageTeacher', model=dict(type='TinyViT'), view=dict(size=24, frame_stride=2))
STUDENT = dict(
    student=tiny.transformer_config(2),
    student_view=dict(size=32),
    clip_shape=(4, 32, 32),
    use_labels=False,
    terms=dict(umt=UMT),
    student_tokens=dict(type='AttentionTokens', keep=0.25),
)


def with_videos(videos, folder, teacher):
    config = training_config(videos, folder, teacher, num_views=1)
    config.model = dict(config.model.to_dict(), **STUDENT)
    return config


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Videos, the teacher with weights, and its cache with and without attention."""
    folder = tmp_path_factory.mktemp('attention')
    videos = write_videos(folder / 'videos')
    torch.manual_seed(0)
    torch.save(TinyViT().state_dict(), folder / 'vit.pth')
    live = dict(LIVE, weights=str(folder / 'vit.pth'))
    teachers = {}
    for name, taps in (('whole', ['blocks.1', 'class_attention']), ('poor', ['blocks.1'])):
        teachers[name] = cached_teacher(folder / 'vit.pth', folder / name, live=live, taps=taps)
        config = with_videos(videos, folder / f'{name}_run', teachers[name])
        write_cache(job_of(config), num_workers=0)
    return videos, live, teachers


def step(config):
    torch.manual_seed(0)
    model = MODELS.build(config.model.to_dict()).train()
    videos = DATASETS.build(config.train_dataloader.dataset.to_dict())
    drawn = []
    model.student_tokens.register_forward_hook(lambda module, inputs, output: drawn.append(output))
    data = model.data_preprocessor(pseudo_collate([videos[0], videos[1]]), training=True)
    return model(**data, mode='loss')['loss_umt'], drawn[-1]


def test_a_step_is_that_with_the_teacher_itself(made, tmp_path):
    videos, live, teachers = made
    (loss, hidden), (expected, drawn) = (
        step(with_videos(videos, tmp_path / str(number), teacher))
        for number, teacher in enumerate((teachers['whole'], live))
    )
    assert torch.equal(hidden, drawn)
    torch.testing.assert_close(loss, expected, rtol=2e-3, atol=2e-3)  # float16


def test_a_cache_without_attention_says_what_to_store(made, tmp_path):
    videos, _, teachers = made
    with pytest.raises(ValueError, match="'class_attention' of the teacher, but its cache .* stores .*blocks.1.*taps"):
        step(with_videos(videos, tmp_path, teachers['poor']))
