# Something-Something V2, 174 classes. As HMDB-51, see hmdb51.py, but never flipped: classes tell left from right.
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import clip_loaders as clips

validation_size = 112  # of the clips below; with another model.student_view.size they are scaled alike
data_root = '{{$SSV2_VIDEOS:data/ssv2/20bn-something-something-v2}}'  # <id>.webm, as published
ann_file = '{{$SSV2_ANNOTATIONS:data/ssv2/labels}}'  # folder of labels.json, train.json, validation.json
source = dict(type='SomethingSomethingV2Dataset', data_root=data_root, ann_file=ann_file)
# ImageNet's, as TSM, VideoMAE and UMT take them for this data set.
statistics = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])

clip_pipeline, train_pipeline, val_pipeline, test_pipeline = clips.pipelines(flip=False)
train_dataloader = clips.train_dataloader(source, train_pipeline)
val_dataloader = clips.quick_dataloader(source, val_pipeline)
test_dataloader = clips.full_dataloader(source, test_pipeline)
# retrieval_alone: for students whose head does not learn these classes
val_evaluator, test_evaluator, retrieval_alone = clips.evaluators()
