"""Printed pages for the tests: PDF to pictures, with poppler."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from PIL import Image

RESOLUTION = 60  # dots per inch: enough to see that there is ink, and of which colour


def sheets(pdf: bytes, folder: Path) -> list[Image.Image]:
    """Return a picture of each sheet; skips the test where there is no poppler."""
    if not shutil.which("pdftoppm"):
        pytest.skip("there is no pdftoppm: apt install poppler-utils")
    folder = Path(tempfile.mkdtemp(dir=folder))
    path, prefix = folder / "printed.pdf", folder / "sheet"
    path.write_bytes(pdf)
    subprocess.run(["pdftoppm", "-r", str(RESOLUTION), "-png", path, prefix], check=True)
    return [
        Image.open(io.BytesIO(it.read_bytes())).convert("RGB")
        for it in sorted(folder.glob("sheet-*.png"))
    ]


def share_of(colour: tuple[int, int, int], sheets: list[Image.Image], near: int = 40) -> float:
    """Return the share of all pixels that are about of a colour."""
    found = total = 0
    for sheet in sheets:
        for count, pixel in sheet.getcolors(sheet.width * sheet.height):
            total += count
            if max(abs(one - other) for one, other in zip(pixel, colour, strict=True)) <= near:
                found += count
    return found / total


def ink(sheets: list[Image.Image]) -> int:
    """Return how many pixels are darker than a light grey."""
    return sum(sum(sheet.convert("L").histogram()[:200]) for sheet in sheets)
