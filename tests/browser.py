"""A browser for tests of pages; import both fixtures in the conftest.py or the module that needs them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

SIZES = {'phone': (360, 740), 'desktop': (1440, 900), 'A4': (718, 1047)}  # of paper within margins of 1 cm


@pytest.fixture(scope='module')
def browser() -> Iterator:
    """A browser without a window; skips where there is none.

    For one module: while it is there, an event loop of asyncio runs, which others may want for themselves.
    """
    sync_api = pytest.importorskip('playwright.sync_api', reason='no Playwright: pip install playwright')
    executable = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
    if executable is None:
        pytest.skip('no browser: chromium is not on the PATH (Debian: apt install chromium)')
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=['--no-sandbox'])
        yield started
        started.close()


@pytest.fixture
def opened(browser) -> Iterator:
    """``opened(file, size, scheme)`` is the page of a file in the browser; what it complains of fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_page(file: Path, size: str = 'desktop', scheme: str = 'light'):
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={'width': width, 'height': height}, color_scheme=scheme, offline=True, reduced_motion='reduce'
        )
        contexts.append(context)
        page = context.new_page()
        page.on('console', lambda said: complaints.append(said.text) if said.type in ('error', 'warning') else None)
        page.on('pageerror', lambda error: complaints.append(str(error)))
        page.on('requestfailed', lambda request: complaints.append(f'asked for {request.url[:80]}'))
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
