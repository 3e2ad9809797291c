"""Fixtures for every test: isolation, Chromium, accessibility checks and a static file host.

`isolated`  (always on) no TRACKSITE_* settings, a cache of its own, works in `tmp_path`
`page`      a page of its own context that fails the test on any fault: console error,
            exception, failed or outside request, CSP violation
`new_page`  `new_page(**context_options) -> Page`: the same with other settings, such as
            color_scheme="dark", java_script_enabled=False or viewport={...}
`firefox`   a window of Debian's Firefox, which fails the test on any fault of its pages too; a
            test that asks for it is skipped where there is none
`problems`  the faults so far; a test that expects one takes it out: `problems.pop()`
`axe`       `axe(page, prepare=None, options=None, looks=()) -> list[str]`: the accessibility
            violations at the page's URL, after `prepare(page)` if what matters opens only on a
            click, in each look: a colour scheme and a viewport; by default as the page is
`serve`     `serve(folder, sub_path="") -> str`: the URL, with a slash at its end, under which
            a static file host serves `folder`
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import (
    AXE,
    Look,
    Problem,
    file_host,
    launch,
    look_of,
    run_axe,
    settle,
    still,
    watch,
)
from tests.firefox import Firefox, open_firefox
from tests.waiting import HANG_MS
from tests.workers import pytest_xdist_make_scheduler  # noqa: F401 (a hook)

# The same commit has the same result: HYPOTHESIS_PROFILE=explore draws new examples. No
# deadline and no complaint about slow draws, because a busy machine is no fault of the code.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", PATIENT, derandomize=True)
settings.register_profile("explore", PATIENT, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(autouse=True)
def isolated(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """Keep the settings, the cache and the folder of whoever runs the tests out of them.

    An open browser keeps an event loop running in this thread, which would forbid one to the
    tests that follow: it is put aside for those that use no browser.
    """
    for name in [name for name in os.environ if name.startswith("TRACKSITE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.chdir(tmp_path)
    loop = asyncio._get_running_loop()
    if "browser" not in request.fixturenames:
        asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(loop or asyncio._get_running_loop())


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for each test process."""
    with sync_playwright() as playwright, contextlib.closing(launch(playwright)) as browser:
        yield browser


@pytest.fixture(scope="session")
def one_firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """One Firefox for each test process."""
    with open_firefox(tmp_path_factory.mktemp("firefox")) as firefox:
        yield firefox


@pytest.fixture
def firefox(one_firefox: Firefox) -> Iterator[Firefox]:
    """Firefox with an empty page of 1280 by 900."""
    one_firefox.faults.clear()
    one_firefox.resize(1280, 900)
    one_firefox.goto("about:blank")
    yield one_firefox
    one_firefox.evaluate("new Promise(done => setTimeout(done))")
    assert not one_firefox.faults, "\n".join(["faults in the page:", *one_firefox.faults])


@pytest.fixture
def problems() -> Iterator[list[Problem]]:
    """The faults of this test's pages; what is left of them at the end fails the test."""
    found: list[Problem] = []
    yield found
    assert not found, "\n".join(["faults in the page:", *map(str, found)])


@pytest.fixture
def new_page(
    browser: Browser,
    problems: list[Problem],
    serve: Callable[..., str],  # a host has to outlive the pages that load from it
) -> Iterator[Callable[..., Page]]:
    """Open a watched page in a context of its own, with the given context options."""
    with contextlib.ExitStack() as stack:

        def open_page(**options: Any) -> Page:
            context = stack.enter_context(contextlib.closing(browser.new_context(**options)))
            watch(context, problems)
            stack.callback(settle, context)
            return context.new_page()

        yield open_page


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """Open a watched page with the default settings."""
    return new_page()


@pytest.fixture
def axe(browser: Browser) -> Iterator[Callable[..., list[str]]]:
    """Check what a page shows for accessibility, with axe-core.

    axe-core writes inline styles, which the page's CSP forbids. So the page's URL is opened
    again, with the same size and colour scheme, in a context that bypasses CSP.
    """
    with contextlib.closing(browser.new_context(bypass_csp=True)) as context:
        context.set_default_timeout(HANG_MS)
        context.add_init_script(path=AXE)

        def check(
            page: Page,
            prepare: Callable[[Page], object] | None = None,
            options: dict[str, Any] | None = None,
            looks: Sequence[Look] = (),
        ) -> list[str]:
            found: list[str] = []
            with contextlib.closing(context.new_page()) as twin:
                for number, (scheme, size) in enumerate(looks or [look_of(page)]):
                    twin.set_viewport_size(size)
                    twin.emulate_media(color_scheme=scheme)
                    if number == 0:
                        twin.goto(page.url, wait_until="load")
                        (prepare or still)(twin)
                    else:
                        still(twin)
                    found += run_axe(twin, options)
            return found

        yield check


@pytest.fixture
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Serve folders as static file hosts do, at the root or under a sub-path."""
    with contextlib.ExitStack() as stack:

        def start(folder: Path, sub_path: str = "") -> str:
            folder, sub_path = Path(folder).resolve(), sub_path.strip("/")
            if not sub_path:
                return stack.enter_context(file_host(folder)) + "/"
            link = tmp_path_factory.mktemp("host") / sub_path
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(folder)
            root = link.parents[sub_path.count("/")]
            return f"{stack.enter_context(file_host(root))}/{sub_path}/"

        yield start
