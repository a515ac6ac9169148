import json
import re

from mmengine.config import Config

from kdtoolbox.config_files.finding import find_config
from kdtoolbox.demo.digit_videos import DigitVideos
from kdtoolbox.runner.demo_comparison import (
    COLUMNS,
    CROP_PIXELS,
    STUDENT_CONFIG,
    TEACHER_CONFIG,
    TEACHER_PIXELS,
    run_demo,
    table,
    write_demo_report,
)


def test_the_demo_runs_from_end_to_end(tmp_path, capsys):
    narrow = {'model.student.backbone.base_channels': 4, 'model.student.cls_head.in_channels': 16}
    results = run_demo(
        tmp_path,
        videos=DigitVideos(training_videos_per_class=4, test_videos_per_class=1),
        teacher_steps=2,
        student_options={'train_cfg.max_iters': 2, **narrow},
    )
    assert json.loads((tmp_path / 'results.json').read_text())['rows'] == results['rows']
    names = [row['name'] for row in results['rows']]
    assert names == [
        'image teacher, on frames',
        'student, random weights',
        'student, distilled without labels',
        'student, 3 labels a class',
        'student, 3 labels a class + distillation',
    ]
    for row in results['rows']:
        assert all(0 <= row[key] <= 1 for key in COLUMNS.values()) and row['acc/chance'] == 0.1
    printed = table(results['rows']).splitlines()
    rows = printed[-len(names) :]
    assert all(line.strip().startswith(name) for line, name in zip(rows, names))
    assert 'mean class' in printed[-2 - len(names)]
    assert '[7/7]' in capsys.readouterr().out
    report = write_demo_report(tmp_path).read_text(encoding='utf-8')
    assert 'not measured' not in capsys.readouterr().out and 'no picture' not in report
    assert len(re.findall('<article', report)) == 10 and 'baseline student_3_labels_a_class' in report


def test_the_teacher_that_is_tested_is_the_one_that_teaches_and_sees_frames_of_one_size():
    tested, student = (Config.fromfile(find_config(name)) for name in (TEACHER_CONFIG, STUDENT_CONFIG))
    assert tested.model.student == student.model.teacher.model
    sizes = {transform['type']: transform for transform in tested.test_pipeline}
    assert sizes['Resize']['scale'] == (TEACHER_PIXELS,) * 2 and student.model.teacher.view['size'] == TEACHER_PIXELS
    assert sizes['CenterCrop']['crop_size'] == CROP_PIXELS
    assert {transform['type']: transform for transform in student.train_pipeline}['RandomCrop']['size'] == CROP_PIXELS
