# What all anc_*.py share: the settings of the original experiments (adversarial network compression, Belagiannis et al.,
# arXiv:1803.10750). The student plays against a discriminator of pooled features and matches the teacher's logits (L2);
# see docs/adversarial.md.
anc = dict(
    type='AdversarialDistiller', use_labels=False,
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
# 1000 classes: the teacher's, not the data set's. Pooled features are what retrieval compares.
head = dict(num_classes=1000, dropout_ratio=0.0, average_clips='score')
