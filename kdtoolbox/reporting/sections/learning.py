"""Curves of the training: losses, their shares, metrics."""

from collections.abc import Mapping

from kdtoolbox.reporting.figures.curves import is_share, loss_curves, loss_shares, metric_curves, short
from kdtoolbox.reporting.pages.blocks import Block, Picture, Section, Table, Text, missing
from kdtoolbox.reporting.sections.context import Context

MAX_METRICS = 6
SHARES = ('acc/', 'retrieval/', 'knn/', 'linear/')  # metrics that are shares of the videos
LEADING = ('acc/top1', 'retrieval/top1', 'retrieval/top5', 'knn/top1', 'acc/mean1', 'acc/top5')
QUICK = 'quick_'  # before the names of metrics of a validation that looks at a part of the test


def learning(context: Context) -> Section:
    """Curves of every term and metric, and the share of each term."""
    return Section(context.named('curves'), 'How it learned', [*_losses(context), *_metrics(context)])


def _losses(context: Context) -> list[Block]:
    curves = context.run.curves
    losses = curves.losses or {name: curve for name, curve in curves.training.items() if name == 'loss'}
    if not losses or max(map(len, losses.values())) < 2:
        return missing('Losses are not known: the work directory holds no scalars.json with two steps or more.')
    caption = 'Each part of the loss with its weight, mean over the steps between two lines of the log.'
    blocks: list[Block] = [Picture(loss_curves(losses), context.named('losses'), caption)]
    of_student = {name: curve for name, curve in losses.items() if not name.startswith('discriminator')}
    if (shares := loss_shares(of_student)) is not None:
        blocks.append(Picture(shares, context.named('loss-shares'), 'The share of each part in the sum of the losses.'))
    elif len(of_student) == 1:
        blocks.append(Text(f'There is one part, {short(next(iter(of_student)))}: its share is 100 %.'))
    blocks += _gradient_shares(context)
    return blocks


def _gradient_shares(context: Context) -> list[Block]:
    shares = {name: value for name, value in context.run.gradient_shares.items() if isinstance(value, int | float)}
    if not shares:
        return missing(f'The shares of the gradient are not measured: {context.how_to_measure}.')
    rows = [[short(name), f'{100 * value:.1f} %'] for name, value in shares.items()]
    caption = 'Share of each part in the gradient into the student, by norm, on one training batch after the training.'
    return [Table(('part', 'share of the gradient'), rows, caption)]


def _metrics(context: Context) -> list[Block]:
    validation = context.run.curves.validation
    shares = {name: curve for name, curve in validation.items() if is_share(curve.values())}
    chances = {name: last_value(curve) for name, curve in shares.items() if 'chance' in name}
    shown = [name for one in LEADING for name in (one, f'{QUICK}{one}') if name in shares]
    shown += [name for name in shares if name not in shown and name not in chances]
    if not shown or max(len(shares[name]) for name in shown) < 2:
        return missing(
            'Metrics over time are not known: the training validated less than twice (val_cfg, val_interval).'
        )
    cycle = context.run.config.get('train_cfg') or {}
    step_name = 'training step (batches)' if cycle.get('max_iters') else 'epoch'
    pairs = {name: chances[key] for name in shown if (key := _chance_of(name)) in chances}
    figure = metric_curves({name: shares[name] for name in shown[:MAX_METRICS]}, step_name=step_name, chances=pairs)
    rows = [
        [name, _at(name, curve, max), _at(name, curve, min), _number(name, last_value(curve))]
        for name, curve in validation.items()
    ]
    return [
        Picture(figure, context.named('metrics'), 'Metrics of the validations, dotted: guessing.'),
        Table(('metric', 'largest', 'smallest', 'last'), rows, 'All metrics of the validations.'),
    ]


def last_value(curve: Mapping[int, float]) -> float:
    """The value at the last step."""
    return curve[max(curve)]


def _at(name: str, curve: Mapping[int, float], choose) -> str:
    step = choose(curve, key=lambda one: curve[one])
    return f'{_number(name, curve[step])} (at {step})'


def _number(name: str, value: float) -> str:
    return f'{100 * value:.1f} %' if name.removeprefix(QUICK).startswith(SHARES) else f'{value:.4g}'


def _chance_of(name: str) -> str:
    """The name of the chance level of a metric.

    >>> _chance_of('retrieval/top5'), _chance_of('acc/top1')
    ('retrieval/chance_top5', 'acc/chance')
    """
    kind, _, rest = name.partition('/')
    return (
        f'{kind}/chance_{rest}'
        if kind.removeprefix(QUICK) == 'retrieval'
        else f'{kind}/chance'
        if rest == 'top1'
        else ''
    )
