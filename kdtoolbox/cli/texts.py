"""Write text features of class names, so that a student has named classes without a single label.

The features are those of sentences about each class ("a video of a person doing yo yo."), by the text encoder of CLIP
or SigLIP, averaged over sentences. A teacher with them (EmbeddingTeacher, text_features=FILE) gives class scores, which
the student's head learns: configs/regimes/clip_named_classes_r3d_ucf101.py.
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np

from kdtoolbox.plain_files import numbered_lines
from kdtoolbox.safe_files import save_arrays_aside
from kdtoolbox.teachers.class_texts import TEMPLATES, class_texts, words_of

SPLIT_FILE = re.compile(r'(.+)_test_split\d\.txt')  # of HMDB-51


def run(args: argparse.Namespace) -> int:
    words = read_classes(Path(args.classes))
    templates = [line for _, line in numbered_lines(args.templates)] if args.templates else list(TEMPLATES)
    sets = [[template] for template in templates] if args.each_prompt else [templates]
    found = [class_texts(args.model, list(words.values()), templates=one) for one in sets]
    features = np.concatenate([one.features.numpy() for one in found])
    provenance = {'model': args.model, 'templates': templates, 'words': list(words.values())}
    arrays = {
        'features': features,
        'classes': np.array(list(words) * len(sets)),
        'provenance': np.array(json.dumps(provenance, ensure_ascii=False)),
    }
    save_arrays_aside(arrays, args.out)
    print(f'wrote {args.out}: {features.shape[0]} texts of {len(words)} classes in {features.shape[1]} components')
    if not args.each_prompt and len(words) > 1:
        cosines = features @ features.T - 2 * np.eye(len(features))
        first, second = np.unravel_index(cosines.argmax(), cosines.shape)
        names = list(words)
        print(f'most alike: {names[first]} and {names[second]}, cosine {cosines.max():.3f}')
    if found[0].logit_scale is not None:
        print(f'logit scale of the model: {found[0].logit_scale:g} (EmbeddingTeacher, logit_scale)')
    return 0


def read_classes(place: Path) -> dict[str, str]:
    """Class name -> its words, in order.

    Raises:
        ValueError: there are none, or one is there twice.
    """
    if place.is_dir():
        splits = {found[1] for path in place.iterdir() if (found := SPLIT_FILE.fullmatch(path.name))}
        folders = {path.name for path in place.iterdir() if path.is_dir() and not path.name.startswith('.')}
        lines = [(str(place), name) for name in sorted(splits or folders)]
    else:
        lines = [(f'{place}, line {number}', line.strip()) for number, line in numbered_lines(place)]
    numbered = all(re.fullmatch(r'\d+ \S+', line) for _, line in lines if line)  # classInd.txt
    classes: dict[str, str] = {}
    for where, line in lines:
        if not line:
            continue
        name, _, words = (line.partition(' ')[2] if numbered else line).partition('\t')
        name = name.strip()
        if name in classes:
            raise ValueError(f'{where}: the class {name} is there twice')
        classes[name] = words.strip() or words_of(name)
    if not classes:
        raise ValueError(f'{place} has no class names: expected a line, or a folder, for each')
    return classes
