"""What the contest searches for each method: the weight of its terms, and whether it begins with a warm-up."""

from collections.abc import Iterable, Mapping

from row import Row

WARM_UP = ((0, 0), (20 / 120, 1))  # the weight rises from 0 in the first sixth: DKD's 20 of 120 epochs
OTHER_START = ', other start'  # of a key: with a warm-up if the method's file has none, else without its own


def keys_of(row: Row, factors: Iterable[float], *, warm_ups: bool) -> list[str]:
    """A key for each factor, and with ``warm_ups`` another for each; see :func:`with_weight`."""
    keys = [f'{factor:g}' for factor in (factors if row.terms else (1,))]
    return keys + [key + OTHER_START for key in keys if warm_ups and row.terms]


def with_weight(row: Row, key: str) -> Row:
    """The row with the weights of all terms times the key's factor, and with the other start if the key has it."""
    factor, other_start, _ = key.partition(OTHER_START)
    row = with_factor(row, float(factor))
    return with_other_start(row) if other_start else row


def with_factor(row: Row, factor: float) -> Row:
    """The row with the weights of all terms times the factor."""
    return row.but(
        terms={name: {**term, 'weight': term.get('weight', 1.0) * factor} for name, term in row.terms.items()}
    )


def with_other_start(row: Row) -> Row:
    """The row with a warm-up of all terms if none has a schedule, else without schedules."""
    schedule = {} if _has_warm_up(row.terms) else {'weight_schedule': WARM_UP}
    return row.but(
        terms={
            name: {key: value for key, value in term.items() if key != 'weight_schedule'} | schedule
            for name, term in row.terms.items()
        }
    )


def chosen(search: Mapping[str, Mapping]) -> str | None:
    """The key of the best run by top-1, if it has classes, then by mean average precision; None if all failed."""
    done = {key: run for key, run in search.items() if 'precision' in run}
    return max(done, key=lambda key: (sum(done[key].get('right', ())), sum(done[key]['precision'])), default=None)


def weight_of(terms: Mapping[str, Mapping], key: str) -> str:
    """A key in words, such as '× 0.3, warm-up'."""
    factor, other_start, _ = key.partition(OTHER_START)
    return f'× {factor}' + (', warm-up' if _has_warm_up(terms) != bool(other_start) else '')


def _has_warm_up(terms: Mapping[str, Mapping]) -> bool:
    return any(term.get('weight_schedule') for term in terms.values())
