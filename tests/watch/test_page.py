"""What happens on an open page when the site changes, in Chromium."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser import fault, still
from tracksite.watch.feed import Feed

BODY = """<main><p id="count">{count}</p><p id="drawn" data-keep></p>
<input id="filter" value="all"><details id="more"><summary>More</summary>text</details>
<button id="button">Button</button>{rows}</main>"""

WHERE = "document.getElementById('row-60').getBoundingClientRect().top"  # on the screen


def body(count, rows=200):
    """Return a long page that says `count`."""
    return BODY.format(count=count, rows="".join(f'<p id="row-{n}">{n}</p>' for n in range(rows)))


def opened(live, page, count=1):
    """Open the page and wait until it listens."""
    live.page(body(count))
    page.goto(live.url)
    page.wait_for_function("() => navigator.locks.query().then(state => state.held.length > 0)")
    return page


def test_a_page_updates_in_place_and_keeps_what_the_person_did(live, page):
    """New content comes in while scroll, filter, focus, caret, opened details and hash stay."""
    opened(live, page)
    page.evaluate("window.mark = 'same page'; location.hash = 'lr'")
    page.fill("#filter", "f1 > 0.9")
    page.locator("#more").evaluate("node => node.open = true")
    page.focus("#filter")
    page.evaluate("document.getElementById('filter').setSelectionRange(2, 4); scrollTo(0, 1500)")
    seen = page.evaluate(WHERE)

    live.page(body(2, rows=210), title="Newer")
    live.feed.built(("index.html",))

    expect(page.locator("#count")).to_have_text("2")
    assert page.evaluate("[window.mark, location.hash, document.title]") == [
        "same page",
        "#lr",
        "Newer",
    ]
    still(page)
    assert page.evaluate(WHERE) == seen
    assert page.input_value("#filter") == "f1 > 0.9"
    assert page.evaluate(
        "[document.activeElement.id, document.activeElement.selectionStart, "
        "document.getElementById('more').open]"
    ) == ["filter", 2, True]
    assert page.locator("#row-209").count() == 1


def test_focus_stays_on_a_button(live, page):
    """The focused element keeps the focus even when content appears before it."""
    opened(live, page)
    page.focus("#button")

    live.page("<h1>New</h1>" + body(2))
    live.feed.built(("index.html",))

    page.wait_for_selector("h1")
    assert page.evaluate("document.activeElement.id") == "button"


def test_data_scripts_come_again_and_the_page_draws_them(live, page):
    """A data script that changed is loaded again, and `tracksite:update` names the files."""
    opened(live, page)
    assert page.evaluate("told.standing") == 1

    for value in (2, 3):
        live.write("standing.js", f"tracksite.data('standing', {value});")
        live.feed.built(("standing.js",))
        expect(page.locator("#drawn")).to_have_text(str(value))

    assert page.evaluate("updates") == [["standing.js"], ["standing.js"]]
    assert page.locator("script[src*='standing.js']").count() == 1


def test_other_pages_leave_a_page_alone(live, page):
    """A page is not asked for again when a build wrote other pages and its data alone."""
    opened(live, page)
    requests = []
    page.on("request", lambda request: requests.append(request.url))

    live.write("standing.js", "tracksite.data('standing', 9);")
    live.feed.built(("runs/1/index.html", "standing.js"))

    expect(page.locator("#drawn")).to_have_text("9")
    assert not [url for url in requests if url == live.url]


def test_what_a_script_owns_is_left_alone(live, page):
    """Elements with data-keep stay as the page's script made them, also ones that it added."""
    opened(live, page)
    page.evaluate("""() => {
        document.getElementById('drawn').innerHTML = '<b id="mine">mine</b>';
        const added = document.createElement('aside');
        added.setAttribute('data-keep', '');
        document.body.append(added);
    }""")

    live.page(body(2))
    live.feed.built(("index.html",))

    expect(page.locator("#count")).to_have_text("2")
    assert page.locator("aside").count() == 1


def test_changed_code_reloads_the_page(live, page):
    """An asset that changed cannot be morphed in: the page loads again."""
    opened(live, page)
    page.evaluate("window.mark = 'old page'")

    live.page(body(2), app=2)
    live.feed.built(("index.html", "assets/app.js"))

    page.wait_for_function("() => window.mark === undefined && document.readyState === 'complete'")
    assert page.text_content("#count") == "2"


def test_new_code_is_added_without_a_reload(live, page):
    """A script and a style sheet that a page did not need before are loaded into it as it is."""
    opened(live, page)
    page.evaluate("window.mark = 'same page'")
    live.write("assets/extra.js", "window.extra = document.currentScript.dataset.base;")
    live.write("assets/extra.css", "#count { letter-spacing: 7px; }")

    live.page(body(2))
    text = (live.folder / "index.html").read_text()
    tags = (
        '<link rel="stylesheet" href="/assets/extra.css?v=1">'
        '<script defer src="/assets/extra.js?v=1" data-base="x"></script></head>'
    )
    live.write("index.html", text.replace("</head>", tags))
    live.feed.built(("index.html", "assets/extra.js", "assets/extra.css"))

    expect(page.locator("#count")).to_have_text("2")  # what they are for comes after them
    assert page.evaluate("[window.mark, window.extra]") == ["same page", "x"]
    expect(page.locator("#count")).to_have_css("letter-spacing", "7px")


def test_a_failed_build_shows_and_goes(live, page):
    """The error stands on the page as text, the old site stays, and the next build clears it."""
    opened(live, page)

    live.feed.failed("<img src=x> lr is wrong.")

    banner = page.get_by_role("alert")
    banner.wait_for()
    assert "<img src=x> lr is wrong." in banner.text_content()
    assert page.text_content("#count") == "1"
    live.page(body(2))
    live.feed.built(("index.html",))
    banner.wait_for(state="detached")
    expect(page.locator("#count")).to_have_text("2")


def test_a_page_that_went_says_so(live, page, problems):
    """When its run is deleted, an open page says so and links home; later it may come back."""
    opened(live, page)
    (live.folder / "index.html").unlink()
    live.feed.built(("index.html",))

    banner = page.get_by_role("alert")
    banner.wait_for()
    assert "no longer part of the site" in banner.text_content()
    assert fault(page, problems).text.endswith("404")
    live.page(body(2))
    live.feed.built(("index.html",))
    banner.wait_for(state="detached")
    expect(page.locator("#count")).to_have_text("2")


def test_a_notice_becomes_the_page(live, page, problems):
    """A page that is opened before it is built shows itself as soon as it is."""
    page.goto(live.url + "runs/1/")
    page.wait_for_function("() => navigator.locks.query().then(state => state.held.length > 0)")
    assert fault(page, problems).text.endswith("404")

    live.page(body(1))
    live.write("runs/1/index.html", (live.folder / "index.html").read_text())
    live.feed.built(("runs/1/index.html",))

    page.wait_for_selector("#count")


def test_a_stopped_watch_is_told_and_a_new_one_taken_up(live, page, problems):
    """Pages say that the watch has stopped, and catch up when another one serves the same place."""
    opened(live, page)
    live.stop()
    page.get_by_role("alert").wait_for()
    assert "has stopped" in page.get_by_role("alert").text_content()

    live.page(body(5))
    live.feed = Feed()
    live.start()

    expect(page.locator("#count")).to_have_text("5")
    page.get_by_role("alert").wait_for(state="detached")
    problems.clear()  # the refused connections meanwhile


def test_twelve_tabs_update_through_one_connection(live, page):
    """All of twelve tabs update, though a browser opens only six connections to a server."""
    pages = [opened(live, page), *(page.context.new_page() for _ in range(11))]
    for tab in pages[1:]:
        tab.goto(live.url)

    live.page(body(2))
    live.feed.built(("index.html",))

    for tab in pages:
        expect(tab.locator("#count")).to_have_text("2")
    pages[0].close()  # it led: another tab takes over
    live.page(body(3))
    live.feed.built(("index.html",))
    for tab in pages[1:]:
        expect(tab.locator("#count")).to_have_text("3")
