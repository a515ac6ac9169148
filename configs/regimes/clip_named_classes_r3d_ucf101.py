# Named classes without a single label: CLIP's similarities of the frames to sentences about the classes of UCF-101 are the
# targets of the student's head. The sentences, once (needs transformers, for its networks and weights):
#   kdtoolbox texts data/ucf101/annotations/classInd.txt --model openai/clip-vit-base-patch16 --out work_dirs/ucf101_class_texts.npz
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/ucf101.py', '../_base_/students/r3d18.py',
          '../_base_/schedules/sgd_45e.py', '../_base_/named_classes.py']

class_texts = '{{$UCF101_CLASS_TEXTS:work_dirs/ucf101_class_texts.npz}}'

model = dict(
    _base_.named_classes, teacher=dict(_base_.clip_teacher, text_features=class_texts),
    student=dict(cls_head=dict(_base_.named_head, num_classes=101), data_preprocessor=_base_.statistics))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
