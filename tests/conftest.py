"""Fixtures for every test: isolation, Chromium, accessibility checks and a static file host.

`isolated`  (always on) no TRACKSITE_* settings, a cache of its own, works in `tmp_path`
`page`      a page of its own context that fails the test on any fault: console error,
            exception, failed or outside request, CSP violation
`new_page`  `new_page(**context_options) -> Page`: the same with other settings, such as
            color_scheme="dark", java_script_enabled=False or viewport={...}
`problems`  the faults so far; a test that expects one takes it out: `problems.pop()`
`axe`       `axe(page, prepare=None, options=None) -> list[str]`: the accessibility violations
            at the page's URL, after `prepare(page)` if what matters opens only on a click
`serve`     `serve(folder, sub_path="") -> str`: the URL, with a slash at its end, under which
            a static file host serves `folder`
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import Problem, file_host, launch, run_axe, settle, watch

# The same commit has the same result: HYPOTHESIS_PROFILE=explore draws new examples. No
# deadline, because a busy machine is no fault of the code.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=1000, deadline=None, print_blob=True)
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
def axe(browser: Browser) -> Callable[..., list[str]]:
    """Check what a page shows for accessibility, with axe-core.

    axe-core writes inline styles, which the page's CSP forbids. So the page's URL is opened
    again, with the same size and colour scheme, in a context that bypasses CSP.
    """

    def check(
        page: Page,
        prepare: Callable[[Page], object] | None = None,
        options: dict[str, Any] | None = None,
    ) -> list[str]:
        dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        with contextlib.closing(
            browser.new_context(
                bypass_csp=True,
                viewport=page.viewport_size,
                color_scheme="dark" if dark else "light",
            )
        ) as context:
            twin = context.new_page()
            twin.goto(page.url, wait_until="load")
            if prepare:
                prepare(twin)
            return run_axe(twin, options)

    return check


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
