# HMDB-51, split 1.
# Training: one random clip of 16 frames a video, cropped to 224² (the teacher's size; the student's view halves it).
# Testing: 10 clips evenly spaced over the video, 112² centre crop, on the gallery (training videos) and the queries
# (test videos) of clip retrieval; accuracy is that on the queries. Validation: 2 clips of a fixed part of them.
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import clip_loaders as clips

validation_size = 112  # of the clips below; with another model.student_view.size they are scaled alike
data_root = '{{$HMDB51_VIDEOS:data/hmdb51/videos}}'        # <class>/<name>.avi
# The 153 <class>_test_split<n>.txt, or a JSON file:
ann_file = '{{$HMDB51_ANNOTATIONS:data/hmdb51/annotations}}'
source = dict(type='HMDB51Dataset', data_root=data_root, ann_file=ann_file, split=1)
statistics = clips.KINETICS_STATISTICS  # as in the original experiments

clip_pipeline, train_pipeline, val_pipeline, test_pipeline = clips.pipelines()
train_dataloader, val_dataloader, test_dataloader = clips.dataloaders(source)
# retrieval_alone: for students whose head does not learn these classes
val_evaluator, test_evaluator, retrieval_alone = clips.evaluators()
