"""The cost of a run as a table and in two lines."""

from kdtoolbox.inspection.run_cost import RunCost
from kdtoolbox.terminal import table_text

DEVICES = (1, 8)
COLUMNS = ('', 'operations, an epoch', 'the run', 'share', 'seconds, an epoch', 'the run')


def table_of(cost: RunCost) -> str:
    """One row for each part of the run; seconds are those of one device, of decoding those of one core."""
    epochs = max(cost.length.epochs, 1e-9)
    rows = []
    for name in dict.fromkeys((*cost.operations, *cost.seconds)):
        operations, seconds = cost.operations.get(name), cost.seconds.get(name)
        counted = (
            ('–',) * 3
            if operations is None
            else (f'{operations / epochs:.1e}', f'{operations:.1e}', f'{operations / cost.total_operations:.1%}')
        )
        measured = ('–',) * 2 if seconds is None else (f'{seconds / epochs:,.0f}', f'{seconds:,.0f}')
        rows.append((name, *counted, *measured))
    return table_text(rows, header=COLUMNS, num_left=1)


def lines_of(cost: RunCost) -> list[str]:
    """What matters of it: how much arithmetic, how much of it evaluation, and how long that takes."""
    length = cost.length
    first = (
        f'The run: {length.epochs:.4g} epochs, {length.num_validations} validations'
        f'{", a full test" if length.test else ""}; {cost.total_operations:.1e} operations, of which '
        f'{cost.evaluation_share:.0%} are validation and test'
    )
    hours = [(number, cost.total_seconds(number)) for number in DEVICES]
    told = [
        f'{seconds / 3600:.3g} h on {number} such device{"s" * (number > 1)}' for number, seconds in hours if seconds
    ]
    if not told:
        return [first]
    without = '' if 'decoding' in cost.seconds else ', without decoding: the data is not there'
    return [first, f'At the speed of this machine ({cost.device}): about {", ".join(told)}{without}']
