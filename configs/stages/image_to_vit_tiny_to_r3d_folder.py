# The chain from an image network to a video transformer to the edge on real clips of yours, in some ten minutes of CPU;
# benchmarks/transformer_chain.py measures it, beside the same networks without the chain.
#   FOLDER_VIDEOS=mine FOLDER_ANNOTATIONS=mine/split.json kdtoolbox stages stages/image_to_vit_tiny_to_r3d_folder
# The number of your classes, instead of 6: model.student.cls_head.num_classes of all three, and
# model.teacher.recognizer.cls_head.num_classes of the last, in cfg_options.
stages = [
    dict(name='masked', config='video_transformers/vit_tiny_folder.py'),
    dict(name='fine_tuned', config='video_transformers/vit_tiny_finetune_folder.py',
         cfg_options={'load_from': '{masked.student}'}),
    dict(name='edge', config='video_transformers/vit_tiny_to_r3d_folder.py',
         cfg_options={'model.teacher.weights': '{fine_tuned.student}'}),
]
