"""Figures of each library, in the formats that it writes."""

from __future__ import annotations

import json

import pytest

import tracksite
from tracksite.errors import ArgumentError
from tracksite.tracking.figures import FIGURES, figure_bytes


def matplotlib():
    """A line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 3, 2])
    return figure


def plotly():
    """A line."""
    import plotly.graph_objects as go

    return go.Figure(go.Scatter(y=[1, 3, 2]))


def altair():
    """A line."""
    import altair as alt
    import polars as pl

    return alt.Chart(pl.DataFrame({"x": [1, 2], "y": [3, 4]})).mark_line().encode(x="x", y="y")


MADE = {"matplotlib": matplotlib, "plotly": plotly, "altair": altair}
STARTS = {
    ("matplotlib", "png"): b"\x89PNG",
    ("matplotlib", "svg"): b"<?xml",
    ("matplotlib", "pdf"): b"%PDF",
    ("matplotlib", "jpg"): b"\xff\xd8",
    ("plotly", "html"): b"<!doctype html>",
    ("plotly", "json"): b"{",
    ("altair", "json"): b"{",
    ("altair", "html"): b"<!DOCTYPE html>",
}


def test_every_library_of_the_table_is_tested():
    """A library in FIGURES has a figure here and at least one format."""
    assert set(FIGURES) == set(MADE) == {library for library, _ in STARTS}


@pytest.mark.parametrize(("library", "suffix"), STARTS)
def test_the_ending_chooses_the_format(library, suffix):
    """Each figure is written in the format of the name's ending, as a file of the run."""
    with tracksite.start_run() as run:
        tracksite.log_figure(MADE[library](), f"plots/x.{suffix}")
    (file,) = tracksite.list_artifacts(run.run_id, "plots")
    path = tracksite.download_artifacts(run_id=run.run_id, artifact_path=file.path)
    with open(path, "rb") as content:  # noqa: PTH123 - what a user writes
        assert content.read(64).startswith(STARTS[library, suffix])


def test_a_figure_has_the_same_bytes_each_time():
    """SVG and PDF carry no date, so that the same figure has the same digest."""
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "x"}):
        figure = matplotlib()
        for suffix in ("svg", "pdf", "png"):
            assert figure_bytes(figure, suffix, {}) == figure_bytes(figure, suffix, {})


def test_axes_stand_for_their_figure_and_options_reach_the_library():
    """Matplotlib axes, which pandas returns, are taken too; save_kwargs change what is written."""
    figure = matplotlib()
    small = figure_bytes(figure.axes[0], "png", {"dpi": 20})
    large = figure_bytes(figure, "png", {"dpi": 200})
    assert int.from_bytes(small[16:20]) * 10 == int.from_bytes(large[16:20])


def test_specifications_are_whole():
    """The JSON of Altair and plotly is what their own readers take back."""
    spec = json.loads(figure_bytes(altair(), "json", {}))
    assert spec["$schema"].startswith("https://vega.github.io/schema/vega-lite/")
    assert json.loads(figure_bytes(plotly(), "json", {}))["data"][0]["type"] == "scatter"


def test_plotly_html_needs_no_network():
    """A plotly page has the library inside: no script is loaded from elsewhere."""
    assert b"<script src=" not in figure_bytes(plotly(), "html", {})


@pytest.mark.parametrize(
    ("figure", "suffix", "why"),
    [
        (object(), "png", "matplotlib, plotly, altair"),
        ("text", "png", "matplotlib, plotly, altair"),
        (matplotlib(), "html", "matplotlib does not write 'html'"),
        (matplotlib(), "", "ending"),
        (plotly(), "xyz", "kaleido"),
        (altair(), "xyz", "vl-convert"),
    ],
)
def test_what_cannot_be_written_is_refused_with_the_remedy(figure, suffix, why):
    """No figure, no ending, or a format that the library cannot write: the message says more."""
    with pytest.raises(ArgumentError, match=why):
        figure_bytes(figure, suffix, {})
