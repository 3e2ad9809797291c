"""Images of every mode that Pillow has, in every format that is written."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

import tracksite
from tracksite.errors import ArgumentError


def picture(mode):
    """Return a small orange Pillow image of a mode."""
    made = PIL.Image.new("RGB", (4, 4), "orange")
    if mode == "P":
        return made.quantize(2)
    return made.convert("LA").convert("La") if mode == "La" else made.convert(mode)


def pixel(run, name, mode="RGB"):
    """Return a pixel of an image of a run."""
    with PIL.Image.open(run.artifact_dir / name) as image:
        return (image.convert(mode) if mode else image).getpixel((1, 1))


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "gif", "bmp"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "La", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_an_image_of_any_mode_looks_as_it_did(mode, ending):
    """Whatever a format cannot hold is converted, never black and no error of Pillow's."""
    with tracksite.start_run() as run:
        tracksite.log_image(picture(mode), f"picture.{ending}")
    wanted = picture(mode).convert("LA" if mode == "La" else mode).convert("RGB")
    shown = pixel(run, f"picture.{ending}")
    assert np.abs(np.subtract(shown, wanted.getpixel((1, 1)))).max() < 12


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "gif", "bmp"])
def test_an_image_of_numbers_is_scaled_kept_or_refused(ending):
    """Floats are shades from 0 to 1; depths of 16 bits are kept where the format has them."""
    shades = PIL.Image.fromarray(np.full((4, 4), 0.5, np.float32))
    depths = PIL.Image.fromarray(np.full((4, 4), 60_000, np.uint16))
    with tracksite.start_run() as run:
        tracksite.log_image(shades, f"shades.{ending}")
        assert np.abs(np.subtract(pixel(run, f"shades.{ending}"), 128)).max() < 4
        if ending == "png":
            tracksite.log_image(depths, "depths.png")
            assert pixel(run, "depths.png", mode=None) == 60_000
        else:
            with pytest.raises(ArgumentError, match="scale"):
                tracksite.log_image(depths, f"depths.{ending}")


def test_what_is_transparent_is_white_in_a_jpeg():
    """A format without transparency shows what a white page would."""
    with tracksite.start_run() as run:
        tracksite.log_image(PIL.Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "clear.jpg")
    assert pixel(run, "clear.jpg") == (255, 255, 255)


def test_an_image_that_a_format_cannot_hold_is_refused():
    """What Pillow raises becomes the sentence that says what to do."""
    with tracksite.start_run():
        for image in (PIL.Image.new("RGB", (0, 0)), PIL.Image.new("RGB", (20_000, 1))):
            with pytest.raises(ArgumentError, match="cannot be written"):
                tracksite.log_image(image, "picture.webp")
