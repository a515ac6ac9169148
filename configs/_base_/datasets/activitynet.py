# ActivityNet v1.3, 200 classes: each annotated segment is a sample. As HMDB-51, see hmdb51.py.
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import clip_loaders as clips

validation_size = 112  # of the clips below; with another model.student_view.size they are scaled alike
data_root = '{{$ACTIVITYNET_VIDEOS:data/activitynet/videos}}'  # v_<id>.mp4
ann_file = '{{$ACTIVITYNET_ANNOTATIONS:data/activitynet/activity_net.v1-3.min.json}}'  # as published
source = dict(type='ActivityNetClipDataset', data_root=data_root, ann_file=ann_file)
# Of its colours, red, green, blue, on the scale 0 to 255, as in the original experiments.
statistics = dict(mean=[114.7748, 107.7354, 99.4750], std=[38.7568578, 37.88248729, 40.02898126])

clip_pipeline, train_pipeline, val_pipeline, test_pipeline = clips.pipelines()
train_dataloader, val_dataloader, test_dataloader = clips.dataloaders(source)
# retrieval_alone: for students whose head does not learn these classes
val_evaluator, test_evaluator, retrieval_alone = clips.evaluators()
