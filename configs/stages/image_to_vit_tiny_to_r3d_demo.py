# The chain from an image network to a video transformer to the edge in minutes on two cores, on the demo's videos: see
# docs/video_transformers.md. `kdtoolbox demo --compare` makes the videos and trains the image network.
#   kdtoolbox stages stages/image_to_vit_tiny_to_r3d_demo
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import stage_plans

stages = stage_plans.masked_to_edge(
    masked='video_transformers/vit_tiny_demo.py', fine_tuned='video_transformers/vit_tiny_finetune_demo.py',
    edge='video_transformers/vit_tiny_to_r3d_demo.py')
