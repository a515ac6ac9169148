# The chain from an image network to a video transformer to the edge on real clips of yours, in some ten minutes of CPU;
# benchmarks/transformer_chain.py measures it, beside the same networks without the chain.
#   FOLDER_VIDEOS=mine FOLDER_ANNOTATIONS=mine/split.json kdtoolbox stages stages/image_to_vit_tiny_to_r3d_folder
# The number of your classes, instead of 6: model.student.cls_head.num_classes of all three, and
# model.teacher.recognizer.cls_head.num_classes of the last, in cfg_options.
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import stage_plans

stages = stage_plans.masked_to_edge(
    masked='video_transformers/vit_tiny_folder.py', fine_tuned='video_transformers/vit_tiny_finetune_folder.py',
    edge='video_transformers/vit_tiny_to_r3d_folder.py')
