import json

import numpy as np
import pytest
import torch
from mmengine.config import Config

from kdtoolbox.cli.evaluate_features import METRICS_OF_FEATURES, evaluate_features
from kdtoolbox.cli.extract_features import extract_student, extract_teacher
from kdtoolbox.cli.main import main
from kdtoolbox.evaluation.feature_file import VideoFeatures, load_features, save_features
from kdtoolbox.registry import MODELS
from kdtoolbox.runner.testing import test_student as metrics_of_student
from kdtoolbox.safe_files import sha256_of
from kdtoolbox.taps import pool_to_vector
from kdtoolbox.views import View
from tests.conftest import REPOSITORY
from tests.tiny import NUM_CLASSES, NUM_TEACHER_CLASSES, TinyClips, TinyImageNet, run_config, student_config
from tests.videos import write_hmdb51

NUM_VIDEOS = 40


def experiment(tmp_path, **model):
    config = run_config(tmp_path, **model)
    for loader in (config.test_dataloader, config.val_dataloader):
        loader.dataset.length = NUM_VIDEOS
    config.test_evaluator = [dict(type=name) for name in METRICS_OF_FEATURES.values()]
    config.custom_imports = dict(imports=['tests.tiny'])
    return config


def student_file(tmp_path):
    torch.manual_seed(5)
    student = MODELS.build(student_config())
    student.init_weights()
    torch.save(student.state_dict(), tmp_path / 'student.pth')
    return tmp_path / 'student.pth', student.eval()


def test_metrics_of_the_file_are_those_of_testing_the_checkpoint(tmp_path, capsys):
    checkpoint, _ = student_file(tmp_path)
    config = experiment(tmp_path / 'work')
    config.dump(tmp_path / 'config.py')
    assert main(['extract-features', str(tmp_path / 'config.py'), str(checkpoint), str(tmp_path / 'out.npz')]) == 0
    assert main(['evaluate-features', str(tmp_path / 'out.npz'), '--out', str(tmp_path / 'metrics.json')]) == 0
    tested = metrics_of_student(config, str(checkpoint))
    measured = json.loads((tmp_path / 'metrics.json').read_text())
    assert measured.pop('provenance') == {
        'config': 'config.py',
        'checkpoint': 'student.pth',
        'of': 'student',
        'layer': 'features',
        'sha256': sha256_of(checkpoint),
    }
    assert measured == tested
    assert {'retrieval/top1', 'knn/top1', 'linear/top1'} <= measured.keys()
    assert measured['retrieval/top1'] > measured['retrieval/chance_top1']  # so they are equal about something
    assert 'retrieval/top1 ' in capsys.readouterr().out


def test_the_file_says_what_it_came_from(tmp_path):
    checkpoint, _ = student_file(tmp_path)
    experiment(tmp_path / 'work').dump(tmp_path / 'config.py')
    main(
        [
            'extract-features',
            str(tmp_path / 'config.py'),
            str(checkpoint),
            str(tmp_path / 'out.npz'),
            '--layer',
            'backbone.layer3',
            '--split',
            'val',
        ]
    )
    videos = load_features(tmp_path / 'out.npz')
    assert videos.provenance == {
        'config': 'config.py',
        'of': 'student',
        'layer': 'backbone.layer3',
        'split': 'val',
        'weights': f'student.pth sha256:{sha256_of(checkpoint)}',
    }
    assert videos.sample_ids == [f'video{index}' for index in range(NUM_VIDEOS)]
    assert videos.roles == ['gallery', 'query'] * (NUM_VIDEOS // 2)
    assert videos.labels.tolist() == [index // 2 % NUM_CLASSES for index in range(NUM_VIDEOS)]
    assert videos.classes == [f'class{index}' for index in range(NUM_CLASSES)]


def test_a_layer_of_the_student_is_averaged_over_time_and_space(tmp_path):
    checkpoint, student = student_file(tmp_path)
    videos = extract_student(experiment(tmp_path), checkpoint=checkpoint, layer='backbone.layer2')
    sample = TinyClips(NUM_VIDEOS, ('gallery', 'query'))[7]
    backbone = student.backbone
    with torch.no_grad():
        data = student.data_preprocessor(dict(inputs=[sample['inputs']], data_samples=[sample['data_samples']]))
        maps = backbone.layer2(backbone.layer1(backbone.conv1(data['inputs'].flatten(0, 1))))
    torch.testing.assert_close(videos.features[7], maps.mean((2, 3, 4))[0])


def test_a_plain_recognizer_without_distiller_gives_the_same_features(tmp_path):
    checkpoint, _ = student_file(tmp_path)
    plain = experiment(tmp_path / 'plain')
    plain.model = None
    plain.model = student_config()
    of_plain = extract_student(plain, checkpoint=checkpoint)
    of_distiller = extract_student(experiment(tmp_path / 'distiller'), checkpoint=checkpoint)
    assert torch.equal(of_plain.features, of_distiller.features)


def test_training_videos_come_in_order_and_none_is_dropped(tmp_path):
    config = experiment(tmp_path)
    config.train_dataloader.update(drop_last=True, batch_size=3)
    videos = extract_student(config, split='train')
    assert videos.sample_ids == [f'video{index}' for index in range(8)] and set(videos.roles) == {'query'}
    assert videos.provenance['weights'] == 'as none builds it, seed 3'


def test_training_clips_are_shown_in_the_students_view_and_others_as_they_come(tmp_path):
    checkpoint, student = student_file(tmp_path)
    config = experiment(tmp_path, student_view=dict(size=8, frame_stride=2))
    sample = TinyClips(8)[3]
    for split, clip in (('train', View(size=8, frame_stride=2).render(sample['inputs'])), ('val', sample['inputs'])):
        data = student.data_preprocessor(dict(inputs=[clip], data_samples=[sample['data_samples']]))
        with torch.no_grad():
            expected = student.backbone(data['inputs'].flatten(0, 1)).mean((2, 3, 4))[0]
        config.val_dataloader.dataset.roles = ('query',)
        torch.testing.assert_close(extract_student(config, checkpoint=checkpoint, split=split).features[3], expected)


def test_a_student_of_frame_differences_sees_them_once(tmp_path):
    checkpoint, student = student_file(tmp_path)
    config = experiment(tmp_path, student_view=dict(size=16, modality='rgb_difference'))
    config.val_dataloader.dataset.roles = ('query',)
    clip = TinyClips(8)[3]['inputs'].float()
    differences = torch.cat([clip.diff(dim=2), clip.diff(dim=2)[:, :, -1:]], dim=2)
    data = student.data_preprocessor(dict(inputs=[differences], data_samples=[TinyClips(8)[3]['data_samples']]))
    with torch.no_grad():
        expected = student.backbone(data['inputs'].flatten(0, 1)).mean((2, 3, 4))[0]
    for split in ('train', 'val'):  # the same clips, which are of the view's size already
        torch.testing.assert_close(extract_student(config, checkpoint=checkpoint, split=split).features[3], expected)


@pytest.mark.parametrize('network', ['student', 'teacher'])
def test_training_clips_are_those_of_the_runs_seed(tmp_path, network):
    torch.save(TinyImageNet().state_dict(), tmp_path / 'weights.pth')
    checkpoint, _ = student_file(tmp_path)
    videos, annotations = write_hmdb51(tmp_path, used_classes=2, num_classes=2, videos=2)
    base = Config.fromfile(REPOSITORY / 'configs/_base_/datasets/hmdb51.py')
    features = []
    for seed in (1, 1, 2):
        config = experiment(tmp_path / 'work', student_view=dict(size=16))
        config.model.teacher.weights = str(tmp_path / 'weights.pth')
        config.randomness = dict(seed=seed)
        config.train_dataloader.dataset = dict(
            base.train_dataloader.dataset.to_dict(), data_root=str(videos), ann_file=str(annotations)
        )
        extracted = (
            extract_student(config, checkpoint=checkpoint, split='train')
            if network == 'student'
            else extract_teacher(config, split='train')
        )
        features.append(extracted.features)
        assert extracted.sample_ids[0] == 'class00/clip_0.avi' and extracted.classes == ['class00', 'class01']
    assert torch.equal(features[0], features[1]) and not torch.allclose(features[0], features[2])


def test_the_teacher_sees_the_clips_in_its_own_view(tmp_path):
    torch.manual_seed(0)
    torch.save(TinyImageNet().state_dict(), tmp_path / 'weights.pth')
    config = experiment(tmp_path)
    assert extract_teacher(config).provenance['weights'] == 'as none builds it, seed 3'
    config.model.teacher.weights = str(tmp_path / 'weights.pth')
    teacher = MODELS.build(config.model.teacher.to_dict())
    clip = TinyClips(NUM_VIDEOS, ('gallery', 'query'))[5]['inputs']
    frames = teacher.view.render(clip).transpose(1, 2)
    teacher.listen(['layer1'])
    expected = teacher(frames)
    for layer, vector in (
        ('features', expected['features'][0]),
        ('logits', expected['logits'][0]),
        ('layer1', pool_to_vector(expected['layer1'], 1)[0]),
    ):
        videos = extract_teacher(config, layer=layer)
        torch.testing.assert_close(videos.features[5], vector)
        assert videos.provenance['weights'] == f'weights.pth sha256:{sha256_of(tmp_path / "weights.pth")}'
    assert extract_teacher(config, layer='logits').features.shape == (NUM_VIDEOS, NUM_TEACHER_CLASSES)


def test_clips_of_a_video_are_averaged(tmp_path, monkeypatch):
    single = TinyClips.__getitem__

    def two_clips(self, index):
        sample = single(self, index)
        return {**sample, 'inputs': torch.cat([sample['inputs'], 255 - sample['inputs']])}

    def inverted(self, index):
        sample = single(self, index)
        return {**sample, 'inputs': 255 - sample['inputs']}

    torch.save(TinyImageNet().state_dict(), tmp_path / 'weights.pth')
    checkpoint, _ = student_file(tmp_path)
    features = {}
    for get_item in (single, two_clips, inverted):
        monkeypatch.setattr(TinyClips, '__getitem__', get_item)
        config = experiment(tmp_path / get_item.__name__)
        config.model.teacher.weights = str(tmp_path / 'weights.pth')
        features[get_item] = (extract_student(config, checkpoint=checkpoint).features, extract_teacher(config).features)
    for one, both, other in zip(*features.values()):
        torch.testing.assert_close(both, (one + other) / 2, atol=1e-5, rtol=1e-4)


def test_one_of_several_teachers_is_named_by_the_layer(tmp_path):
    config = experiment(tmp_path)
    teacher = config.model.teacher.to_dict()
    config.model.teacher = None
    config.model.teacher = dict(frames=teacher)
    assert extract_teacher(config, layer='frames.features').features.shape == (NUM_VIDEOS, 8)
    with pytest.raises(ValueError, match=r"the teachers \['frames'\]; write <teacher>.<path>, such as frames.features"):
        extract_teacher(config, layer='features')


def refused(capsys, *arguments) -> str:
    assert main(['extract-features', *map(str, arguments)]) == 2
    return capsys.readouterr().err


def test_what_cannot_be_extracted_is_said(tmp_path, capsys):
    checkpoint, _ = student_file(tmp_path)
    file, out = tmp_path / 'config.py', tmp_path / 'out.npz'
    experiment(tmp_path).dump(file)
    assert "a checkpoint (student.pth) is a student's" in refused(capsys, file, 'student.pth', out, '--of', 'teacher')
    assert 'by one process' in refused(capsys, file, checkpoint, out, '--launcher', 'pytorch')
    assert "student tap 'backbone.layer9'" in refused(capsys, file, checkpoint, out, '--layer', 'backbone.layer9')
    config = experiment(tmp_path)
    config.model.teacher = None
    config.model.terms, config.val_dataloader, config.val_cfg, config.val_evaluator = {}, None, None, None
    config.dump(file)
    assert 'the config has no model.teacher' in refused(capsys, file, out, '--of', 'teacher')
    assert 'the config has no val_dataloader' in refused(capsys, file, out, '--split', 'val')
    assert not out.exists()


@pytest.mark.parametrize('name', ['features.txt', 'features', 'student.pth'])
def test_a_file_to_write_of_another_kind_is_refused_before_anything_is_computed(tmp_path, capsys, monkeypatch, name):
    checkpoint, _ = student_file(tmp_path)
    before = checkpoint.read_bytes()
    monkeypatch.setattr('kdtoolbox.cli.extract_features.load_config', lambda _: pytest.fail('it started'))
    assert f'{name}: features are written as safetensors or npz' in refused(capsys, 'config.py', tmp_path / name)
    assert [file.name for file in tmp_path.iterdir()] == ['student.pth'] and checkpoint.read_bytes() == before


def shaded(count: int, role: str, prefix: str = '', **changes) -> VideoFeatures:
    generator = torch.Generator().manual_seed(count)
    labels = torch.arange(count) % 3
    features = torch.eye(3)[labels] + 0.8 * torch.rand(count, 3, generator=generator)
    return VideoFeatures(
        **{
            **dict(
                features=features,
                labels=labels,
                roles=[role] * count,
                classes=['a', 'b', 'c'],
                sample_ids=[f'{prefix}{index}' for index in range(count)],
                provenance=dict(of='student', layer='features', weights='w'),
            ),
            **changes,
        }
    )


def test_queries_and_gallery_may_lie_in_two_files(tmp_path):
    queries, gallery = shaded(12, 'query', 'q'), shaded(18, 'query', 'g')  # as --split train gives them
    both = VideoFeatures(
        torch.cat([gallery.features, queries.features]),
        torch.cat([gallery.labels, queries.labels]),
        [*gallery.sample_ids, *queries.sample_ids],
        ['gallery'] * 18 + ['query'] * 12,
        queries.classes,
    )
    assert evaluate_features(queries, gallery) == evaluate_features(both)
    for name, videos in (('q', queries), ('g', gallery)):
        save_features(videos, tmp_path / f'{name}.npz')
    assert (
        main(
            [
                'evaluate-features',
                str(tmp_path / 'q.npz'),
                str(tmp_path / 'g.npz'),
                '--eval',
                'retrieval',
                '--out',
                str(tmp_path / 'm.json'),
            ]
        )
        == 0
    )
    assert {key.split('/')[0] for key in json.loads((tmp_path / 'm.json').read_text())} == {'retrieval', 'provenance'}


@pytest.mark.parametrize(
    'changes, message',
    [
        (
            dict(provenance=dict(of='student', layer='logits', weights='w')),
            "layer 'features' and the gallery from 'logits'",
        ),
        (dict(provenance=dict(of='student', layer='features', weights='v')), "weights 'w' and the gallery from 'v'"),
        (dict(classes=['a', 'c', 'b']), 'have 3 classes and the gallery 3, or other ones'),
        (dict(roles=['gallery', 'query'] * 9), 'file of the gallery holds gallery and query videos both'),
    ],
)
def test_files_that_do_not_belong_together_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        evaluate_features(shaded(12, 'query'), shaded(18, 'gallery', **changes))


def test_features_without_roles_or_labels_are_refused():
    with pytest.raises(ValueError, match="expected a name and 'gallery' or 'query'"):
        evaluate_features(shaded(12, ''))
    with pytest.raises(ValueError, match='labels|unlabelled'):
        evaluate_features(shaded(12, 'query', labels=torch.full((12,), -1)), shaded(18, 'gallery'))


def test_the_file_is_plain_numpy(tmp_path):
    save_features(shaded(3, 'query'), tmp_path / 'out.npz')
    with np.load(tmp_path / 'out.npz', allow_pickle=False) as archive:
        assert archive['features'].shape == (3, 3) and archive['sample_ids'].tolist() == ['0', '1', '2']
