"""Which of mmaction2's lists in a validation are the gallery."""

from collections.abc import Iterator, Mapping, MutableMapping

from mmengine.config import Config

OF_LISTS = ('VideoDataset', 'RawframeDataset')


def tell_roles(config: Config) -> None:
    """Have a list that is trained on be the gallery where it stands beside another in a ConcatDataset.

    One that has a ``role`` keeps it; without one, a data set is of queries.
    """
    trained = {_list(dataset) for dataset in _below((config.get('train_dataloader') or {}).get('dataset'))}
    for name in ('val_dataloader', 'test_dataloader'):
        datasets = list(_below((config.get(name) or {}).get('dataset')))
        for dataset in datasets if len(datasets) > 1 else ():
            if dataset.get('type') in OF_LISTS and dataset.get('ann_file') and _list(dataset) in trained:
                dataset.setdefault('role', 'gallery')


def _list(dataset: Mapping) -> tuple[str, str]:
    return str(dataset.get('data_root')), str(dataset.get('ann_file'))  # a root may be a list of them


def _below(dataset) -> Iterator[MutableMapping]:
    """The data sets inside of wrappers, or itself."""
    if not isinstance(dataset, MutableMapping):
        return
    inner = [*dataset.get('datasets', ()), *([dataset['dataset']] if 'dataset' in dataset else ())]
    if not inner:
        yield dataset
    for one in inner:
        yield from _below(one)
