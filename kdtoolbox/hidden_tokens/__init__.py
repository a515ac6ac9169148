"""Students that compute only some of their tokens in training: which ones, and how the others are left out."""

from kdtoolbox.hidden_tokens.choosing import AttentionTokens, RandomTokens, TubeTokens, VisibleTokens
from kdtoolbox.hidden_tokens.hiding import clips_of, grid_of, hiding, patch_size, transformer_of
from kdtoolbox.hidden_tokens.other_tokens import other_tokens

__all__ = [
    'AttentionTokens',
    'RandomTokens',
    'TubeTokens',
    'VisibleTokens',
    'clips_of',
    'grid_of',
    'hiding',
    'other_tokens',
    'patch_size',
    'transformer_of',
]
