"""What metrics read from data samples: the label, and each sample once."""

from collections.abc import Mapping, Sequence


def label_of(sample: Mapping) -> int:
    """The class of a data sample with one label.

    Raises:
        ValueError: it has no label, several, or -1, which stands for unlabelled.
    """
    name = sample.get('sample_id')
    labels = sample['gt_labels']['item'].flatten().tolist() if sample.get('gt_labels') else []
    if len(labels) != 1 or labels[0] < 0:
        raise ValueError(f'sample {name!r} has the labels {labels}, expected one class from 0 on: validate on labelled '
                         'videos; -1 marks unlabelled ones, which can be trained on but not scored')
    return int(labels[0])


def unique_samples(results: Sequence[dict]) -> list[dict]:
    """The results in order, each ``(sample_id, role)`` once: distributed samplers repeat samples to fill up.

    Results without a ``sample_id`` are all kept.

    Raises:
        ValueError: one name stands for samples of different labels.

    >>> unique_samples([{'sample_id': 'a', 'label': 1}, {'sample_id': 'a', 'label': 1}])
    [{'sample_id': 'a', 'label': 1}]
    """
    known, unique = {}, []
    for result in results:
        key = (result.get('sample_id'), result.get('role'))
        if key[0] is None:
            unique.append(result)
        elif key not in known:
            known[key] = result
            unique.append(result)
        elif known[key]['label'] != result['label']:
            raise ValueError(f'sample_id {key[0]!r} stands for samples labelled {known[key]["label"]} and '
                             f'{result["label"]}: give each video a name of its own, such as its path in the data set')
    return unique
