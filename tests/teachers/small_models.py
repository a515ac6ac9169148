"""Small models of transformers with random weights, saved as their hub has them, and a tokenizer of words."""

from pathlib import Path

import pytest
import torch

IMAGE = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
TEXT = dict(**IMAGE, max_position_embeddings=16)
START, END, PADDING = '<start>', '<end>', '<pad>'
WORDS = ['walk', 'apply', 'eye', 'makeup', 'yo', 'a', 'person', 'video', 'of']


def save_model(folder: Path, kind: str) -> Path:
    """Write a small CLIP, SigLIP or DINOv2 of 32 x 32 pixels, with its image processor, into a folder."""
    transformers = pytest.importorskip('transformers')
    torch.manual_seed(0)
    image = dict(IMAGE, image_size=32, patch_size=8)
    texts = dict(TEXT, vocab_size=len(WORDS) + 4, bos_token_id=0, eos_token_id=1, pad_token_id=2)
    if kind == 'clip':
        config = transformers.CLIPConfig(text_config=texts, vision_config=image, projection_dim=12)
    elif kind == 'siglip':
        config = transformers.SiglipConfig(text_config=dict(texts, projection_size=16), vision_config=image)
    else:
        config = transformers.Dinov2Config(**image)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    processors = {'clip': 'CLIPImageProcessor', 'siglip': 'SiglipImageProcessor', 'dinov2': 'BitImageProcessor'}
    size = dict(height=32, width=32) if kind == 'siglip' else dict(shortest_edge=32)
    crop = {} if kind == 'siglip' else dict(crop_size=dict(height=32, width=32))
    getattr(transformers, processors[kind])(
        size=size, **crop, image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.3, 0.4]
    ).save_pretrained(folder)
    return folder


def save_tokenizer(folder: Path) -> None:
    """Write a tokenizer of whole words beside a model."""
    tokenizers = pytest.importorskip('tokenizers')
    transformers = pytest.importorskip('transformers')
    vocabulary = {word: number for number, word in enumerate([START, END, PADDING, '<unknown>', *WORDS])}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token='<unknown>'))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single=f'{START} $A {END}', special_tokens=[(START, 0), (END, 1)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token=START, eos_token=END, pad_token=PADDING, unk_token='<unknown>'
    ).save_pretrained(folder)
