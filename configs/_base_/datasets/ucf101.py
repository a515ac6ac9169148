# UCF-101, split 1.
# Training: one random clip of 16 frames a video, cropped to 224² (the teacher's size; the student's view halves it).
# Testing: 10 clips evenly spaced over the video, 112² centre crop, on the gallery (training videos) and the queries
# (test videos) of clip retrieval; accuracy is that on the queries. Validation: 2 clips of a fixed part of them.
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import clip_loaders as clips

validation_size = 112  # of the clips below; with another model.student_view.size they are scaled alike
data_root = '{{$UCF101_VIDEOS:data/ucf101/videos}}'        # <Class>/v_<Class>_g<group>_c<clip>.avi
# classInd.txt, trainlist0<n>.txt, testlist0<n>.txt, or a JSON file:
ann_file = '{{$UCF101_ANNOTATIONS:data/ucf101/annotations}}'
source = dict(type='UCF101Dataset', data_root=data_root, ann_file=ann_file, split=1)
# Of its colours, red, green, blue, on the scale 0 to 255, as in the original experiments.
statistics = dict(mean=[101.00131, 97.3644226, 89.42114168], std=[38.7568578, 37.88248729, 40.02898126])

clip_pipeline, train_pipeline, val_pipeline, test_pipeline = clips.pipelines()
train_dataloader, val_dataloader, test_dataloader = clips.dataloaders(source)
# retrieval_alone: for students whose head does not learn these classes
val_evaluator, test_evaluator, retrieval_alone = clips.evaluators()
