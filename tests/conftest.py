"""What holds for every test: examples that repeat, no clock, no display, no cache of the user, JAX in float64.

And a browser for the tests of pages.
"""

import os
import shutil
import signal
import tempfile

import pytest
from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_X64"] = "1"

# What runs in the background of a shell is born deaf to Ctrl-C, of which tests see what it does.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine must not fail a test, and one commit must give one answer.
settings.register_profile("suite", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the tests, and the processes they start, out of the user's cache of machine code."""
    folder = tempfile.TemporaryDirectory(prefix="backlit-cache-")
    os.environ["BACKLIT_CACHE_DIR"] = folder.name
    config.add_cleanup(folder.cleanup)


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, driven by Playwright; where one of them is missing, the test is skipped."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("there is no Chromium to try the page in")
    driver = pytest.importorskip("playwright.sync_api", reason="there is no Playwright to try the page with")
    with driver.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=found)
        yield chromium
        chromium.close()


@pytest.fixture
def complaints():
    """What pages did wrong: mistakes of their scripts, and what they tried to load."""
    wrong: list[str] = []
    yield wrong
    assert wrong == []


@pytest.fixture
def opened(browser, complaints, tmp_path):
    """Opens a page without network; it must give no reason to complain while the test uses it."""
    context = browser.new_context(offline=True)
    context.set_default_timeout(20_000)

    def opened(html: str):
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("request", lambda sent: sent.url == path.as_uri() or complaints.append(f"request: {sent.url}"))
        page.goto(path.as_uri())
        return page

    yield opened
    context.close()
