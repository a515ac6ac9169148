"""Train a student from a config."""

import argparse

EXAMPLE = 'kdtoolbox train kd_r2d_to_r3d_hmdb51 --work-dir work_dirs/kd --cfg-options train_dataloader.batch_size=16'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='continue from this checkpoint; without a name, from the last one in the work directory',
    )
    parser.add_argument('--amp', action='store_true', help='automatic mixed precision (needs a GPU)')
    parser.add_argument(
        '--strict', action='store_true', help='do not start if anything is unusual (see kdtoolbox doctor)'
    )
    parser.add_argument(
        '--no-validate', action='store_true', help='do not validate during training, nor test at its end'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by the batch size over auto_scale_lr.base_batch_size',
    )
