"""What the teacher says of a view: of the view itself, or of the whole video, as it is or centred or whitened."""

from pathlib import Path

import torch
from splits import Split
from torch import Tensor
from views_cache import Views

from kdtoolbox.evaluation import fit_linear_probe
from kdtoolbox.safe_files import load_safely, save_aside

PROBE_VIEWS = 4  # of each labelled video, as kdtoolbox fit-probe takes
NUM_WHITENED = 64  # principal components; there are some hundred videos


def teacher_features(views: Views, split: Split, *, of: str, form: str) -> Tensor:
    """The target of each training view, (V, K, C).

    Args:
        of: 'view', its own features; 'video', the mean over all views of its video; 'both', the mean of the two.
        form: 'plain'; 'centred', less the mean over the training videos; 'whitened', on the first principal
            components of these with variance 1 each.
    """
    own = views.teacher.mean(2)
    video = own.mean(1, keepdim=True).expand_as(own)
    features = {'view': own, 'video': video, 'both': (own + video) / 2}[of]
    if form == 'plain':
        return features
    seen = features[split.training].flatten(0, 1)
    centred = features - seen.mean(0)
    if form == 'centred':
        return centred
    seen = seen - seen.mean(0)
    variances, directions = torch.linalg.eigh(seen.T @ seen / len(seen))
    return centred @ (directions[:, -NUM_WHITENED:] / variances[-NUM_WHITENED:].sqrt())


def probe(views: Views, split: Split, folder: Path, name: str) -> tuple[Tensor, Tensor]:
    """A linear probe on the labelled videos of a split, from a file if it was fitted before: weight and bias."""
    file = folder / f'probe_{name}.pth'
    if file.is_file():
        stored = load_safely(file, what='the probe')
        return stored['weight'], stored['bias']
    labelled = split.training[split.labels[split.training] >= 0]
    features = views.teacher[labelled, :PROBE_VIEWS].mean(2).cpu()
    num_views = features.shape[1]
    groups = [int(index) for index in labelled for _ in range(num_views)]
    if len(labelled) == len(views.classes):  # one video a class: only its views can be held out
        groups = None
    weight, bias = fit_linear_probe(
        features.flatten(0, 1).double(),
        split.labels[labelled].repeat_interleave(num_views),
        num_classes=len(views.classes),
        groups=groups,
    )
    save_aside({'weight': weight.float(), 'bias': bias.float()}, file)
    return weight.float(), bias.float()
