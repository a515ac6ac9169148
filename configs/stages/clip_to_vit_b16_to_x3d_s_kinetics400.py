# From a foundation model to the edge: CLIP teaches a ViT-B that sees 20 % of its tokens (UMT), the ViT-B is fine-tuned, and
# teaches an X3D-S. See docs/video_transformers.md.
#   kdtoolbox stages stages/clip_to_vit_b16_to_x3d_s_kinetics400
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import stage_plans

stages = stage_plans.masked_to_edge(
    masked='video_transformers/umt_clip_b16_to_vit_b16_kinetics400.py', fine_tuned='video_transformers/finetune_umt_vit_b16_kinetics400.py',
    edge='video_transformers/vit_b16_to_x3d_s_kinetics400.py')
