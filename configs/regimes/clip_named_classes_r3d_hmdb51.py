# Named classes without a single label: CLIP's similarities of the frames to sentences about the classes of HMDB-51 are the
# targets of the student's head. The sentences, once (needs transformers, for its networks and weights):
#   kdtoolbox texts data/hmdb51/annotations --model openai/clip-vit-base-patch16 --out work_dirs/hmdb51_class_texts.npz
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py',
          '../_base_/schedules/sgd_45e.py']

class_texts = '{{$HMDB51_CLASS_TEXTS:work_dirs/hmdb51_class_texts.npz}}'

model = dict(
    use_labels=False,
    student=dict(cls_head=dict(num_classes=51, dropout_ratio=0.0, average_clips='prob'),
                 data_preprocessor=_base_.statistics),
    teacher=dict(type='EmbeddingTeacher', model='transformers.openai/clip-vit-base-patch16',  # whose texts they are
                 text_features=class_texts, logit_scale=100.0,  # CLIP's own, so that its probabilities are the targets
                 view=dict(frame_stride=4)),
    terms=dict(names=dict(student='logits', teacher='logits', loss=dict(type='KLDivergence', temperature=1.0)),
               # Where CLIP is unsure of the class, its embedding still tells what is seen.
               embedding=dict(student='features', teacher='features', loss=dict(type='Cosine'),
                              student_connector=dict(type='MLPProjection', in_channels='auto', out_channels='auto'))))

default_hooks = dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))
