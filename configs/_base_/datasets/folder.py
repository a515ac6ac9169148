# Your own videos, a folder for each class. As HMDB-51, see hmdb51.py; docs/datasets/your_own.md has all there is to say.
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import clip_loaders as clips

validation_size = 112  # of the clips below; with another model.student_view.size they are scaled alike
data_root = '{{$FOLDER_VIDEOS:data/mine}}'  # <class>/<video>
ann_file = '{{$FOLDER_ANNOTATIONS:data/mine/split.json}}'  # kdtoolbox prepare folder writes it
source = dict(type='FolderDataset', data_root=data_root, ann_file=ann_file)
statistics = clips.KINETICS_STATISTICS

clip_pipeline, train_pipeline, val_pipeline, test_pipeline = clips.pipelines()
train_dataloader, val_dataloader, test_dataloader = clips.dataloaders(source)
# retrieval_alone: for students whose head does not learn these classes
val_evaluator, test_evaluator, retrieval_alone = clips.evaluators()
