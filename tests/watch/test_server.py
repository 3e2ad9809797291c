"""What the server of watch answers, and what it refuses."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.waiting import HANG_S, until
from tracksite.errors import StateError
from tracksite.watch.feed import Feed, News
from tracksite.watch.inject import inject
from tracksite.watch.server import Server, content_type, is_loopback_host, open_server

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self'">
<title>Home</title></head><body><p>Hello</p></body></html>
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Make a small site, with a secret beside it."""
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "site"
    artifacts = folder / "runs" / "1" / "artifacts"
    artifacts.mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "runs" / "1" / "index.html").write_text(PAGE)
    (folder / "data.js").write_text("tracksite.data('a', 1);")
    (artifacts / "evil.html").write_text("<html><head></head><script>alert(1)</script></html>")
    (folder / "out").symlink_to(tmp_path)
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    return folder


@pytest.fixture
def server(site: Path) -> Iterator[Server]:
    """Serve the site on a free port."""
    made = Server(site, Feed(), 0)
    thread = threading.Thread(target=made.serve_forever, args=(0.02,))
    thread.start()
    yield made
    made.feed.close()
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def ask(server: Server) -> Callable[..., http.client.HTTPResponse]:
    """Send one request, with its path and Host exactly as given; the body is in `.content`."""

    def send(path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=HANG_S)
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        answer.content = answer.read()
        connection.close()
        return answer

    return send


def test_pages_are_served_with_the_script_and_files_as_they_are(ask, site):
    """HTML gets watch's script and connect-src; other files, and every file on disk, do not."""
    page = ask("/")

    assert page.status == 200
    assert page.getheader("Content-Type") == "text/html; charset=utf-8"
    assert b'src="/-/watch.js"' in page.content
    assert b"script-src 'self'; connect-src 'self'\">" in page.content
    assert ask("/index.html").content == page.content == ask("/?x=1").content
    assert ask("/data.js").content == (site / "data.js").read_bytes()
    assert (site / "index.html").read_text() == PAGE


def test_own_files_are_served(ask):
    """The script, the style and the morphing library of watch come from the package."""
    assert ask("/-/watch.js").getheader("Content-Type") == "text/javascript; charset=utf-8"
    assert ask("/-/watch.css").status == 200
    assert b"Idiomorph" in ask("/-/idiomorph.min.js").content
    assert ask("/-/../secret.txt").status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/runs/../../secret.txt",
        "//secret.txt",
        "/..\\secret.txt",
        "/%00secret.txt",
        "/out/secret.txt",
        "/link.txt",
        "/" + "a" * 5000,
        "/-/nosuch",
    ],
)
def test_nothing_outside_the_site_is_served(ask, path):
    """No path, link or encoding leads out of the site's folder."""
    answer = ask(path)

    assert answer.status == 404
    assert b"secret" not in answer.content


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1:",
        "localhost.evil.example",
        "",
        "10.0.0.1",
    ],
)
def test_other_hosts_are_refused(ask, server, host):
    """A name that is not this machine's loopback gets no page: DNS rebinding finds nothing."""
    answer = ask("/", Host=host.format(port=server.port))

    assert answer.status == 421
    assert b"Hello" not in answer.content


@pytest.mark.parametrize(
    "host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "LOCALHOST", "localhost:9000"]
)
def test_loopback_hosts_are_answered(ask, server, host):
    """Every name of the loopback is fine."""
    assert ask("/", Host=host.format(port=server.port)).status == 200


@given(st.text(max_size=40))
def test_only_loopback_names_are_loopback(text):
    """No other text passes for a loopback Host."""
    assert not is_loopback_host(text)
    for name in ("localhost", "127.0.0.1", "[::1]"):
        assert is_loopback_host(f"{name}:8777")
        assert is_loopback_host(name + text) is bool(re.fullmatch("(:[0-9]{1,5})?", text))
        assert not is_loopback_host(f"x{name}")


def test_other_sites_may_not_load_our_data(ask):
    """Browsers keep the data scripts from other origins, and sniff no types."""
    answer = ask("/data.js")

    assert answer.getheader("Cross-Origin-Resource-Policy") == "same-origin"
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    assert answer.getheader("Access-Control-Allow-Origin") is None


def test_logged_files_run_in_no_origin_of_ours(ask):
    """HTML that a run logged is served in a sandbox and without watch's script."""
    answer = ask("/runs/1/artifacts/evil.html")

    assert answer.getheader("Content-Security-Policy") == "sandbox"
    assert b"watch.js" not in answer.content


def test_a_folder_leads_to_its_page(ask):
    """A folder without its slash is sent to the one with it, and only inside this server."""
    assert ask("/runs/1").getheader("Location") == "/runs/1/"
    assert ask("/runs/1/").status == 200
    assert ask("//runs/1").getheader("Location") == "/runs/1/"


def test_unchanged_files_are_not_sent_again(ask, server):
    """A browser that has the file gets 304; news changes the address of a page's content."""
    tag = ask("/").getheader("ETag")
    assert ask("/", If_None_Match=tag).status == 304
    server.feed.built(("index.html",))
    assert ask("/", If_None_Match=tag).status == 200


def test_head_has_no_body(ask):
    """HEAD has the headers of GET alone; other methods are refused."""
    assert ask("/", "HEAD").content == b""
    assert ask("/", "HEAD").getheader("Content-Length") == ask("/").getheader("Content-Length")
    assert ask("/", "POST").status == 501


def test_a_missing_page_still_listens(ask, server):
    """Where there is no page yet, a notice is shown that updates by itself, and says errors."""
    missing = ask("/nosuch/")
    assert missing.status == 404
    assert b"watch.js" in missing.content
    server.feed.failed("<b>broken</b>")
    assert b"&lt;b&gt;broken&lt;/b&gt;" in ask("/nosuch/").content


def test_events_tell_the_state_at_once_and_each_change(server):
    """A connection to /-/events gets the latest news, then every newer one."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=HANG_S)
    connection.request("GET", "/-/events")
    answer = connection.getresponse()
    assert answer.getheader("Content-Type") == "text/event-stream"

    def next_news():
        while True:
            line = answer.readline()
            if line.startswith(b"data: "):
                return json.loads(line.removeprefix(b"data: "))

    assert next_news()["epoch"] == 0
    server.feed.built(("index.html",))
    assert next_news() | {"session": ""} == {
        "session": "",
        "epoch": 1,
        "paths": ["index.html"],
        "error": None,
    }
    connection.close()


def test_many_connections_at_once(ask, server):
    """Forty open event streams do not keep a page from being served."""
    streams = [
        http.client.HTTPConnection("127.0.0.1", server.port, timeout=HANG_S) for _ in range(40)
    ]
    for stream in streams:
        stream.request("GET", "/-/events")

    assert ask("/").status == 200
    for stream in streams:
        stream.close()


def test_connections_are_bounded_and_come_free_again(ask, server, monkeypatch):
    """One connection too many is told so at once; when one of the others ends there is room."""
    monkeypatch.setattr(server, "_room", threading.BoundedSemaphore(3))
    streams = [http.client.HTTPConnection("127.0.0.1", server.port) for _ in range(3)]
    for stream in streams:
        stream.request("GET", "/-/events")
    answers = [stream.getresponse() for stream in streams]  # held: one that is let go ends
    assert [answer.status for answer in answers] == [200] * 3
    assert ask("/").status == 503
    server.feed.close()  # ends the streams
    until(lambda: ask("/").status == 200)
    for one in (*answers, *streams):
        one.close()


@pytest.mark.parametrize("name", [".git/config", ".env", "runs/.secret/x", "runs/1/.cache"])
def test_hidden_files_are_not_served(ask, site, name):
    """What somebody hides in the folder of a site is none of it."""
    (site / name).parent.mkdir(parents=True, exist_ok=True)
    (site / name).write_text("hidden")
    for path in (name, name.replace(".", "%2e"), f"./{name}"):
        answer = ask(f"/{path}")
        assert answer.status == 404
        assert b"hidden" not in answer.content


@pytest.mark.parametrize("second", ["evil.example", "localhost"])
def test_two_hosts_are_refused(server, second):
    """Of a request with two Hosts nobody knows which one counts: it gets no page."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=HANG_S)
    connection.putrequest("GET", "/", skip_host=True)
    connection.putheader("Host", "localhost")
    connection.putheader("Host", second)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 400
    assert b"Hello" not in answer.read()
    connection.close()


def test_a_taken_port_is_an_error_with_a_remedy(server, site):
    """--port with a taken port says so; without --port the next free one is found."""
    with pytest.raises(StateError, match="--port"):
        open_server(site, Feed(), server.port)
    first, second = open_server(site, Feed()), open_server(site, Feed())
    assert first.port != second.port
    first.server_close()
    second.server_close()


def test_injection_keeps_what_is_no_page():
    """A text without a head comes back as it is; the tags stand once, before the head's end."""
    assert inject("plain </body>", News()) == "plain </body>"
    page = inject(PAGE + "</head>", News(session="s", epoch=7))
    assert page.count("watch.js") == 1
    assert page.index('data-epoch="7"') < page.index("</head>")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.JS", "text/javascript; charset=utf-8"),
        ("a.parquet", "application/vnd.apache.parquet"),
        ("a.png", "image/png"),
        ("a.unheard-of", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_types_are_right(name, kind):
    """Each file is served under the type that browsers need for it."""
    assert content_type(name) == kind
