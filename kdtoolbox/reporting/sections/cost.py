"""What student and teacher cost."""

from collections.abc import Mapping

from kdtoolbox.reporting.pages.blocks import Block, Section, Table, missing
from kdtoolbox.reporting.sections.context import Context

HEADER = ('network', 'input', 'parameters (M)', 'operations (G)', 'time of a clip (ms)', 'measured on')
CAPTION = (
    'One clip. Operations are multiplications with an addition (MACs); time is the median of seven forward passes.'
)


def cost(context: Context) -> Section:
    """A table of parameters, operations and time."""
    return Section(context.named('cost'), 'What it costs', _blocks(context))


def _blocks(context: Context) -> list[Block]:
    rows = [[name, *cells] for name, one in context.run.costs.items() if (cells := cost_cells(one)) is not None]
    if not rows:
        return missing(f'Cost is not measured: {context.how_to_measure}.')
    return [Table(HEADER, rows, CAPTION, num_text=2)]


def cost_cells(cost: Mapping) -> list[str] | None:
    """The numbers of a network's cost as text; None if there are none."""
    try:
        return [
            '×'.join(str(int(one)) for one in cost['input_shape']),
            f'{cost["parameters"] / 1e6:.3g}',
            f'{cost["operations"] / 1e9:.3g}',
            f'{cost["milliseconds"]:.3g}',
            str(cost['device']),
        ]
    except (KeyError, TypeError, ValueError):
        return None
