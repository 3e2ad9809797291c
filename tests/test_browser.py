"""The test browser itself: a page that is at fault never passes unseen."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.browser import fault

ROOT = Path(__file__).parents[1]

CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:"


def _write(folder, body, head=""):
    path = folder / "index.html"
    path.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Test</title>{head}'
        f"</head><body><main><h1>Test</h1>{body}</main></body></html>"
    )
    return path.as_uri()


@pytest.fixture
def run_tests(tmp_path):
    """Run a test file in a process of its own, with our fixtures and settings; what it printed."""

    def run(source):
        path = tmp_path / "test_inner.py"
        path.write_text(textwrap.dedent(source))
        command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml"]
        command += ["-p", "tests.conftest", "-p", "no:cacheprovider", path]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout

    return run


def _taken(page, problems, kind):
    """Take the one expected fault out, so that the fixture lets the test pass."""
    found = fault(page, problems)
    assert (found.kind, problems) == (kind, []), found
    return found.text


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("page", "<script>throw new Error('lost')</script>", "lost"),
        ("console", "<script>console.error('amiss')</script>", "amiss"),
        ("request", "<script src='absent.js'></script>", "absent.js"),
        ("network", "<img src='https://example.com/a.png' alt=''>", "https://example.com/a.png"),
        ("network", "<script>fetch('http://192.0.2.1/').catch(e => 0)</script>", "192.0.2.1"),
    ],
)
def test_every_kind_of_fault_is_seen(new_page, problems, tmp_path, kind, body, text):
    """A fault of any kind is recorded with its place."""
    page = new_page()
    page.goto(_write(tmp_path, body))
    assert text in _taken(page, problems, kind)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<script>document.title = 'run'</script>", "script-src"),
        ("<p style='color: red'>a</p>", "style-src"),
        ("<button onclick='alert()'>a</button>", "script-src"),
        ("<img src='https://example.com/a.png' alt=''>", "img-src"),
    ],
)
def test_csp_violation_is_seen(new_page, problems, tmp_path, body, text):
    """What the site's CSP forbids is recorded under the directive that forbids it."""
    page = new_page()
    page.goto(
        _write(tmp_path, body, f'<meta http-equiv="Content-Security-Policy" content="{CSP}">')
    )
    assert text in _taken(page, problems, "csp")


def test_absent_page_is_a_fault(new_page, problems, serve, tmp_path):
    """A link to nowhere on a file host is recorded with its status."""
    page = new_page()
    page.goto(serve(tmp_path) + "absent/index.html")
    assert _taken(page, problems, "request").endswith("absent/index.html 404")


def test_sound_page_has_no_fault(page, problems, tmp_path):
    """A page with no fault passes, so the checks above are no false alarm."""
    page.goto(_write(tmp_path, "<script>document.title = 'run'</script><img src='data:,' alt=''>"))
    assert page.title() == "run"
    assert not problems


def test_fault_that_stays_fails_the_test(run_tests):
    """A test whose page is at fault fails at its end, naming the fault."""
    result = run_tests("""
        def test_page(page, tmp_path):
            path = tmp_path / "index.html"
            path.write_text("<script>console.error('amiss')</script>")
            page.goto(path.as_uri())
    """)
    assert "1 passed, 1 error" in result
    assert "Problem(kind='console', text='amiss')" in result


def test_browser_leaves_event_loops_to_other_tests(run_tests):
    """A test after one with a browser, in the same process, can run an event loop."""
    result = run_tests("""
        import asyncio

        def test_page(page):
            page.goto("about:blank")

        def test_loop():
            assert asyncio.run(asyncio.sleep(0, "done")) == "done"

        def test_second_page(page):
            page.goto("about:blank")
    """)
    assert "3 passed" in result


def test_serve_keeps_to_its_sub_path(page, serve, tmp_path):
    """A folder is served under its sub-path and nowhere else."""
    _write(tmp_path, "")
    url = serve(tmp_path, "a/b")
    assert url.endswith("/a/b/")
    assert page.goto(url).status == 200
    assert page.request.get(url.removesuffix("a/b/") + "index.html").status == 404


def test_hosts_outlive_their_pages(run_tests, tmp_path):
    """A page that still loads when its test ends is closed before its host is."""
    answer = tmp_path / "answer"
    run_tests(f"""
        from pathlib import Path
        from urllib.request import urlopen

        def ask(url):
            Path({str(answer)!r}).write_text(str(urlopen(url).status))

        def test_page(page, serve, tmp_path):
            url = serve(tmp_path)
            page.on("close", lambda page: ask(url))
    """)
    assert answer.read_text() == "200"


def test_axe_finds_violations_in_spite_of_csp(page, axe, tmp_path):
    """A violation is named with its place on a page whose CSP forbids every script."""
    head = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'
    page.goto(_write(tmp_path, '<input id="nameless">', head))
    assert [line.split(" ")[0] for line in axe(page)] == ["label"]
    assert "#nameless" in axe(page)[0]


def test_axe_sees_each_look(page, axe, tmp_path):
    """What shows in the dark alone, or on a phone alone, is found in the looks that show it."""
    page.goto(
        _write(
            tmp_path,
            '<p id="pale">pale</p>',
            "<style>@media (prefers-color-scheme: dark) and (max-width: 500px) {"
            " #pale { color: #777; background: #888 } }</style>",
        )
    )
    wide, phone = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
    assert axe(page, looks=[("light", wide), ("dark", wide), ("light", phone)]) == []
    (line,) = axe(page, looks=[("light", wide), ("dark", phone)])
    assert line.startswith("color-contrast")


def test_axe_is_silent_on_a_sound_page(page, axe, tmp_path):
    """A page without violations gives an empty list."""
    page.goto(_write(tmp_path, "<p>Nothing amiss.</p>"))
    assert axe(page) == []


def test_axe_sees_what_prepare_opened(page, axe, tmp_path):
    """What opens only after a click is checked once `prepare` has opened it."""
    page.goto(_write(tmp_path, "<details><summary>More</summary><input></details>"))
    assert axe(page) == []
    assert axe(page, prepare=lambda twin: twin.get_by_text("More").click())
