"""Text features of class names: those of CLIP's own text encoder, in the order of the data set's classes."""

import shlex

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kdtoolbox.cli.arguments.texts import EXAMPLE
from kdtoolbox.cli.main import main
from kdtoolbox.cli.texts import read_classes
from kdtoolbox.losses.embeddings.text_features import load_text_features
from kdtoolbox.teachers import EmbeddingTeacher
from kdtoolbox.teachers.class_texts import TEMPLATES, class_texts
from tests.teachers.small_models import save_model, save_tokenizer


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    """The folder of a small CLIP with its tokenizer."""
    folder = save_model(tmp_path_factory.mktemp('clip'), 'clip')
    save_tokenizer(folder)
    return folder


def test_a_class_is_the_mean_of_its_sentences_in_the_text_encoder(clip):
    import transformers

    found = class_texts(f'transformers.{clip}', ['walk', 'yo yo'], templates=['a video of a {}', '{}'])
    model = transformers.CLIPModel.from_pretrained(clip).eval()
    ids = {'walk': [[0, 9, 11, 12, 9, 4, 1], [0, 4, 1]], 'yo yo': [[0, 9, 11, 12, 9, 8, 8, 1], [0, 8, 8, 1]]}
    for row, sentences in zip(found.features, ids.values(), strict=True):
        with torch.no_grad():
            pooled = [model.text_model(input_ids=torch.tensor([one])).pooler_output for one in sentences]
            vectors = [F.normalize(model.text_projection(one), dim=1) for one in pooled]
        torch.testing.assert_close(row, F.normalize(torch.cat(vectors).mean(0), dim=0), rtol=1e-4, atol=1e-5)
    assert found.logit_scale == pytest.approx(float(model.logit_scale.exp()), abs=1e-3)


def test_the_example_writes_what_a_teacher_scores_classes_with(clip, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'classes.txt').write_text('ApplyEyeMakeup\nYoYo\ta person with a yo\n\nwalk\n')
    _, *arguments = shlex.split(EXAMPLE)
    arguments[arguments.index('openai/clip-vit-base-patch16')] = str(clip)
    assert main(arguments) == 0
    assert 'wrote texts.npz: 3 texts of 3 classes in 12 components' in capsys.readouterr().out
    features, classes = load_text_features('texts.npz')
    assert classes == ['ApplyEyeMakeup', 'YoYo', 'walk']
    words = ['apply eye makeup', 'a person with a yo', 'walk']
    torch.testing.assert_close(features, class_texts(str(clip), words).features)
    teacher = EmbeddingTeacher(f'transformers.{clip}', text_features='texts.npz')
    answer = teacher(torch.randn(2, 3, 3, 32, 32))
    expected = 100 * F.cosine_similarity(answer['features'][:, None], features[None], dim=2)
    torch.testing.assert_close(answer['logits'], expected)


def test_each_prompt_has_a_row_with_the_name_of_its_class(clip, tmp_path):
    (tmp_path / 'classes.txt').write_text('1 walk\n2 YoYo\n')  # as classInd.txt
    (tmp_path / 'templates.txt').write_text('a {}\na video of {}\n')
    command = ['texts', tmp_path / 'classes.txt', '--model', clip, '--out', tmp_path / 'texts.npz', '--each-prompt']
    assert main([*map(str, command), '--templates', str(tmp_path / 'templates.txt')]) == 0
    content = np.load(tmp_path / 'texts.npz')
    assert content['classes'].tolist() == ['walk', 'YoYo', 'walk', 'YoYo'] and content['features'].shape == (4, 12)
    row = class_texts(str(clip), ['yo yo'], templates=['a video of {}']).features[0]
    torch.testing.assert_close(torch.from_numpy(content['features'][3]), row)


def test_classes_are_read_from_folders_and_split_files(tmp_path):
    for name in ('b_c', 'a'):
        (tmp_path / 'classes' / name).mkdir(parents=True)
        (tmp_path / f'{name}_test_split1.txt').write_text('')
        (tmp_path / f'{name}_test_split2.txt').write_text('')
    expected = {'a': 'a', 'b_c': 'b c'}
    assert read_classes(tmp_path / 'classes') == read_classes(tmp_path) == expected
    (tmp_path / 'twice.txt').write_text('a\nb\na\n')
    with pytest.raises(ValueError, match='line 3: the class a is there twice'):
        read_classes(tmp_path / 'twice.txt')


def test_the_templates_are_those_of_clip_for_actions():
    assert len(set(TEMPLATES)) == 48
    assert {'a photo of a person {}.', 'a demonstration of the person practicing {}.'} < set(TEMPLATES)


def test_what_has_no_text_encoder_or_is_not_there_is_said(tmp_path):
    folder = save_model(tmp_path / 'dinov2', 'dinov2')
    save_tokenizer(folder)
    with pytest.raises(ValueError, match='Dinov2Model has no text encoder: take a CLIP or SigLIP'):
        class_texts(str(folder), ['walk'])
    with pytest.raises(ValueError, match='Without a network, name the folder'):
        class_texts(str(tmp_path / 'nowhere'), ['walk'])
    with pytest.raises(ValueError, match=r'expected one \{\}'):
        class_texts(str(folder), ['walk'], templates=['a video'])
