# Adversarial, label-free: a ResNet-18 that knows ImageNet teaches an R3D-18 on the videos of UCF-101.
# Settings of the original experiments (adversarial network compression, Belagiannis et al., arXiv:1803.10750): the student
# plays against a discriminator of pooled features and gives the teacher's logits (L2). docs/adversarial.md says what
# differs from the original code.
_base_ = ['_base_/runtime.py', '_base_/ucf101.py']

max_epochs = 200
learning_rate = 0.001  # for a batch of 16; both players have the same
weight_decay = 2e-4

model = dict(
    type='AdversarialDistiller',
    use_labels=False,
    student_view=dict(size=112),  # the teacher's crop, halved
    student=dict(
        type='Recognizer3D',
        backbone=dict(
            type='ResNet3d', depth=18,
            pretrained=None,  # 'torchvision://resnet18', or a file of such weights: start from an inflated 2D ResNet
            conv1_kernel=(3, 7, 7), conv1_stride_s=2, with_pool1=False, with_pool2=False,
            inflate_style='3x3x3', temporal_strides=(1, 2, 2, 2), zero_init_residual=False),
        # 1000 classes: the teacher's, not the data set's. Pooled features are what retrieval compares.
        cls_head=dict(type='I3DHead', num_classes=1000, in_channels=512, dropout_ratio=0.0, average_clips='score'),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[101.00131, 97.3644226, 89.42114168],
                               std=[38.7568578, 37.88248729, 40.02898126], format_shape='NCTHW')),
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

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1)
train_dataloader = dict(batch_size=16)
player = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=learning_rate, weight_decay=weight_decay, momentum=0.9))
optim_wrapper = dict(constructor='AdversarialOptimWrapperConstructor', student=player, discriminator=player)
schedule = [dict(type='MultiStepLR', milestones=[80], gamma=0.1, by_epoch=True)]
param_scheduler = dict(student=schedule, discriminator=schedule)
auto_scale_lr = dict(enable=False, base_batch_size=16)

val_evaluator = [dict(type='ClipRetrieval')]  # no accuracy: the student does not know the data set's classes
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='retrieval/top5', rule='greater'))
