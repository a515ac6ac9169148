"""What a check-up found, as text: the tables that ``kdtoolbox doctor`` prints."""

from collections.abc import Mapping, Sequence

from kdtoolbox.inspection.term_report import Checkup, NetworkFacts
from kdtoolbox.reporting.token_text import token_lines
from kdtoolbox.terminal import table_text

MAX_NAMES = 6
NETWORK_COLUMNS = ('', 'sees', 'every', 'normalisation', 'classes', 'top-1 on this batch')
LOSS_COLUMNS = ('', 'student', 'teacher', 'value', 'dtype', 'gradient', 'share')


def checkup_text(checkup: Checkup, problems: Sequence[str]) -> str:
    """Everything that was found, as text."""
    lines = [
        'Networks',
        table_text([_network_row(network) for network in checkup.networks], header=NETWORK_COLUMNS, num_left=4),
        '',
        f'Losses on {checkup.num_clips} clips (shapes without the batch)',
        table_text(_loss_rows(checkup), header=LOSS_COLUMNS, num_left=3),
        '',
    ]
    lines += [*token_lines(checkup.tokens), ''] if checkup.tokens else []
    chosen = [f'{loss.name}: {words}' for loss in checkup.losses for words in loss.term.get('chosen', ())]
    lines += ['Chosen by auto', *(f'  {line}' for line in chosen), ''] if chosen else []
    names = checkup.unused_parameters
    lines.append(f'Parameters without a gradient: {len(names)}{_listed(names)}')
    lines += ['', f'Problems: {len(problems) or "none found"}', *(f'  - {problem}' for problem in problems)]
    return '\n'.join(lines)


def _network_row(network: NetworkFacts) -> tuple[str, ...]:
    stride = network.view.frame_stride if network.view else 1
    accuracy = '–' if network.accuracy is None else f'{100 * network.accuracy:.1f} %'
    every = 'frame' if stride == 1 else f'{stride} frames'
    return (
        network.name,
        'x'.join(map(str, network.shape)),
        every,
        network.normalisation,
        str(network.num_classes or '–'),
        accuracy,
    )


def _loss_rows(checkup: Checkup) -> list[tuple[str, ...]]:
    rows = []
    for loss in checkup.losses:
        runs = [_side(loss.term, side) if loss.term else '–' for side in ('student', 'teacher')]
        rows.append(
            (
                loss.name,
                *runs,
                f'{loss.value:.4g}',
                loss.dtype,
                f'{loss.gradient_norm:.3g}',
                f'{100 * loss.gradient_share:.1f} %',
            )
        )
    return rows


def _side(term: Mapping, side: str) -> str:
    if term[side] is None:
        return 'none'
    before, after = term.get(f'{side}_shape'), term.get(f'{side}_connected')
    shapes = '' if before is None else f' {before}' if before == after else f' {before} -> {after}'
    return f'{term[side] if isinstance(term[side], str) else "+".join(term[side])}{shapes}'


def _listed(names: Sequence[str]) -> str:
    more = f' and {len(names) - MAX_NAMES} more' if len(names) > MAX_NAMES else ''
    return f' ({", ".join(names[:MAX_NAMES])}{more})' if names else ''
