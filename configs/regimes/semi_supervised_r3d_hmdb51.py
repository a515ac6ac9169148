# Semi-supervised: 7 of the 70 training videos of each class have labels; the teacher, probed on those same labels, gives
# soft targets for all of them. The probe: tools/fit_probe.py with the same labels_per_class.
_base_ = ['../_base_/default_runtime.py', '../_base_/datasets/hmdb51.py', '../_base_/students/r3d18.py',
          '../_base_/schedules/sgd_120e_warmup.py', '../_base_/methods.py']

labels_per_class = 7  # of 70: a tenth
temperature = 2.0     # softens both sides, less than where the student has all labels

model = dict(_base_.taught, terms=dict(kd=dict(student='logits', teacher='logits',
                                               loss=dict(type='KLDivergence', temperature=temperature))))
# Unlabelled videos stay in the batches and count in the terms only.
train_dataloader = dict(dataset=dict(labels_per_class=labels_per_class, unlabelled='keep'))
