"""What doctor and browse show of hidden tokens."""

import numpy as np
import pytest
import torch

from kdtoolbox.inspection.term_report import examine
from kdtoolbox.registry import MODELS
from kdtoolbox.reporting.doctor_text import checkup_text
from kdtoolbox.views.seen_clips import HIDDEN_GREY, seen_clips
from tests import tiny
from tests.distillers.test_student_tokens import distiller
from tests.distillers.test_teacher_keep import distiller as amd_distiller


@pytest.mark.parametrize('kind', ['TubeTokens', 'AttentionTokens'])
def test_doctor_tells_grid_tokens_depths_and_which_frames_meet(kind):
    model = distiller(student_tokens=dict(type=kind, keep=0.25))
    checkup = examine(model, tiny.batch(2, frames=4, pixels=32))
    text = checkup_text(checkup, [])
    assert 'Tokens of the student: 2 x 4 x 4 (time, rows, columns), each of 2 frames of 8 x 8 pixels' in text
    assert f'it computes 8 of 32 in training ({kind})' in text
    assert 'term umt: student backbone.blocks.1, teacher blocks.1' in text
    lines = text.splitlines()
    assert '  frame    0  1  2  3' in lines
    assert '  student  0==0  1==1  its time steps' in lines and '  teacher  0     1     its frames' in lines
    start = lines.index('  visible in the first clip, by time step') + 1
    picture = ''.join(lines[start : start + 4])
    assert picture.count('#') == 8 and picture.count('.') == 24
    assert int(model.student_tokens.step) == 1  # of the step that doctor takes, not of the picture


def test_doctor_tells_what_the_teacher_computes_and_says_nothing_without_hidden_tokens():
    text = checkup_text(examine(amd_distiller(), tiny.batch(2, frames=4, pixels=32)), [])
    assert 'it computes 8 of 32 in training (TubeTokens)' in text and 'the teacher computes 16 of them' in text
    plain = checkup_text(examine(distiller(student_tokens=None), tiny.batch(2, frames=4, pixels=32)), [])
    assert 'Tokens of the student' not in plain


class Clips(torch.utils.data.Dataset):
    def __getitem__(self, index):
        batch = tiny.batch(1, frames=4, pixels=32)
        return dict(inputs=batch['inputs'][0], data_samples=batch['data_samples'][0])

    def __len__(self):
        return 2


def test_browse_greys_what_is_hidden_and_leaves_the_rest():
    from mmengine.dataset import pseudo_collate

    model = distiller(student_tokens=dict(type='TubeTokens', keep=0.25)).eval()
    loader = torch.utils.data.DataLoader(Clips(), collate_fn=pseudo_collate)
    (clip,) = seen_clips(model, loader, [0], training=True)
    whole, visible = clip.seen['student'], clip.seen['student, visible tokens']
    grey = (visible == HIDDEN_GREY).all(-1)
    cells = grey.reshape(4, 4, 8, 4, 8).all((2, 4))
    assert (~cells).sum((1, 2)).tolist() == [4] * 4  # a quarter of 16 places, in each frame
    seen = ~np.repeat(np.repeat(cells, 8, 1), 8, 2)
    assert (visible[seen] == whole[seen]).all()
    assert 'student, visible tokens' not in seen_clips(model, loader, [0], training=False)[0].seen
    assert MODELS.get('TubeTokens')
