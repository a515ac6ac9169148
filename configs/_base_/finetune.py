# What all finetune_*.py share. They are the second step of a chain, see docs/evaluation.md; the first distils on any data
# and exports the student:
#   python tools/train.py configs/finetune_r3d_hmdb51.py --cfg-options load_from=student.pth
# Without load_from the student starts from random weights: the baseline to measure a gain against.
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import clip_loaders as clips

# The statistics that the student learned with, UCF-101's; training warns if they differ.
pretraining_statistics = dict(mean=[101.00131, 97.3644226, 89.42114168], std=[38.7568578, 37.88248729, 40.02898126])
# Testing: 10 clips evenly spaced over the video, three square crops of each from side to side; their 30 probabilities
# and features are averaged. The network is convolutional and takes 128² as well.
three_crops = clips.three_crops(num_clips=10, clip_len=16, frame_stride=1, size=128)
