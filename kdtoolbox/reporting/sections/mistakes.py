"""Confusions and calibration of the student."""

import numpy as np

from kdtoolbox.evaluation.video_record import VideoRecord
from kdtoolbox.reporting.figures.predictions import confusion_matrix, reliability_diagram
from kdtoolbox.reporting.pages.blocks import Block, Picture, Section, Table, Text, missing
from kdtoolbox.reporting.runs.outcomes import calibration_error, has_labels, usable_probabilities
from kdtoolbox.reporting.sections.context import Context

MAX_PAIRS = 10


def confusion(context: Context) -> Section:
    """The confusion matrix and the most frequent confusions."""
    return Section(context.named('confusion'), 'What is taken for what', _confusion(context))


def calibration(context: Context) -> Section:
    """The reliability diagram."""
    return Section(context.named('calibration'), 'How sure it is', _calibration(context))


def why_no_scores(context: Context, what: str) -> str | None:
    """Why something of class scores cannot be shown; None if it can."""
    record = context.run.record
    if record is None:
        return f'{what} not measured: {context.how_to_measure}.'
    if not has_labels(record):
        return f'{what} not measured: the test videos have no labels.'
    if usable_probabilities(context.run) is None:
        return f'{what} not measured: the student was not trained to give the classes of the data set.'
    return None


def _scored(context: Context) -> tuple[VideoRecord, np.ndarray]:
    record, probabilities = context.run.record, usable_probabilities(context.run)
    assert record is not None and probabilities is not None  # why_no_scores gave no reason
    return record, probabilities


def _confusion(context: Context) -> list[Block]:
    if reason := why_no_scores(context, 'Confusions are'):
        return missing(reason)
    record, probabilities = _scored(context)
    classes = record.classes.tolist()
    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts, (record.query_labels, probabilities.argmax(1)), 1)
    caption = 'Numbers are videos; each row is shaded by its share.'
    blocks: list[Block] = [Picture(confusion_matrix(counts, classes), context.named('confusion-matrix'), caption)]
    mistakes = counts - np.diag(np.diag(counts))
    places = np.argsort(-mistakes, axis=None, kind='stable')[:MAX_PAIRS]
    pairs = [divmod(int(place), len(classes)) for place in places]
    rows = [
        [classes[label], classes[predicted], f'{mistakes[label, predicted]} of {counts[label].sum()}']
        for label, predicted in pairs
        if mistakes[label, predicted]
    ]
    if rows:
        blocks.append(Table(('label', 'taken for', 'videos'), rows, 'The most frequent confusions.', num_text=2))
    else:
        blocks.append(Text('There are none: every test video is recognised.'))
    return blocks


def _calibration(context: Context) -> list[Block]:
    if reason := why_no_scores(context, 'Calibration is'):
        return missing(reason)
    record, probabilities = _scored(context)
    confidence = probabilities.max(1).astype(float)
    is_right = (probabilities.argmax(1) == record.query_labels).astype(float)
    error, mean = calibration_error(confidence, is_right), confidence.mean()
    words = 'too sure of itself' if mean > is_right.mean() else 'less sure than it could be'
    caption = (
        f'Expected calibration error {100 * error:.1f} % (15 bins; few videos make it larger). The mean probability of '
        f'the predicted class is {100 * mean:.1f} %, the accuracy {100 * is_right.mean():.1f} %: the student is '
        f'{words}.'
    )
    return [Picture(reliability_diagram(confidence, is_right), context.named('reliability'), caption)]
