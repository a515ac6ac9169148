"""What the study compares: experiments of rows, each of which changes one or two things of the first."""

from dataclasses import dataclass
from types import MappingProxyType

from image_students import STEMS
from row import Row
from views_cache import PIXELS


def term(loss: dict, *, on: str = 'features', student='auto', teacher=None, **more) -> dict:
    """A term that listens to the same output of both networks."""
    return dict(student=on, teacher=on, loss=loss, student_connector=student, teacher_connector=teacher, **more)


STANDARDIZED = dict(type='Standardize', channels='auto')
FEATURES = term(dict(type='L2'), teacher=STANDARDIZED)
RUNNING = term(dict(type='VideoMean', loss=dict(type='L2')), teacher=STANDARDIZED)
MLP = dict(type='MLPProjection', in_channels='auto', out_channels='auto')
PROBE = term(dict(type='KLDivergence', temperature=2.0), on='logits', student=None)

LABEL_FREE = Row(terms={'features': FEATURES}, last_layer='features.13')
FEW = Row(labels_per_class=3, probed=True, terms={'probe': PROBE}, last_layer='features.13')
WITH_COSTS = 'student', 'pixels', 'weights'  # experiments whose tables say what a clip costs
# Begin with the weights of the image network, and learn from pixels on.
IMAGE_NETWORKS = {
    'stem up to features.13 that learns, 3D top': 'stem_trained',
    'stem up to features.13 inflated, 3D top': 'stem_inflated',
    'stem up to features.13 inflated, its batch statistics kept, 3D top': 'stem_inflated_statistics_kept',
    'whole 2D network, channels shifted in time (TSM)': 'tsm',
    'whole 2D network, inflated': 'inflated',
}
PIXEL_NETWORKS = {'R3D': 'r3d', 'R(2+1)D': 'r2plus1d', 'C3D': 'c3d'}
NUMBERS_OF_EPOCHS = 12, 24, 48
SAME_LABELS = 'student, 3 labels a class + probed teacher on all videos, always with the labels of seed 0'
ALONE = Row(labels_per_class=None, unlabelled=False, last_layer='features.13')


@dataclass(frozen=True)
class Experiment:
    """Rows that are compared with one of them.

    Args:
        title: of its table.
        rows: name -> settings.
        score: by which the rows are compared: 'hit', 'precision' (retrieval) or 'right' (top-1).
        on_test: judged on the test list, else on held-out training groups.
        against: the row that the others are compared with; '{}' stands for a row's name up to the last comma.
        alike: what the rows that are compared share, for the head of the table.
    """

    title: str
    rows: MappingProxyType
    score: str
    against: str
    on_test: bool = False
    alike: str = 'the same labels'


def experiments() -> dict[str, Experiment]:
    """Name -> experiment."""
    free, matched = LABEL_FREE, 'features of the clip, standardised, L2'
    teacher = Row(is_teacher=True)
    targets = {
        'the teacher itself': teacher,
        'random weights': free.but(terms={}),
        matched: free,
        'features of the video': free.but(target_of='video'),
        'features of the video, its running mean (VideoMean)': free.but(terms={'features': RUNNING}),
        'features of clip and video, mean': free.but(target_of='both'),
        'centred, cosine': free.but(target_form='centred', terms={'features': term(dict(type='Cosine'))}),
        'whitened, 64 components, L2': free.but(target_form='whitened', terms={'features': term(dict(type='L2'))}),
        'similarities to a memory of clips (SEED)': free.but(
            terms={'seed': term(dict(type='SEED', queue_size=512, teacher_channels='auto'), student=MLP)}
        ),
        'the same, features centred': free.but(
            target_form='centred',
            terms={'seed': term(dict(type='SEED', queue_size=512, teacher_channels='auto'), student=MLP)},
        ),
        'similarities to a memory, each in its space (CompRess)': free.but(
            terms={
                'compress': term(
                    dict(type='CompRess', queue_size=512, student_channels='auto', teacher_channels='auto'),
                    student=None,
                )
            }
        ),
        'KL of the 1000 logits, temperature 1': free.but(
            terms={'logits': term(dict(type='KLDivergence'), on='logits')}
        ),
        'moving average of the weights': free.but(ema=True),
        'twice the epochs': free.but(epochs=24),
        'clips mixed, targets too': free.but(mixup=0.4),
    }
    projected = dict(type='LinearProjection', in_channels='auto', out_channels='auto')
    two_d = free.but(
        top='2d',
        terms={'features': term(dict(type='L2'), student=projected, teacher=STANDARDIZED)},
    )
    deep = 'stem up to features.13, stride 16'
    top = {
        'the teacher itself': teacher,
        'the 2D network itself at 112², not trained': two_d.but(terms={}),
        'the 2D network itself at 112², last 5 blocks trained': two_d,
        'the same, a tenth of the learning rate': two_d.but(learning_rate=1e-4),
        deep: free,
        'stem up to features.10, stride 16': free.but(last_layer='features.10'),
        'stem up to features.6, stride 8': free.but(last_layer='features.6'),
        'stem up to features.3, stride 4': free.but(last_layer='features.3'),
        'top of 32, 64, 128 channels': free.but(top_channels=(32, 64, 128)),
        'top of 128, 256, 512 channels': free.but(top_channels=(128, 256, 512)),
        '(2+1)D top': free.but(top='2plus1d'),
        'depthwise top': free.but(top='depthwise'),
    }
    few = {
        'the teacher itself, probe on the labels': teacher.but(labels_per_class=3),
        'probed teacher on all videos, KL': FEW,
        'the labels alone': ALONE.but(labels_per_class=3),
        'teacher of the video': FEW.but(target_of='video'),
        'teacher of the video, its running mean (VideoMean)': FEW.but(
            terms={'probe': PROBE | {'loss': dict(type='VideoMean', loss=PROBE['loss'])}}
        ),
        'teacher of clip and video, mean': FEW.but(target_of='both'),
        'temperature 1': FEW.but(terms={'probe': PROBE | {'loss': dict(type='KLDivergence')}}),
        'features term beside it': FEW.but(terms={'probe': PROBE, 'features': FEATURES}),
        'features term instead': FEW.but(terms={'features': FEATURES}, probed=False),
        'pseudo-labels above 0.8': FEW.but(
            terms={
                'pseudo': PROBE | {'loss': dict(type='HardTarget'), 'gate': dict(type='ConfidenceGate', threshold=0.8)}
            }
        ),
        'moving average of the weights': FEW.but(ema=True),
        'twice the epochs': FEW.but(epochs=24),
    }
    curve = {}
    for number in (1, 3, 10, None):
        name = 'all labels' if number is None else f'{number} label{"s" if number > 1 else ""} a class'
        curve[f'{name}, the teacher itself with a probe'] = teacher.but(labels_per_class=number)
        curve[f'{name}, alone'] = ALONE.but(labels_per_class=number)
        curve[f'{name}, probed teacher on all videos'] = FEW.but(labels_per_class=number)
    # Begin with pixels and random weights; the first of each is the stem's, of other tables.
    pixels, pixels_few = {}, {}
    for title, name in ({'image stem, 3D top': ''} | PIXEL_NETWORKS).items():
        other = dict(network=name, last_layer=PIXELS) if name else {}
        pixels[f'{title}, random weights'] = free.but(terms={}, **other)
        pixels[f'{title}, distilled (VideoMean)'] = free.but(terms={'features': RUNNING}, **other)
        pixels_few[f'{title}, alone'] = ALONE.but(labels_per_class=3, **other)
        pixels_few[f'{title}, probed teacher on all videos'] = FEW.but(**other)
    # Begin with the weights of the image network; a learning rate of 1e-3 made the whole network worse (table student).
    frozen = 'stem up to features.13 frozen, 3D top'
    weights, weights_few = (
        {frozen: free.but(terms={'features': RUNNING})},
        {f'{frozen}, alone': ALONE.but(labels_per_class=3), f'{frozen}, probed teacher on all videos': FEW},
    )
    for title, name in IMAGE_NETWORKS.items():
        slow = dict(network=name, last_layer=PIXELS, image_rate=0.1)
        wide = {} if name in STEMS else dict(student_connector=projected)  # as many features as the teacher has
        weights[title] = free.but(terms={'features': RUNNING | wide}, **slow)
        weights_few[f'{title}, alone'] = ALONE.but(labels_per_class=3, **slow)
        weights_few[f'{title}, probed teacher on all videos'] = FEW.but(**slow)
    # How long a training has to be: the plain student, and plain distillation, of each network.
    epochs = {}
    for title, name in ({'image stem, 3D top': ''} | PIXEL_NETWORKS).items():
        other = dict(network=name, last_layer=PIXELS) if name else {}
        for number in NUMBERS_OF_EPOCHS:
            more = dict(epochs=number, **other)
            epochs[f'{title}, 3 labels a class, alone, {number} epochs'] = ALONE.but(labels_per_class=3, **more)
            if not name:  # the only one of the contest with all labels
                epochs[f'{title}, all labels, alone, {number} epochs'] = ALONE.but(**more)
            epochs[f'{title}, distilled without labels (VideoMean), {number} epochs'] = free.but(
                terms={'features': RUNNING}, **more
            )
    # The very rows of benchmarks/results/real_video_image_stem.json, whose trainings went through the Runner.
    shallow = dict(last_layer='features.6')
    shorter = {
        title: targets[title].but(**shallow)
        for title in (matched, 'features of the video, its running mean (VideoMean)', 'features of the video')
    }
    runner = {
        'student, random weights': free.but(terms={}, **shallow),
        'student, distilled without labels': free.but(**shallow),
        'student, 3 labels a class + probed teacher on all videos': FEW.but(**shallow),
        'student, all labels': ALONE.but(**shallow),
        SAME_LABELS: FEW.but(split_seed=0, **shallow),
    }
    return {
        'targets': Experiment('Label-free: the target', MappingProxyType(targets), 'precision', matched),
        'shorter': Experiment('Label-free, stem up to features.6', MappingProxyType(shorter), 'precision', matched),
        'student': Experiment('Label-free: stem and top', MappingProxyType(top), 'precision', deep),
        'few': Experiment('3 labels a class', MappingProxyType(few), 'right', 'probed teacher on all videos, KL'),
        'pixels': Experiment(
            'Label-free: networks',
            MappingProxyType(pixels),
            'precision',
            '{}, random weights',
            alike='the same network',
        ),
        'pixels_few': Experiment(
            '3 labels a class: networks', MappingProxyType(pixels_few), 'right', '{}, alone', alike='the same network'
        ),
        'weights': Experiment(
            'Label-free: networks that begin with image weights', MappingProxyType(weights), 'precision', frozen
        ),
        'weights_few': Experiment(
            '3 labels a class: networks that begin with image weights',
            MappingProxyType(weights_few),
            'right',
            '{}, alone',
            alike='the same network',
        ),
        'epochs': Experiment(
            'The length of a training',
            MappingProxyType(epochs),
            'precision',
            f'{{}}, {NUMBERS_OF_EPOCHS[0]} epochs',
            alike='the same',
        ),
        'curve': Experiment('Learning curve', MappingProxyType(curve), 'right', '{}, alone', on_test=True),
        'runner': Experiment(
            'Stored views', MappingProxyType(runner), 'hit', 'student, distilled without labels', on_test=True
        ),
    }
