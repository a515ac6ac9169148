# Repeated augmentation, of UMT's, MVD's and AMD's fine-tuning: 16 videos of each process, two views of each; the learning
# rate goes by the number of videos.
repeated = dict(batch_size=32, sampler=dict(type='RepeatedSampler', times=2, shuffle=True))
videos_scale_lr = dict(base_batch_size=512)
