# Kinetics-400. As HMDB-51, see hmdb51.py. Kinetics-600 and -700: other files, and as many classes.
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import clip_loaders as clips

validation_size = 112  # of the clips below; with another model.student_view.size they are scaled alike
data_root = '{{$KINETICS400_VIDEOS:data/kinetics400/videos}}'  # <class>/<youtube_id>_<start>_<end>.mp4, or flat
ann_file = '{{$KINETICS400_ANNOTATIONS:data/kinetics400/kinetics.json}}'  # kdtoolbox prepare kinetics writes it
source = dict(type='KineticsDataset', data_root=data_root, ann_file=ann_file)
statistics = clips.KINETICS_STATISTICS

clip_pipeline, train_pipeline, val_pipeline, test_pipeline = clips.pipelines()
train_dataloader, val_dataloader, test_dataloader = clips.dataloaders(source)
# retrieval_alone: for students whose head does not learn these classes
val_evaluator, test_evaluator, retrieval_alone = clips.evaluators()
