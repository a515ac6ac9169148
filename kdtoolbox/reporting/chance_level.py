"""What guessing scores on the official splits of UCF-101 and HMDB-51."""

from pathlib import Path

import torch

from kdtoolbox.datasets.hmdb51 import read_hmdb51
from kdtoolbox.datasets.ucf101 import read_ucf101
from kdtoolbox.evaluation.clip_retrieval import chance_topk
from kdtoolbox.reporting.results_table import DATA_SETS, PROTOCOLS

READERS = {'ucf101': read_ucf101, 'hmdb51': read_hmdb51}
SPLIT = 1  # the one that the published rows of clip retrieval are of
OFFICIAL = {'ucf101': (101, 9537, 3783), 'hmdb51': (51, 3570, 1530)}  # classes, training and test videos of the split


def chance_rows(annotations: Path, data_set: str) -> dict:
    """The chance level on the official split, for retrieval and classification.

    Raises:
        ValueError: the annotations are not those of the data set.
    """
    classes = READERS[data_set](annotations, split=SPLIT, subset='training')[1] or []
    numbers: dict[str | None, int] = {name: number for number, name in enumerate(classes)}
    gallery, queries = (
        torch.tensor([numbers[video.label] for video in READERS[data_set](annotations, split=SPLIT, subset=subset)[0]])
        for subset in ('training', 'validation')
    )
    found = (len(classes), len(gallery), len(queries))
    if found != OFFICIAL[data_set]:
        raise ValueError(
            f'{annotations} has {found[0]} classes, {found[1]} training and {found[2]} test videos in '
            f'split {SPLIT}; {DATA_SETS[data_set]} has {OFFICIAL[data_set]}. Give the official split files, '
            'whole'
        )
    topk = [int(column.removeprefix('top-')) for column in PROTOCOLS['retrieval'].columns]
    shares = chance_topk(queries, gallery, topk)
    return {
        'split': SPLIT,
        'num_classes': len(classes),
        'num_gallery': len(gallery),
        'num_queries': len(queries),
        'retrieval': {f'top-{k}': share for k, share in shares.items()},
        'finetune': {'top-1': 1 / len(classes)},
    }
