# The chain from an image network to a video transformer to the edge in minutes on two cores, on the demo's videos: see
# docs/video_transformers.md. `kdtoolbox demo --compare` makes the videos and trains the image network.
#   kdtoolbox stages stages/image_to_vit_tiny_to_r3d_demo
stages = [
    dict(name='masked', config='video_transformers/vit_tiny_demo.py'),
    dict(name='fine_tuned', config='video_transformers/vit_tiny_finetune_demo.py',
         cfg_options={'load_from': '{masked.student}'}),
    dict(name='edge', config='video_transformers/vit_tiny_to_r3d_demo.py',
         cfg_options={'model.teacher.weights': '{fine_tuned.student}'}),
]
