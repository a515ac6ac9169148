"""Text features of class names, by the text encoder of a CLIP or SigLIP model of transformers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

# Those of CLIP's authors for UCF-101 (data/prompts.md of github.com/openai/CLIP): 4 media, 2 articles, 6 verbs.
MEDIA = ('photo', 'video', 'example', 'demonstration')
VERBS = ('', 'using ', 'doing ', 'during ', 'performing ', 'practicing ')
TEMPLATES = tuple(
    f'a {medium} of {article} person {verb}{{}}.' for verb in VERBS for article in ('a', 'the') for medium in MEDIA
)


@dataclass(frozen=True)
class ClassTexts:
    """What a text encoder says of classes.

    Args:
        features: (K, D), float32, of length 1 each: the mean over templates, as CLIP's own evaluation takes it.
        logit_scale: factor of the cosines that the model was trained with; None if it has none.
    """

    features: Tensor
    logit_scale: float | None


def words_of(name: str) -> str:
    """A class name as words of a sentence.

    >>> [words_of(name) for name in ('ApplyEyeMakeup', 'brush_hair', 'YoYo', 'playing-DJ set')]
    ['apply eye makeup', 'brush hair', 'yo yo', 'playing DJ set']
    """
    parts = re.sub(r'(?<=[a-z])(?=[A-Z])|[_\-]+', ' ', name).split()
    return ' '.join(part if len(part) > 1 and part.isupper() else part.lower() for part in parts)


@torch.no_grad()
def class_texts(model: str, names: Sequence[str], *, templates: Sequence[str] = TEMPLATES) -> ClassTexts:
    """Text features of classes.

    Args:
        model: name or folder of a transformers model of images and texts; ``transformers.`` before it is taken away.
        names: in words.
        templates: sentences with ``{}`` where the name stands.

    Raises:
        ValueError: transformers is not installed, the model is not there or has no text encoder, or a template has no
            place for a name.
    """
    for template in templates:
        if template.count('{}') != 1:
            raise ValueError(f'the prompt template {template!r}: expected one {{}}, where the class name stands')
    if not templates:
        raise ValueError('there is no prompt template: expected lines with {}, where the class name stands')
    network, tokenizer = _loaded(model.removeprefix('transformers.'))
    # SigLIP was trained on texts of full length; CLIP does not mind, as it reads up to the end of the text.
    length = getattr(getattr(network.config, 'text_config', None), 'max_position_embeddings', None)
    rows = []
    for name in names:
        sentences = [template.replace('{}', name) for template in templates]
        tokens = tokenizer(sentences, padding='max_length', max_length=length, truncation=True, return_tensors='pt')
        taken = {key: tokens[key] for key in ('input_ids', 'attention_mask') if key in tokens}
        answer = network.get_text_features(**taken)
        # transformers before 5 gives the projected embeddings themselves.
        embeddings = answer if isinstance(answer, Tensor) else answer.pooler_output
        rows.append(F.normalize(embeddings.float(), dim=1).mean(0))
    scale = getattr(network, 'logit_scale', None)
    features = F.normalize(torch.stack(rows), dim=1)
    return ClassTexts(features, None if scale is None else round(float(scale.exp()), 3))


def _loaded(model: str) -> tuple[Any, Any]:
    try:
        import transformers
    except ImportError as error:
        raise ValueError("text features need transformers: pip install 'kdtoolbox[transformers]'") from error
    try:
        # safetensors, because the other format of weights can run code when it is loaded.
        network = transformers.AutoModel.from_pretrained(model, use_safetensors=True)
        tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError) as error:  # not known, not reachable, or of a kind that is no model
        raise ValueError(
            f'text model {model}: {str(error).splitlines()[0]} Without a network, name the folder of a model saved by '
            'save_pretrained, with its tokenizer'
        ) from error
    if not hasattr(network, 'get_text_features'):
        raise ValueError(f'text model {model}: a {type(network).__name__} has no text encoder: take a CLIP or SigLIP')
    return network.eval(), tokenizer
