# AMD of a ViT-S, whose pixels a decoder of half the width predicts; all else is the ViT-B's.
_base_ = ['amd_videomae_l16_to_vit_b16_kinetics400.py']

model = dict(
    student=dict(backbone=_base_.vit_s, cls_head=dict(in_channels=384)),
    terms=dict(pixels=dict(loss=dict(decoder_channels=192, decoder_heads=3))))
