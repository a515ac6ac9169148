# Fine-tuning: a distilled R3D-18 learns the 101 classes of UCF-101 from their labels, split 1, 16 frames of 112².
# Second step of a chain, see docs/evaluation.md; the first distils on any data and exports the student:
#   python tools/train.py configs/finetune_r3d_ucf101.py --cfg-options load_from=student.pth
# Without load_from the student starts from random weights: the baseline to measure a gain against.
_base_ = ['_base_/default_runtime.py', '_base_/datasets/ucf101.py', '_base_/students/r3d18.py',
          '_base_/schedules/sgd_60e_finetune.py']

# A Distiller with no teacher and no terms: plain training, with the student's view and its features.
model = dict(student=dict(
    cls_head=dict(num_classes=101),
    # Those the student learned with, UCF-101's; training warns if they differ.
    data_preprocessor=dict(mean=[101.00131, 97.3644226, 89.42114168], std=[38.7568578, 37.88248729, 40.02898126])))
# load_from gives all of the student but its classifier.
custom_hooks = [dict(hook, replace_head=True) if hook.type == 'PlainCheckpointHook' else hook
                for hook in _base_.custom_hooks]
default_hooks = dict(checkpoint=dict(save_best='acc/top1', rule='greater'))

# Testing: 10 clips evenly spaced over the video, three square crops of each from side to side; their 30 probabilities
# and features are averaged.
test_pipeline = [
    *_base_.val_pipeline[:3],
    dict(type='Resize', scale=(-1, 128)),  # the shorter side; the network is convolutional and takes 128² as well
    dict(type='ThreeCrop', crop_size=128), *_base_.clip_pipeline]
test_dataloader = dict(batch_size=2, dataset=dict(datasets=[  # 60 views at once
    dict(dataset, pipeline=test_pipeline) for dataset in _base_.val_dataloader.dataset.datasets]))
