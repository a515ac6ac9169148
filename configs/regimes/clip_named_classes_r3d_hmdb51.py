# Named classes without a single label: CLIP's similarities of the frames to sentences about the classes of HMDB-51 are the
# targets of the student's head. The sentences, once (needs transformers, for its networks and weights):
#   kdtoolbox texts data/hmdb51/annotations --model openai/clip-vit-base-patch16 --out work_dirs/hmdb51_class_texts.npz
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py',
          '../_base_/schedules/sgd_45e.py', '../_base_/named_classes.py']

class_texts = '{{$HMDB51_CLASS_TEXTS:work_dirs/hmdb51_class_texts.npz}}'

model = dict(
    _base_.named_classes, teacher=dict(_base_.clip_teacher, text_features=class_texts),
    student=dict(cls_head=dict(_base_.named_head, num_classes=51), data_preprocessor=_base_.statistics))
default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
