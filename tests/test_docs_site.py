"""The pages of docs/ as a site: each is in the menu, links lead somewhere, quoted messages are those of the code."""

import re
import shutil

import pytest

from tests.conftest import REPOSITORY
from tests.forked import call

DOCS = REPOSITORY / 'docs'


def menu_pages() -> set[str]:
    """The pages in the menu of the front page, without their suffix."""
    menus = re.findall(r'```{toctree}\n(.*?)```', (DOCS / 'index.md').read_text(), flags=re.DOTALL)
    return {line for menu in menus for line in menu.splitlines() if line and not line.startswith(':')}


def test_every_page_is_in_the_menu_of_the_site():
    pages = {str(page.relative_to(DOCS).with_suffix('')) for page in DOCS.rglob('*.md')}
    pages = {page for page in pages if not page.startswith(('results/', 'generated/')) and page != 'index'}
    assert pages <= menu_pages(), 'add the page to a toctree in docs/index.md'


def code_of_messages() -> str:
    """The source of the toolbox, with texts that stand in several lines joined."""
    source = '\n'.join(file.read_text() for file in (REPOSITORY / 'kdtoolbox').rglob('*.py'))
    return re.sub(r"['\"]\s*\n\s*f?['\"]", '', source)


def test_the_messages_that_the_troubleshooting_page_quotes_are_in_the_code():
    page = (DOCS / 'troubleshooting.md').read_text()
    firsts = [row.split(' | ')[0] for row in page.splitlines() if row.startswith('| `')]
    quoted = [part.strip(' ,') for row in firsts for text in re.findall('`([^`]+)`', row) for part in text.split('…')]
    source = code_of_messages()
    assert len(quoted) > 15
    assert not [part for part in quoted if part and part not in source]


def build(docs: str, out: str) -> int:
    """As ``make docs`` does."""
    from sphinx.cmd.build import main

    return main(['-W', '--keep-going', '-q', docs, out])


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    pytest.importorskip('sphinx', reason='the site is built with the extra "docs"')
    folder = tmp_path_factory.mktemp('docs')
    shutil.copytree(DOCS, folder / 'docs', ignore=shutil.ignore_patterns('generated'))
    for name in ('CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'):
        shutil.copy(REPOSITORY / name, folder)
    run = call(
        build, str(folder / 'docs'), str(folder / 'site'), folder=folder, cwd=REPOSITORY, seconds=600, LC_ALL='C'
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return folder / 'site'


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_has_the_api(site):
    assert 'kdtoolbox.losses.KLDivergence' in (site / 'generated' / 'losses.html').read_text()


@pytest.mark.slow
def test_the_search_works_without_a_server(site):
    browser = shutil.which('chromium')
    if browser is None:
        pytest.skip('no chromium on this machine')
    playwright = pytest.importorskip('playwright.sync_api', reason='tests of pages need playwright')
    errors = []
    with playwright.sync_playwright() as play:
        page = play.chromium.launch(executable_path=browser, args=['--no-sandbox']).new_page()
        page.on('console', lambda message: errors.append(message.text) if message.type == 'error' else None)
        page.goto(f'{(site / "search.html").as_uri()}?q=temperature')
        page.wait_for_selector('#search-results li')
    assert not errors
