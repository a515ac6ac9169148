import importlib.metadata

import pytest

from kdtoolbox import registry
from kdtoolbox.registry import DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS


@pytest.mark.parametrize(
    'registry_, own, of_mmaction2, of_mmengine',
    [
        (MODELS, 'Distiller', 'Recognizer3D', 'ImgDataPreprocessor'),
        (DATASETS, 'HMDB51Dataset', 'AudioDataset', 'ConcatDataset'),
        (TRANSFORMS, 'OpenVideo', 'SampleFrames', 'LoadImageFromFile'),
        (METRICS, 'ClipRetrieval', 'AccMetric', 'DumpResults'),
        (HOOKS, 'EpochSeedHook', 'VisualizationHook', 'EMAHook'),
    ],
)
def test_a_name_is_found_here_in_mmaction2_and_in_mmengine(registry_, own, of_mmaction2, of_mmengine):
    names = registry_.names()
    assert registry_.get(own).__module__.startswith('kdtoolbox.') and own in names
    assert registry_.get(of_mmaction2).__module__.startswith('mmaction.')
    assert registry_.get(of_mmengine).__module__.split('.')[0] in ('mmengine', 'mmcv')


def test_an_unknown_name_lists_the_nearest_ones():
    with pytest.raises(KeyError, match="no dataset called 'HMDB51DataSet'.*did you mean 'HMDB51Dataset'"):
        DATASETS.build(dict(type='HMDB51DataSet'))


def test_a_class_can_still_be_named_by_its_module():
    assert MODELS.get('kdtoolbox.losses.L2').__name__ == 'L2'


def test_a_plugin_that_does_not_import_is_named(monkeypatch):
    broken = importlib.metadata.EntryPoint('broken', 'no_such_module_anywhere', registry.PLUGIN_GROUP)
    monkeypatch.setattr(registry, '_plugin_points', lambda path: (broken,))
    with pytest.raises(
        ImportError, match="plugin 'broken' .no_such_module_anywhere.*does not import.*Mend or uninstall"
    ):
        registry.load_plugins()


def test_plugins_of_two_packages_with_one_name_are_both_imported(monkeypatch):
    points = [
        importlib.metadata.EntryPoint('losses', module, registry.PLUGIN_GROUP) for module in ('string', 'textwrap')
    ]
    monkeypatch.setattr(registry, '_plugin_points', lambda path: tuple(points))
    monkeypatch.setattr(registry, '_loaded_plugins', {})
    assert [module.__name__ for module in registry.load_plugins().values()] == ['string', 'textwrap']


def test_a_config_may_name_a_class_itself_wherever_its_name_would_do():
    from kdtoolbox.connectors import LinearProjection
    from kdtoolbox.teachers import ImageTeacher
    from tests.tiny import student_config, teacher_config

    connector = dict(type=LinearProjection, in_channels='auto', out_channels='auto')
    distiller = MODELS.build(
        dict(
            type='Distiller',
            student=student_config(),
            teacher=dict(teacher_config(), type=ImageTeacher),
            student_view=dict(size=16),
            terms=dict(kd=dict(loss=dict(type='L2'), student='features', student_connector=connector)),
        )
    )
    assert distiller.criterion.terms.kd.chosen == (
        'student_connector: LinearProjection(in_channels=32, out_channels=7)',
    )
