"""Words and files that people logged, as pages show them: Markdown, figures of plotly."""

from __future__ import annotations

import pytest

import tracksite
from tests.site.stores import log
from tracksite import paths, site
from tracksite.pages import notes, plotly

MARKDOWN = (
    "# The *sweep* of `lr`\n\nSee [notes](https://example.org), <b>not</b>:\n\n* one\n* two\n"
)
HTML = "<html><script>Plotly.newPlot('a', [])</script></html>"
JSON = '{"data":[{"x":[1],"y":[2],"type":"scatter"}],"layout":{"template":{}}}'


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A site of one experiment with a description and a run with figures; folder and run id."""
    root = tmp_path_factory.mktemp("words")
    log(root / "runs")
    tracksite.set_experiment("sweep", description=MARKDOWN)
    with tracksite.start_run() as run:
        tracksite.log_text(HTML, "plot.html")
        tracksite.log_text(JSON, "plot.json")
        tracksite.log_text("plain", "notes.txt")
    assert not site.build(root / "runs", root / "site").problems
    return root / "site", run.run_id


def test_the_description_of_an_experiment_is_markdown(built):
    """Its page renders it as notes of runs are, HTML in it stays text; its card has plain words."""
    page = (built[0] / paths.experiment_page("sweep")).read_text()
    assert "<h3>The <em>sweep</em> of <code>lr</code></h3>" in page
    assert "<li>one</li>" in page
    assert "&lt;b&gt;not&lt;/b&gt;" in page
    assert "The sweep of lr</p>" in (built[0] / paths.HOME).read_text()


@pytest.mark.parametrize(
    ("markdown", "line"),
    [
        ("", ""),
        (None, ""),
        ("\n\n* **one** [two](x)\n* three", "one two"),
        ("a  \nb", "a"),
        ("```\ncode\n```\nafter", "after"),
    ],
)
def test_the_first_line_of_markdown_is_plain_text(markdown, line):
    """Marks of Markdown are left out, whatever comes first."""
    assert notes.first_line(markdown) == line


def test_figures_of_plotly_are_downloads_with_a_word(built):
    """No script of theirs is shown as text; the link gives the file its own name back."""
    page = (built[0] / paths.run_page(built[1])).read_text()
    assert "newPlot" not in page
    assert "scatter" not in page
    assert page.count(plotly.NOTE) == 2
    assert 'download="plot.html"' in page
    assert "plain</code>" in page


def test_other_files_are_no_figures_of_plotly():
    """A table, settings and a page of somebody's own are shown as before."""
    assert not plotly.is_figure(b'{"data": [[1, 2]], "columns": ["a", "b"]}', "json")
    assert not plotly.is_figure(b'{"data": [{"type": 1}]}', "json")
    assert not plotly.is_figure(b"<p>plotly</p>", "html")
    assert not plotly.is_figure(HTML.encode(), "txt")
