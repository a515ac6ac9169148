"""Write text features of class names, so that a student has named classes without a single label."""

import argparse
from pathlib import Path

from kdtoolbox.safe_files import check_writable

EXAMPLE = 'kdtoolbox texts classes.txt --model openai/clip-vit-base-patch16 --out texts.npz'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'classes',
        metavar='CLASSES.txt',
        help="a line for each class, in the order of the data set's: a name, or a name, a tab and words for it; "
        "UCF-101's classInd.txt; or a folder of class folders, or of HMDB-51's split files",
    )
    parser.add_argument(
        '--model',
        required=True,
        metavar='FOLDER|NAME',
        help='a CLIP or SigLIP of transformers, the one whose images the teacher sees: openai/clip-vit-base-patch16',
    )
    parser.add_argument('--out', required=True, metavar='FILE.npz', help='the file to write')
    parser.add_argument(
        '--templates', metavar='FILE', help="a sentence a line, with {} for the class (default CLIP's 48 for actions)"
    )
    parser.add_argument(
        '--each-prompt', action='store_true', help='keep a row for each sentence, as PromptLogits takes them'
    )


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    check_writable(args.out)
    if not Path(args.classes).exists():
        raise ValueError(f'{args.classes}: there is no such file of class names, or folder of classes')
    if Path(args.out).suffix != '.npz':
        raise ValueError(f'--out {args.out}: expected the name of an .npz file')
