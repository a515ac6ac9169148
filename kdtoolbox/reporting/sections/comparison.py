"""Several trainings side by side, with the significance of their differences."""

from collections.abc import Mapping, Sequence

from kdtoolbox.reporting.figures.accuracy import shares_with_intervals
from kdtoolbox.reporting.intervals import share_of
from kdtoolbox.reporting.pages.blocks import Block, Picture, Section, Table, Text, missing
from kdtoolbox.reporting.runs import Run
from kdtoolbox.reporting.runs.outcomes import Outcomes, outcomes_of
from kdtoolbox.reporting.sections.accuracies import paired


def comparison(runs: Sequence[Run], baseline: Run | None) -> Section:
    """A figure and tables of all runs; differences are to the baseline or else to the first run."""
    known = {run.name: outcomes for run in runs if (outcomes := outcomes_of(run)) is not None}
    blocks: list[Block] = []
    if baseline is not None and (of_baseline := outcomes_of(baseline)) is not None:
        known = {f'baseline {baseline.name}': of_baseline, **known}
    if not known:
        folders = ' '.join(str(run.work_dir) for run in runs)
        return Section(
            'compared', 'Comparison', missing(f'Nothing is measured: run `kdtoolbox report {folders} --compute`.')
        )
    measures = {
        measure: {name: share_of(one.right[measure]) for name, one in known.items() if measure in one.right}
        for measure in dict.fromkeys(measure for one in known.values() for measure in one.right)
    }
    chances = {measure: value for one in known.values() for measure, value in one.chances.items()}
    blocks.append(
        Picture(shares_with_intervals(measures, chances, names=list(known)), 'compared-shares', _videos(known))
    )
    rows = [[name, *(str(shares.get(name, '–')) for shares in measures.values())] for name in known]
    rows.append(['chance', *(f'{100 * chances[measure]:.1f} %' for measure in measures)])
    blocks.append(Table(['', *measures], rows, 'Share of the test videos with its 95 % interval (Wilson).'))
    blocks += _differences(known)
    unknown = [run.name for run in runs if run.name not in known]
    if unknown:
        blocks.append(Text(f'Not measured: {", ".join(unknown)}. Run `kdtoolbox report … --compute`.', 'missing'))
    return Section('compared', 'Student against student', blocks)


def _videos(known: Mapping[str, Outcomes]) -> str:
    counts = sorted({len(one.query_ids) for one in known.values()})
    return f'{" or ".join(map(str, counts))} test videos.'


def _differences(known: Mapping[str, Outcomes]) -> list[Block]:
    (first_name, first), *others = known.items()
    rows = []
    for name, outcomes in others:
        for measure in outcomes.right:
            found = paired(outcomes, first, measure)
            if found is not None:
                verdict = ('better' if found.value > 0 else 'worse') if found.is_beyond_noise else 'no evidence'
                pairs = f'{found.only_first} / {found.only_second}'
                rows.append([name, measure, str(found), pairs, f'{found.p:.2g}', verdict])
    if not rows:
        return missing(f'No other training was tested on the videos of {first_name}, so differences are not tested.')
    header = ('', 'measure', f'less {first_name}', 'only it / only the other right', 'p', 'verdict')
    caption = (
        f'Differences to {first_name} on the same test videos: 95 % interval by a paired bootstrap, p of McNemar’s '
        f'exact test. Of {len(rows)} comparisons about {0.05 * len(rows):.1f} would have p < 0.05 by chance alone.'
    )
    return [Table(header, rows, caption, num_text=2)]
