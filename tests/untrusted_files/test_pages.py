"""Names and logs of somebody's videos and trainings on pages and cards: they are text, never markup."""

import json
import re
from html.parser import HTMLParser

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kdtoolbox.deployment.model_card import model_card
from kdtoolbox.reporting.html_report import write_report
from kdtoolbox.reporting.runs import read_run
from kdtoolbox.reporting.runs.run import Run
from kdtoolbox.reporting.sections.context import Context
from kdtoolbox.reporting.sections.summary import summary
from tests.reporting import work_dirs
from tests.untrusted_files.mutations import mutated
from tests.untrusted_files.test_readers import quickly as quickly_enough

quickly = settings(quickly_enough, max_examples=50)
EVIL = '</style></script><script>alert(1)</script>"\'><img src=x onerror=alert(1)>'


class Markup(HTMLParser):
    """What of a page could run code or fetch something."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag in ('script', 'iframe', 'object', 'embed', 'base', 'form') and values.get('class') != 'filters':
            self.found.append(tag)
        self.found += [f'{tag} {name}' for name in values if name.startswith('on')]
        if not (values.get('src') or 'data:').startswith('data:'):
            self.found.append(f'{tag} {values["src"]}')


def test_nothing_of_a_work_directory_is_markup_in_its_report(tmp_path, monkeypatch):
    monkeypatch.setattr(work_dirs, 'CLASSES', [f'{EVIL}{number}' for number in range(3)])
    files = [f'/nowhere/{EVIL}{number}.avi' for number in range(work_dirs.NUM_GALLERY + work_dirs.NUM_QUERIES)]
    folder = work_dirs.write_work_dir(tmp_path / 'kd', files)
    config = folder / '20260101_000000/vis_data/config.py'
    evil_config = config.read_text().replace("'teacher.pth'", repr(EVIL)).replace("'videos'", repr(EVIL))
    config.write_text(evil_config.replace("loss=dict(type='L2')", f'loss=dict(type={EVIL!r})'))
    (folder / 'command.json').write_text(json.dumps([{'command': EVIL, 'commit': EVIL, 'versions': {EVIL: EVIL}}]))
    log = folder / '20260101_000000/vis_data/scalars.json'
    log.write_text(log.read_text().replace('loss_kd', json.dumps(f'loss_{EVIL}')[1:-1]).replace('acc/top1', 'acc/<b>'))
    (folder / 'report/gradient_shares.json').write_text(json.dumps({EVIL: 0.5, 'loss_cls': EVIL}))
    (folder / 'report/cost.json').write_text(json.dumps({EVIL: EVIL, 'student': {'device': EVIL}}))
    text = write_report([folder], tmp_path / 'report.html').read_text(encoding='utf-8')
    page = Markup()
    page.feed(text)
    assert page.found == ['script'] and 'alert(1)' in text  # our own script, and what was to be shown


@pytest.fixture(scope='module')
def parts() -> dict[str, bytes]:
    return {
        'vis_data/config.py': work_dirs.CONFIG.encode(),
        'vis_data/scalars.json': b'{"lr": 0.1, "loss": 3, "loss_kd": 0.7, "step": 1}\n{"acc/top1": 0.2, "step": 1}\n',
        '../command.json': b'[{"command": "kdtoolbox train", "versions": {"torch": "2"}}]',
        '../report/cost.json': b'{"student": {"parameters": 1.2e6, "milliseconds": 4.5}}',
        '../report/gradient_shares.json': b'{"loss_cls": 0.75}',
    }


@quickly
@given(data=st.data())
def test_a_work_directory_of_anybody_is_read_or_refused(data, parts, tmp_path):
    changed = data.draw(st.sampled_from(sorted(parts)))
    for name, content in parts.items():
        file = tmp_path / 'kd/20260101_000000' / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.draw(mutated(content)) if name == changed else content)
    try:
        run = read_run(tmp_path / 'kd')
    except ValueError as error:
        assert str(tmp_path) in str(error)
        return
    assert isinstance(run, Run) and isinstance(run.trains_its_head, bool)
    assert summary(Context(run, None, None, 'run1')).blocks


texts = st.text(max_size=12) | st.sampled_from(
    [EVIL, '---\nlicense: mit\n---', 'a|b', '`x`', '!!python/name:os.system', '']
)


@quickly
@given(name=texts, classes=st.lists(texts, max_size=3), facts=st.dictionaries(texts, texts, max_size=2), data=texts)
@example(name='x', classes=[EVIL], facts={EVIL: EVIL}, data='---\nlicense: mit')
def test_a_model_card_has_our_metadata_and_no_markup_of_names(name, classes, facts, data):
    card = model_card(
        name,
        classes=classes,
        learned_classes=True,
        model={'type': 'Recognizer3D', 'backbone': {'type': name}},
        preprocessing={
            'size': [8, 8],
            'clips': 1,
            'frames': 4,
            'frame_stride': 1,
            'colour': 'RGB',
            'mean': [],
            'std': [],
        },
        metrics={'acc/top1': 0.5},
        protocol={'data': data},
        facts=facts,
    )
    front, body = re.match(r'---\n(.*?)\n---\n(.*)', card, re.DOTALL).groups()
    assert '<' not in body
    read = yaml.safe_load(front)
    assert read['license'] == 'unknown' and read['model-index'][0]['results'][0]['dataset']['name'] == data
