"""Building image networks that give embeddings: from timm, from transformers, or your own."""

from collections.abc import Mapping

from torch import Tensor, nn

from kdtoolbox.registry import MODELS
from kdtoolbox.teachers.image_teacher import PRETRAINED, own_view, timm_model
from kdtoolbox.teachers.weights import load_teacher_weights


def build_embedding_model(
    model: str | Mapping | nn.Module, weights: str | None, *, view: Mapping | None = None
) -> tuple[nn.Module, dict]:
    """Build the network of a config with its weights, and find its image size, mean and std.

    Args:
        model: see :class:`EmbeddingTeacher`.
        weights: likewise.
        view: size, mean and std from the config; if all three are given, transformers' image processor is not needed.

    Returns:
        The network, and size, mean and std from its library, else 224 and ImageNet's.

    Raises:
        ValueError: the name or the weights are not known, or their library is not installed.
    """
    name = model if isinstance(model, str) else model.get('type') if isinstance(model, Mapping) else None
    library, _, name = name.partition('.') if isinstance(name, str) else ('', '', '')
    options = {key: value for key, value in model.items() if key != 'type'} if isinstance(model, Mapping) else {}
    if library == 'transformers':
        if weights is not None or options:
            raise ValueError(
                f'teacher model {model!r}: transformers brings its own weights and settings; to take '
                "others, give their folder: 'transformers./path/to/folder'"
            )
        return _from_transformers(name, view or {})
    if library == 'timm':
        network = timm_model(name, pretrained=weights == PRETRAINED, **options)
    elif isinstance(model, nn.Module):
        network = model
    elif isinstance(model, Mapping):
        network = MODELS.build(dict(model))
    else:
        raise ValueError(
            f'teacher model {model!r}: expected timm.<name>, transformers.<name or folder>, or the config '
            'of a registered nn.Module'
        )
    if library != 'timm' or weights != PRETRAINED:
        load_teacher_weights(network, weights, config=model)
    return network, own_view(network, None, None)


def _from_transformers(name: str, given: Mapping) -> tuple[nn.Module, dict]:
    try:
        import transformers
    except ImportError as error:
        raise ValueError(f"teacher model 'transformers.{name}' needs transformers: pip install transformers") from error
    try:
        # safetensors, because the other format of weights can run code when it is loaded.
        network = transformers.AutoModel.from_pretrained(name, use_safetensors=True)
    except OSError as error:  # transformers' signal for a name it does not know or cannot reach
        raise ValueError(
            f"teacher model 'transformers.{name}': {error}. Without a network, name the folder of a model "
            "saved by save_pretrained: 'transformers./path/to/folder'"
        ) from error
    if given.keys() >= {'size', 'mean', 'std'}:
        return TransformersEmbedding(network), {}
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(name)
    except OSError as error:
        raise ValueError(
            f"teacher model 'transformers.{name}' comes without its image processor (preprocessor_config.json), which "
            'tells the size, mean and std of its images: save it too, '
            'AutoImageProcessor.from_pretrained(…).save_pretrained(FOLDER), or tell them, on the scale '
            '0-255: view=dict(size=224, mean=[…], std=[…])'
        ) from error
    size = getattr(processor, 'crop_size', None) or processor.size
    view = {
        'size': (size['height'], size['width']) if 'height' in size else size['shortest_edge'],
        'mean': [255 * value for value in processor.image_mean],
        'std': [255 * value for value in processor.image_std],
    }
    return TransformersEmbedding(network), view


class TransformersEmbedding(nn.Module):
    """Wrapper of a transformers model: images (B, 3, H, W) -> embeddings (B, D).

    For a model of images and texts (CLIP, SigLIP) these are the projected image embeddings; for a model of images
    (DINOv2) the pooled output.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        project = getattr(self.model, 'get_image_features', None)
        answer = self.model(pixel_values=images) if project is None else project(pixel_values=images)
        # transformers before 5 gives the projected embeddings themselves.
        embeddings = answer if isinstance(answer, Tensor) else getattr(answer, 'pooler_output', None)
        if embeddings is None:
            raise ValueError(f'{type(self.model).__name__} of transformers has no pooled output, so no embedding')
        return embeddings
