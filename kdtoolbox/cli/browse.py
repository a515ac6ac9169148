"""Write a page of clips as the student and each teacher sees them, before anything is trained.

Training clips show the same moment and crop in every network's view, at its own size; clips of validation and test are
those that the student is tested on. Networks have random weights where theirs would have to be fetched.
"""

import argparse

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from kdtoolbox.config_files.overriding import load_config, prepare_to_look
from kdtoolbox.config_files.roles import tell_roles
from kdtoolbox.config_files.without_downloads import without_downloads
from kdtoolbox.registry import MODELS
from kdtoolbox.reporting.browse_page import TRAINING, write_browse_page
from kdtoolbox.reporting.pages.sprites import spread
from kdtoolbox.views.seen_clips import SeenClip, seen_clips

PARTS = {TRAINING: 'train_dataloader', 'validation': 'val_dataloader', 'test': 'test_dataloader'}


def run(args: argparse.Namespace) -> int:
    config = load_config(args)
    parts, classes = browse(config, num_clips=args.clips)
    name = args.config
    out = write_browse_page(
        parts, args.out, title=f'Clips of {name}', classes=classes, notes=['Before training, as the networks get them.']
    )
    print(f'wrote {out} ({out.stat().st_size / 2**20:.1f} MiB): open it in a browser')
    return 0


def browse(config: Config, *, num_clips: int) -> tuple[dict[str, list[SeenClip]], list[str]]:
    """Some clips of each part of a config's data, spread over it, and the names of the classes.

    Raises:
        ValueError: the model is no distiller, or data cannot be read.
    """
    seed = prepare_to_look(config, 'browse')
    tell_roles(config)
    model = MODELS.build(without_downloads(config.model.to_dict()))
    if not hasattr(model, 'teachers'):
        raise ValueError(f'the model is a {type(model).__name__}, expected a distiller, which has views')
    model.to(get_device()).eval()
    parts: dict[str, list[SeenClip]] = {}
    classes: list[str] = []
    for name, key in PARTS.items():
        if not config.get(key) or (name == 'test' and config.get('val_dataloader') == config.test_dataloader):
            continue
        loader = _loader(config, key, seed)
        classes = classes or list((getattr(loader.dataset, 'metainfo', None) or {}).get('classes') or ())
        parts[name] = _clips(model, loader, num_clips, training=name == TRAINING)
    return parts, classes


def _clips(model, loader: DataLoader, num_clips: int, *, training: bool) -> list[SeenClip]:
    """Of a concatenation, as of gallery and queries, some of each part."""
    sizes = [len(part) for part in getattr(loader.dataset, 'datasets', [loader.dataset])]
    found, start = [], 0
    for size in sizes:
        places = [start + place for place in spread(size, max(1, num_clips // len(sizes)))]
        found += seen_clips(model, loader, places, training=training)
        start += size
    return found


def _loader(config: Config, key: str, seed: int) -> DataLoader:
    settings = {**config[key].to_dict(), 'num_workers': 0, 'persistent_workers': False}
    settings.pop('prefetch_factor', None)
    try:
        return Runner.build_dataloader(settings, seed=seed)
    except (ValueError, FileNotFoundError) as error:
        raise ValueError(f'no clips of {key}: {error}') from error
