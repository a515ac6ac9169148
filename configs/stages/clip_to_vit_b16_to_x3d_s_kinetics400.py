# From a foundation model to the edge: CLIP teaches a ViT-B that sees 20 % of its tokens (UMT), the ViT-B is fine-tuned, and
# teaches an X3D-S. See docs/video_transformers.md.
#   kdtoolbox stages stages/clip_to_vit_b16_to_x3d_s_kinetics400
stages = [
    dict(name='masked', config='video_transformers/umt_clip_b16_to_vit_b16_kinetics400.py'),
    dict(name='fine_tuned', config='video_transformers/finetune_umt_vit_b16_kinetics400.py',
         cfg_options={'load_from': '{masked.student}'}),
    dict(name='edge', config='video_transformers/vit_b16_to_x3d_s_kinetics400.py',
         cfg_options={'model.teacher.weights': '{fine_tuned.student}'}),
]
