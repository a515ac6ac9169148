"""The terms of a file of configs/methods, on the outputs that the contest's students and stored views have."""

import json
from collections.abc import Mapping

from training import BATCH_SIZE

# The files' stages of a ResNet -> those of the contest's networks. The student's first stage is the frozen stem, so
# pairs of first stages fall away.
STUDENT_STAGES = {f'backbone.layer{stage}': f'backbone.top.{stage - 2}' for stage in (2, 3, 4)}
TEACHER_STAGES = {'layer2': 'features.6', 'layer3': 'features.13', 'layer4': 'features.17'}
FIRST_STAGES = ('backbone.layer1', 'layer1')
# Losses that give a teacher's map to its classifier get the map that the classifier averages. Others get the output of
# the last block, as in a ResNet: it has a quarter of the channels, and no activation yet.
CLASSIFIED, CLASSIFIED_MAP = ('CATKD', 'SDD', 'SRRL', 'SimKD'), 'features.18'

SDD_SCALES = (1, 2)  # the last maps have 2² places, which cannot be cut into the paper's 4 parts a side


def terms_here(terms: Mapping[str, Mapping], *, num_videos: int, epochs: int) -> dict[str, dict] | None:
    """The terms with other taps and sizes; None if there are no two stages left where two are needed."""
    terms = json.loads(json.dumps(terms))
    for term in terms.values():
        if term['loss']['type'] == 'SDD':
            term['loss']['scales'] = SDD_SCALES
    sizes = {'num_samples': num_videos, 'batch_size': BATCH_SIZE, 'num_epochs': epochs}
    for term in terms.values():
        term['loss'] |= {key: value for key, value in sizes.items() if key in term['loss']}
        teacher = TEACHER_STAGES | ({'layer4': CLASSIFIED_MAP} if term['loss']['type'] in CLASSIFIED else {})
        for side, stages in (('student', STUDENT_STAGES), ('teacher', teacher)):
            if not term.get(side):
                continue
            if isinstance(term[side], str):
                term[side] = stages.get(term[side], term[side])
                continue
            term[side] = [stages.get(path, path) for path in term[side] if path not in FIRST_STAGES]
            if len(term[side]) < 2:
                return None
    return terms
