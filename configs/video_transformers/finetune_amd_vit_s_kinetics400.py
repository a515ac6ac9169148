# Fine-tuning of AMD's ViT-S on Kinetics-400. Numbers of the authors' vits_k400_ft.sh (80.1 %, MODEL_ZOO.md). Test: 5 clips,
# 3 crops.
#   kdtoolbox train video_transformers/finetune_amd_vit_s_kinetics400 --cfg-options load_from=student.pth
_base_ = ['finetune_mvd_vit_s_kinetics400.py']

optim_wrapper = dict(optimizer=dict(lr=1e-3))  # for 256 videos; theirs is for 512, and their epochs are MVD's 150
