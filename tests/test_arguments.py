"""Which arguments a class takes."""

from torch import nn

from kdtoolbox.arguments import arguments_of, nearest_names, unknown_argument
from kdtoolbox.registry import DATASETS, HOOKS, MODELS, TRANSFORMS


class Base:
    def __init__(self, one, *, two=2):
        pass


class HandsOn(Base):
    def __init__(self, three, **kwargs):
        super().__init__(**kwargs)


class TakesOut(Base):
    def __init__(self, **options):
        self.four = options.pop('four', None)
        super().__init__(**options)


class HandsElsewhere(Base):
    def __init__(self, **kwargs):
        self.inner = Base(**kwargs)


class NeverLooks:
    def __init__(self, five, **kwargs):
        pass


class NoneAtAll(nn.Module):
    pass


def test_arguments_of_bases_count_where_they_are_handed_on():
    assert arguments_of(HandsOn) == (('three', 'one', 'two'), False)
    assert arguments_of(TakesOut) == (('four', 'one', 'two'), False)


def test_what_is_handed_elsewhere_may_be_anything_and_what_nothing_looks_at_may_not():
    assert arguments_of(HandsElsewhere) == ((), True)
    assert unknown_argument(HandsElsewhere, 'anything') is None
    assert arguments_of(NeverLooks) == (('five',), False)
    assert arguments_of(NoneAtAll) == ((), False)
    assert unknown_argument(NoneAtAll, 'x') == "NoneAtAll has no argument 'x': it takes none"


def test_an_argument_very_like_a_known_one_is_a_slip_even_where_others_are_taken():
    backbone = MODELS.get('ResNet3d')
    assert arguments_of(backbone)[1]
    assert "did you mean 'base_channels'" in unknown_argument(backbone, 'base_chanels')
    assert unknown_argument(backbone, 'something_of_its_blocks') is None


def test_the_data_sets_know_the_arguments_of_mmaction2s():
    for name in ('HMDB51Dataset', 'FolderDataset'):
        names, is_open = arguments_of(DATASETS.get(name))
        assert {'data_root', 'ann_file', 'test_mode', 'metainfo'} <= set(names) and not is_open
    assert 'num_classes' in arguments_of(MODELS.get('I3DHead'))[0]
    assert unknown_argument(TRANSFORMS.get('SampleFrames'), 'frame_intervall')
    assert unknown_argument(HOOKS.get('CheckpointHook'), 'save_best') is None


def test_initials_are_near():
    assert nearest_names('learning_rate', ['lr', 'momentum']) == ['lr']
