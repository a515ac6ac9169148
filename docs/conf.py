"""Settings of Sphinx: `make docs` builds the site in build/site."""

import re
import shutil
from pathlib import Path

import kdtoolbox

ROOT = Path(__file__).parents[1]
# Pages that are in the root of the repository, where people look for them there.
ROOT_PAGES = ('CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md')
# Rooms whose public classes users name in configs or in code, in the order of the menu.
API_ROOMS = {
    'distillers': 'What the Runner trains',
    'teachers': 'Frozen networks that give the targets',
    'criterion': 'Terms: taps, connectors, loss, weight, gate',
    'losses': 'One paper, one loss',
    'connectors': 'Modules that make tensors comparable',
    'discriminators': 'Networks, objectives and regularizers of adversarial distillation',
    'views': 'How a network sees a clip',
    'backbones': 'Backbones of students',
    'datasets': 'Data sets',
    'video': 'Reading the exact frames of a video',
    'evaluation': 'Metrics',
    'engine': 'Hooks, checkpoints, optimizer constructors',
}

project = 'kdtoolbox'
copyright = 'the authors of kdtoolbox'
release = kdtoolbox.__version__
extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
exclude_patterns = ['results']
html_theme = 'furo'
html_title = f'kdtoolbox {release}'
html_static_path = []
html_copy_source = False
html_show_search_summary = False  # summaries are fetched, which a browser refuses for files on the disk
myst_enable_extensions = ['colon_fence']
myst_heading_anchors = 4
autodoc_member_order = 'bysource'
autodoc_typehints = 'signature'
autodoc_inherit_docstrings = False  # those of torch
autodoc_default_options = {'members': True, 'show-inheritance': True}
napoleon_google_docstring = True
napoleon_use_rtype = False
# Types of torch, mmengine and others are not linked: nothing is fetched when the site is built.
nitpicky = False


def write_pages(app) -> None:
    """Pages that are not kept in docs/: those of the root, and one for each room of the API."""
    folder = Path(app.srcdir) / 'generated'
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in ROOT_PAGES:
        text = (ROOT / name).read_text(encoding='utf-8')
        (folder / name).write_text(re.sub(r'\]\(docs/', '](../', text), encoding='utf-8')
    for room, what in API_ROOMS.items():
        title = f'kdtoolbox.{room}'
        lines = [title, '=' * len(title), '', f'{what}.', '', f'.. automodule:: {title}', '   :imported-members:', '']
        (folder / f'{room}.rst').write_text('\n'.join(lines), encoding='utf-8')


def plain_links(app, docname, source) -> None:
    """Links to files of the repository that are no pages become their names."""
    depth = docname.count('/')
    up = '../' * depth
    for name in ROOT_PAGES:
        source[0] = re.sub(rf'\]\((?:\.\./)+{name}', f']({up}generated/{name}', source[0])
    folders = '(?:configs|benchmarks|examples|kdtoolbox|tests)'
    source[0] = re.sub(rf'\[([^\]]*)\]\((?:\.\./)+{folders}[^)]*\)', r'\1', source[0])


def setup(app) -> None:
    app.connect('builder-inited', write_pages)
    app.connect('source-read', plain_links)
