# Adversarial, label-free: a ResNet-18 that knows ImageNet teaches an R3D-18 on the videos of HMDB-51.
# Settings of the original experiments (adversarial network compression, Belagiannis et al., arXiv:1803.10750): the student
# plays against a discriminator of pooled features and gives the teacher's logits (L2); see docs/adversarial.md.
_base_ = ['_base_/default_runtime.py', '_base_/datasets/hmdb51.py', '_base_/students/r3d18.py',
          '_base_/schedules/adversarial_200e.py']

model = dict(
    type='AdversarialDistiller', use_labels=False,
    student=dict(
        # 1000 classes: the teacher's, not the data set's. Pooled features are what retrieval compares.
        cls_head=dict(num_classes=1000, dropout_ratio=0.0, average_clips='score'),
        data_preprocessor=_base_.statistics),
    teacher=dict(type='ImageTeacher', model='torchvision.resnet18', weights='IMAGENET1K_V1', pooling='mean_logits',
                 chunk_size=256, view=dict(size=224)),
    terms=dict(similarity=dict(student='logits', teacher='logits', loss=dict(type='L2'))),
    discriminator=dict(type='Discriminator', in_channels=512, widths=(128, 256, 128)),
    adversarial=dict(
        student='features', teacher='features',
        loss=dict(type='BCEAdversarial'),  # or HingeAdversarial, LeastSquaresAdversarial, WassersteinAdversarial
        dropout=0.5,  # of the second view, with which the student plays
        # One or several of FakeAsReal, L1Regularizer, L2Regularizer, each with its weight.
        regularizers=[dict(type='FakeAsReal', weight=1.0)]))
train_dataloader = dict(batch_size=16)  # that of the schedule's learning rate

val_evaluator = test_evaluator = [dict(type='ClipRetrieval')]  # no accuracy: the data set's classes are not learned
default_hooks = dict(checkpoint=dict(save_best='retrieval/top5', rule='greater'))
