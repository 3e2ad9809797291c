"""One module per kind of chart: a specification or SVG."""
