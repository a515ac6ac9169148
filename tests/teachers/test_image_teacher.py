import copy
import re
import sys
import types

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from kdtoolbox.registry import MODELS
from kdtoolbox.safe_files import save_aside
from kdtoolbox.teachers import ImageTeacher, load_weights, pool_logits, save_probe
from kdtoolbox.teachers.image_teacher import own_view
from kdtoolbox.views import IMAGENET_MEAN, IMAGENET_STD
from tests.tiny import TinyImageNet, recognizer_2d_config, teacher_config


def frames(clips=2, count=3, pixels=24, seed=0):
    return torch.randn(clips, count, 3, pixels, pixels, generator=torch.Generator().manual_seed(seed))


def test_logits_are_the_mean_over_frames_of_the_network_in_eval_mode():
    network = TinyImageNet().eval()
    teacher = ImageTeacher(copy.deepcopy(network)).train()
    clips = frames()
    with torch.no_grad():
        expected = torch.stack([network(clip).mean(0) for clip in clips])
    torch.testing.assert_close(teacher(clips)['logits'], expected)


def test_training_mode_never_reaches_the_teacher():
    teacher = ImageTeacher(TinyImageNet())
    teacher.train(True)
    assert not any(module.training for module in teacher.modules())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert not teacher(frames().requires_grad_())['logits'].requires_grad


def test_chunks_do_not_change_the_answer():
    network = TinyImageNet()
    teachers = [ImageTeacher(network, chunk_size=size) for size in (1, 4, 100)]
    for teacher in teachers:
        teacher.listen(['layer1'])
    answers = [teacher(frames()) for teacher in teachers]
    for answer in answers[1:]:
        for path in answer:
            torch.testing.assert_close(answer[path], answers[0][path])


def test_maps_are_clips_first_then_channels_then_frames():
    teacher = ImageTeacher(TinyImageNet())
    teacher.listen(['layer2'])
    clips = frames()
    answer = teacher(clips)
    with torch.no_grad():
        second_frame_of_first_clip = teacher.network.layer2(teacher.network.layer1(clips[0, 1:2]))[0]
    assert answer['layer2'].shape == (2, 8, 3, 6, 6)
    torch.testing.assert_close(answer['layer2'][0, :, 1], second_frame_of_first_clip)


def test_features_are_what_the_classifier_gets_averaged_over_frames():
    teacher = ImageTeacher(TinyImageNet())
    answer = teacher(frames())
    torch.testing.assert_close(teacher.network.fc(answer['features']), answer['logits'])


def test_mean_probs_and_mean_logits_differ_and_mean_probs_is_the_mean_of_probabilities():
    logits = torch.tensor([[[8.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    probs = pool_logits(logits, 'mean_probs').softmax(-1)
    torch.testing.assert_close(probs, logits.softmax(-1).mean(1))
    assert not torch.allclose(probs, pool_logits(logits, 'mean_logits').softmax(-1), atol=1e-2)


def test_max_and_none():
    logits = torch.tensor([[[8.0, 0.0], [0.0, 1.0]]])
    assert pool_logits(logits, 'max').tolist() == [[8.0, 1.0]]
    assert torch.equal(pool_logits(logits, 'none'), logits)
    answer = ImageTeacher(TinyImageNet(), pooling='none')(frames())
    assert answer['logits'].shape == (2, 3, 7) and answer['features'].shape == (2, 3, 8)


def test_bfloat16_is_close_and_comes_back_as_float32():
    network = TinyImageNet()
    exact = ImageTeacher(network)(frames())['logits']
    coarse = ImageTeacher(network, compute_dtype='bfloat16')(frames())['logits']
    assert coarse.dtype == torch.float32
    assert not torch.equal(exact, coarse)
    torch.testing.assert_close(exact, coarse, atol=0.05, rtol=0.05)


def test_autocast_around_the_teacher_does_not_change_it():
    teacher = ImageTeacher(TinyImageNet())
    plain = teacher(frames())['logits']
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(teacher(frames())['logits'], plain)


def test_a_compiled_teacher_answers_the_same_and_keeps_its_names():
    network = TinyImageNet()
    teacher = ImageTeacher(copy.deepcopy(network), compile=dict(backend='eager'))
    teacher.listen(['layer1'])
    plain = ImageTeacher(network)
    plain.listen(['layer1'])
    for path, answer in teacher(frames()).items():
        torch.testing.assert_close(answer, plain(frames())[path])


@pytest.mark.parametrize('name, channels', [('mobilenet_v2', 1280), ('squeezenet1_1', 512), ('resnet18', 512)])
def test_torchvision_networks_have_logits_and_features(name, channels):
    answer = ImageTeacher(f'torchvision.{name}')(frames(1, 2, 64))
    assert answer['logits'].shape == (1, 1000) and answer['features'].shape == (1, channels)


def test_a_recognizer_2d_is_an_image_classifier_too():
    teacher = ImageTeacher(recognizer_2d_config(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0]))
    clips = frames(2, 2, 32)
    with torch.no_grad():
        network = teacher.network
        expected = network.cls_head.fc_cls(network.backbone(clips.flatten(0, 1)).mean((2, 3))).view(2, 2, 4).mean(1)
    torch.testing.assert_close(teacher(clips)['logits'], expected)
    assert teacher.view.mean == (1.0, 2.0, 3.0)


def test_a_probe_replaces_the_classes(tmp_path):
    weight, bias = torch.randn(4, 8), torch.randn(4)
    network = TinyImageNet()
    save_probe(tmp_path / 'probe.pth', network=network, weight=weight, bias=bias, classes=list('abcd'))
    teacher = ImageTeacher(network, probe=str(tmp_path / 'probe.pth'))
    assert teacher.probe_classes == list('abcd') and not any(p.requires_grad for p in teacher.parameters())
    answer = teacher(frames())
    torch.testing.assert_close(answer['logits'], answer['features'] @ weight.T + bias)


def test_a_probe_of_another_network_is_refused(tmp_path):
    save_probe(
        tmp_path / 'probe.pth',
        network=TinyImageNet(),
        weight=torch.zeros(4, 8),
        bias=torch.zeros(4),
        classes=list('abcd'),
    )
    with pytest.raises(ValueError, match='of another network, or of this TinyImageNet with other weights'):
        MODELS.build(teacher_config(probe=str(tmp_path / 'probe.pth')))


def test_weights_that_a_teachers_config_wants_by_mmengines_means_are_refused():
    config = dict(
        type='Recognizer2D',
        backbone=dict(type='ResNet', depth=18, pretrained='torchvision://resnet18'),
        cls_head=dict(type='TSNHead', num_classes=4, in_channels=512),
    )
    with pytest.raises(ValueError, match="pretrained='torchvision://resnet18', which is not applied to a teacher"):
        ImageTeacher(config)


def test_the_view_is_that_of_the_weights(monkeypatch):
    network = torchvision.models.vit_b_16(image_size=384)
    monkeypatch.setattr('kdtoolbox.teachers.image_teacher.build_image_model', lambda model: network)
    monkeypatch.setattr(torch.hub, 'load_state_dict_from_url', lambda *args, **kwargs: network.state_dict())
    teacher = ImageTeacher('torchvision.vit_b_16', weights='IMAGENET1K_SWAG_E2E_V1')
    assert teacher.view.size == (384, 384)


def test_published_weights_of_a_file_are_those_of_their_name(tmp_path):
    entry = torchvision.models.get_model_weights('vgg16')['IMAGENET1K_FEATURES']
    shown, network = entry.transforms(), torchvision.models.vgg11()
    for weights in ('IMAGENET1K_FEATURES', f'somewhere/{entry.url.rpartition("/")[2]}'):
        view = own_view(network, 'vgg16', weights)
        for mine, its in ((view['mean'], shown.mean), (view['std'], shown.std)):
            assert mine == pytest.approx([255 * value for value in its], rel=1e-6)
    view = own_view(network, 'resnet50', 'IMAGENET1K_V2')
    assert tuple(view['mean']) == IMAGENET_MEAN and tuple(view['std']) == IMAGENET_STD
    googlenet = torchvision.models.get_model('googlenet', weights=None, init_weights=False, aux_logits=False)
    file = torchvision.models.get_model_weights('googlenet')['IMAGENET1K_V1'].url.rpartition('/')[2]
    for name, transforms in ((file, True), ('own.pth', False)):
        googlenet.transform_input = False
        save_aside(googlenet.state_dict(), tmp_path / name)
        load_weights(googlenet, str(tmp_path / name), model_name='googlenet')
        assert googlenet.transform_input == transforms


def test_densenets_weights_load_by_name_in_the_form_they_are_published(monkeypatch, tmp_path):
    state = torchvision.models.densenet121().state_dict()
    published = {re.sub(r'(denselayer\d+\.(?:norm|conv))(\d)', r'\1.\2', name): value for name, value in state.items()}
    assert published.keys() != state.keys()
    monkeypatch.setattr(torch.hub, 'load_state_dict_from_url', lambda *args, **kwargs: published)
    network = torchvision.models.densenet121()
    load_weights(network, 'IMAGENET1K_V1', model_name='densenet121')
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    save_aside(published, tmp_path / 'densenet.pth')
    load_weights(network, str(tmp_path / 'densenet.pth'), model_name='densenet121')


def test_a_url_may_hold_the_state_dict_inside_a_checkpoint(monkeypatch):
    source, target = TinyImageNet(), TinyImageNet()
    monkeypatch.setattr(
        torch.hub, 'load_state_dict_from_url', lambda *args, **kwargs: dict(meta={}, state_dict=source.state_dict())
    )
    load_weights(target, 'https://example.org/teacher.pth')
    assert torch.equal(target.fc.weight, source.fc.weight)


def test_a_classifier_that_gets_tokens_is_refused():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.mlp = nn.Conv2d(3, 8, 8, stride=8), nn.Linear(8, 8)

        def forward(self, images):
            return self.mlp(self.embed(images).flatten(2).transpose(1, 2)).mean(1)

    with pytest.raises(ValueError, match=r"classifier 'mlp' of the image teacher Tokens gets \(9, 8\) an image"):
        ImageTeacher(Tokens())(frames())


def test_weights_from_a_file_are_loaded_and_float16_files_fit(tmp_path):
    source = TinyImageNet().half()
    torch.save(source.state_dict(), tmp_path / 'weights.pth')
    target = TinyImageNet()
    load_weights(target, str(tmp_path / 'weights.pth'))
    for name, value in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], value.to(target.state_dict()[name].dtype)), name


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save(TinyImageNet(num_classes=3).state_dict(), tmp_path / 'weights.pth')
    with pytest.raises(ValueError, match=r'another network than TinyImageNet.*fc.weight \(3, 8\) instead of \(7, 8\)'):
        load_weights(TinyImageNet(), str(tmp_path / 'weights.pth'))


def test_weights_that_would_run_code_are_refused(tmp_path):
    torch.save(TinyImageNet(), tmp_path / 'weights.pth')  # a pickled module, not a state dict
    with pytest.raises(Exception, match='[Ww]eights'):
        load_weights(TinyImageNet(), str(tmp_path / 'weights.pth'))


def test_without_a_network_the_message_names_the_file_and_the_option(monkeypatch):
    def offline(*args, **kwargs):
        raise OSError('no route to host')

    monkeypatch.setattr(torch.hub, 'load_state_dict_from_url', offline)
    with pytest.raises(ValueError, match=r'resnet50-11ad3fa6\.pth.*--cfg-options model\.teacher\.weights='):
        load_weights(nn.Identity(), 'IMAGENET1K_V2', model_name='resnet50')


def test_unknown_weights_list_the_known_names():
    with pytest.raises(ValueError, match='IMAGENET1K_V1, IMAGENET1K_V2'):
        load_weights(nn.Identity(), 'IMAGENET1K_V9', model_name='resnet50')


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(model='torchvision.resnet5'), "torchvision has no 'resnet5'"),
        (dict(model='resnet18'), 'expected torchvision'),
        (dict(model=nn.Flatten()), 'name its classifier'),
        (dict(model=TinyImageNet(), pooling='avg'), 'mean_logits'),
        (dict(model=TinyImageNet(), chunk_size=0), 'chunk_size'),
        (dict(model=TinyImageNet(), compute_dtype='half'), 'compute_dtype'),
    ],
)
def test_impossible_teachers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ImageTeacher(**options)


def test_real_imagenet_weights_load_strictly_and_see_a_parrot(shared):
    teacher = ImageTeacher(
        'torchvision.mobilenet_v2', weights=str(shared / 'data/weights/mobilenet_v2-imagenet-fp16.pth')
    )
    labels = (shared / 'data/weights/imagenet_labels_tf1001.txt').read_text().splitlines()
    image = torchvision.io.decode_image(str(shared / 'data/weights/sample_parrot.jpg'), mode='RGB')
    clip = teacher.view.render(image[None, :, None]).transpose(1, 2)
    label = labels[int(teacher(clip)['logits'].argmax()) + 1]  # the file counts a background class first
    assert 'macaw' in label


# Weights as people have them


def own_classes(name='resnet18', num_classes=6):
    torch.manual_seed(3)
    return torchvision.models.get_model(name, weights=None, num_classes=num_classes).state_dict()


@pytest.mark.parametrize(
    'write',
    [
        torch.save,
        save_file,
        lambda state, file: torch.save({'epoch': 3, 'model': state, 'optimizer': {'lr': 1}}, file),
        lambda state, file: torch.save({'model_state_dict': state}, file),
        lambda state, file: torch.save({f'module.{name}': value for name, value in state.items()}, file),
        lambda state, file: torch.save(
            {'state_dict': {f'module._orig_mod.{name}': value for name, value in state.items()}}, file
        ),
        lambda state, file: torch.save({'state_dict': {f'model.{name}': value for name, value in state.items()}}, file),
    ],
)
def test_a_network_of_torchvision_with_classes_of_ones_own_is_a_teacher_from_any_usual_file(
    tmp_path, monkeypatch, write
):
    state = own_classes()
    write(state, tmp_path / 'weights.file')
    monkeypatch.setenv('HOME', str(tmp_path))
    teacher = ImageTeacher('torchvision.resnet18', weights='~/weights.file', num_classes=6, view=dict(size=32))
    assert all(torch.equal(value, state[name]) for name, value in teacher.network.state_dict().items())
    assert teacher(torch.randn(1, 2, 3, 32, 32))['logits'].shape == (1, 6)


def test_weights_of_classes_of_ones_own_tell_how_to_take_them(tmp_path):
    torch.save(own_classes(), tmp_path / 'weights.pth')
    with pytest.raises(ValueError, match=r'\(6, 512\) instead of \(1000, 512\).*classes of your own: num_classes=6$'):
        ImageTeacher('torchvision.resnet18', weights=str(tmp_path / 'weights.pth'))


def test_a_network_whose_names_begin_as_a_wrappers_keeps_them(tmp_path):
    network, other = (nn.ModuleDict({'model': nn.Linear(2, 2)}) for _ in range(2))
    torch.save({f'module.{name}': value for name, value in network.state_dict().items()}, tmp_path / 'weights.pth')
    load_weights(other, str(tmp_path / 'weights.pth'))
    assert torch.equal(other['model'].weight, network['model'].weight)


def test_a_number_of_classes_that_does_not_go_with_the_rest_is_refused():
    with pytest.raises(ValueError, match='num_classes=6, but IMAGENET1K_V1 are weights for 1000 classes.*fit a probe'):
        ImageTeacher('torchvision.resnet18', weights='IMAGENET1K_V1', num_classes=6)
    with pytest.raises(ValueError, match='num_classes=6 is for a torchvision'):
        ImageTeacher(dict(type='TinyImageNet'), num_classes=6)


def test_timm_is_asked_for_as_many_classes(monkeypatch, tmp_path):
    module = types.ModuleType('timm')
    module.create_model = lambda name, **options: torchvision.models.get_model(name, weights=None, **options)
    module.list_models = lambda *_, **__: ['resnet18']
    monkeypatch.setitem(sys.modules, 'timm', module)
    torch.save(own_classes(), tmp_path / 'weights.pth')
    teacher = ImageTeacher('timm.resnet18', weights=str(tmp_path / 'weights.pth'), num_classes=6, view=dict(size=32))
    assert teacher(torch.randn(1, 1, 3, 32, 32))['logits'].shape == (1, 6)


def test_a_file_without_a_state_dict_says_what_it_holds(tmp_path):
    torch.save({'epoch': 3, 'optimizer': {}}, tmp_path / 'weights.pth')
    with pytest.raises(ValueError, match='expected a state dict .* under state_dict, model.*holds epoch, optimizer'):
        load_weights(TinyImageNet(), str(tmp_path / 'weights.pth'))


def test_a_download_that_is_a_page_or_safetensors_is_told_apart(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    (tmp_path / 'checkpoints').mkdir()
    (tmp_path / 'checkpoints/page.pth').write_text('<!doctype html>log in')
    source, target = TinyImageNet(), TinyImageNet()
    save_file(source.state_dict(), tmp_path / 'checkpoints/weights.safetensors')
    with pytest.raises(ValueError, match='fetched from https://a.org/page.pth to .*page.pth is an HTML page'):
        load_weights(target, 'https://a.org/page.pth')
    load_weights(target, 'https://a.org/weights.safetensors')
    assert torch.equal(target.fc.weight, source.fc.weight)


@pytest.mark.parametrize(
    'changes',
    [{'network': None}, {'weight': [1]}, {'bias': torch.zeros(3)}, {'classes': 'ab'}, {'weight': torch.zeros(2)}],
)
def test_a_probe_of_another_form_is_refused_in_words(tmp_path, changes):
    network = TinyImageNet()
    save_probe(
        tmp_path / 'probe.pth', network=network, weight=torch.zeros(2, 8), bias=torch.zeros(2), classes=['a', 'b']
    )
    content = {**torch.load(tmp_path / 'probe.pth', weights_only=True), **changes}
    torch.save({key: value for key, value in content.items() if value is not None}, tmp_path / 'probe.pth')
    with pytest.raises(ValueError, match='probe .*: expected a file written by tools/fit_probe.py'):
        ImageTeacher(network, probe=str(tmp_path / 'probe.pth'))
