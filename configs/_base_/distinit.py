# What all distinit_*.py share: the settings of the original experiments (DistInit, Girdhar et al., ICCV 2019, with L2 on
# logits). The teacher sees each of the 16 frames, its logits are averaged, the student learns to give the same.
distinit = dict(
    use_labels=False,
    teacher=dict(type='ImageTeacher', model='torchvision.resnet18', weights='IMAGENET1K_V1', pooling='mean_logits',
                 chunk_size=256, view=dict(size=224)),
    terms=dict(distinit=dict(student='logits', teacher='logits', loss=dict(type='L2'))))
# 1000 classes: the teacher's, not the data set's. Pooled features are what retrieval compares.
head = dict(num_classes=1000, dropout_ratio=0.0, average_clips='score')
