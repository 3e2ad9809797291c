"""Figures as files: one line in FIGURES per plotting library."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tracksite.tracking.kinds import Figure


def figure_bytes(figure: Figure, suffix: str, options: Mapping[str, Any]) -> bytes:
    """Return a figure as the bytes of a file of the kind that `suffix` names.

    Args:
        figure: of matplotlib, plotly or Altair.
        suffix: ending of the file's name without its dot, in lower case.
        options: passed on to the library's own function.

    Raises:
        ArgumentError: a figure of another library, or one that cannot be written so.
    """
    write = next((FIGURES[name] for name in _origins(figure) if name in FIGURES), None)
    if write is None:
        raise ArgumentError(
            f"log_figure() got a value of type {type(figure).__module__}.{type(figure).__name__}: "
            f"pass a figure of {', '.join(FIGURES)}."
        )
    if not suffix:
        raise ArgumentError("a figure's name needs an ending that says its format, such as .png.")
    try:
        return write(figure, suffix, options)
    except ArgumentError:
        raise
    except Exception as error:  # the libraries raise many kinds, of their own and plain ones
        raise ArgumentError(
            f"log_figure() could not write this {type(figure).__name__} as {suffix!r} "
            f"({_first_line(error)}): correct the figure or save_kwargs."
        ) from error


def _origins(figure: Figure) -> list[str]:
    return [parent.__module__.partition(".")[0] for parent in type(figure).__mro__]


def _matplotlib(figure: Figure, suffix: str, options: Mapping[str, Any]) -> bytes:
    """Write a figure, or the figure that some axes are in; the same figure, the same bytes."""
    figure = getattr(figure, "figure", None) or figure
    known: Mapping[str, str] = getattr(
        getattr(figure, "canvas", None), "get_supported_filetypes", dict
    )()
    if suffix not in known:
        raise ArgumentError(
            f"matplotlib does not write {suffix!r} from a {type(figure).__name__}: "
            f"pass a Figure, and let the name end in one of {', '.join(sorted(known)) or 'png'}."
        )
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(suffix)
    file = io.BytesIO()
    figure.savefig(file, **{"format": suffix, "metadata": undated, **options})
    return file.getvalue()


def _plotly(figure: Figure, suffix: str, options: Mapping[str, Any]) -> bytes:
    """Write HTML that needs no network, JSON, or an image where kaleido is installed."""
    if suffix in {"html", "htm"}:
        return str(figure.to_html(**options)).encode()
    if suffix == "json":
        return str(figure.to_json(**options)).encode()
    try:
        return bytes(figure.to_image(format=suffix, **options))
    except Exception as error:  # plotly and kaleido raise many kinds, plain ones among them
        raise ArgumentError(
            f"plotly could not write {suffix!r} ({_first_line(error)}): "
            "pip install kaleido, or let the name end in .html or .json."
        ) from error


def _altair(figure: Figure, suffix: str, options: Mapping[str, Any]) -> bytes:
    """Write the Vega-Lite specification, HTML, or an image where vl-convert is installed."""
    if suffix == "json":
        return str(figure.to_json(**options)).encode()
    if suffix in {"html", "htm"}:
        return str(figure.to_html(**options)).encode()
    file = io.BytesIO()
    try:
        figure.save(file, format=suffix, **options)
    except Exception as error:  # altair raises many kinds, plain ones among them
        raise ArgumentError(
            f"altair could not write {suffix!r} ({_first_line(error)}): "
            "pip install vl-convert-python, or let the name end in .json or .html."
        ) from error
    return file.getvalue()


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), repr(error))


FIGURES: dict[str, Callable[[Any, str, Mapping[str, Any]], bytes]] = {
    "matplotlib": _matplotlib,
    "plotly": _plotly,
    "altair": _altair,
}
