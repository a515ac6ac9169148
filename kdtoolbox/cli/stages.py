"""Train a chain of experiments, each learning from the ones before; goes on where it stopped.

A plan is a Python or YAML file with the ordered list ``stages``. Each stage has a ``name``, a ``config`` and may have
``cfg_options``, in which ``{<stage>.student}`` stands for the student that an earlier stage exported::

    stages = [
        dict(name='assistant', config='kd_r2d_to_r3d_hmdb51.py'),
        dict(name='student', config='kd_r3d_to_c3d_hmdb51.py',
             cfg_options={'model.teacher.weights': '{assistant.student}'})]
"""

import argparse
from pathlib import Path

from kdtoolbox.config_files.finding import find_config
from kdtoolbox.runner.stages import read_plan, run_stages


def run(args: argparse.Namespace) -> int:
    stages = read_plan(find_config(args.plan), options=args.cfg_options or {}, safe=args.safe_config)
    work_dir = Path(args.work_dir or Path('work_dirs') / Path(args.plan).stem)
    students = run_stages(stages, work_dir, launcher=args.launcher, local_rank=args.local_rank)
    for name, file in students.items():
        print(f'{name}: {file}')
    return 0
