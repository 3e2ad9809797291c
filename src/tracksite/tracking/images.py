"""Images as files, written by Pillow."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from tracksite.errors import ArgumentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as Picture

    from tracksite.tracking.kinds import Image

FORMATS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP", "gif": "GIF", "bmp": "BMP"}
_CHANNELS = (1, 3, 4)
_OPAQUE = {"jpg", "jpeg"}
_SHADES, _DEEP_SHADES = 1 << 8, 1 << 16
_NUMBERS = {"F", "I", "I;16", "I;16L", "I;16B", "I;16N"}  # modes whose values are no shades yet


def image_bytes(image: Image, suffix: str) -> bytes:
    """Return an image as the bytes of a file.

    Args:
        image: a Pillow image or an array as `ActiveRun.log_image` takes it.
        suffix: a key of FORMATS.

    Raises:
        ArgumentError: another ending, no image, or Pillow is not installed.
    """
    if suffix not in FORMATS:
        raise ArgumentError(
            f"an image cannot be written as {suffix!r}: let the name end in "
            f"{', '.join(f'.{known}' for known in FORMATS)}."
        )
    try:
        from PIL import Image
    except ImportError:
        raise ArgumentError(
            "log_image() needs Pillow, which is not installed: pip install pillow."
        ) from None
    is_picture = isinstance(image, Image.Image)
    file = io.BytesIO()
    try:
        picture = _plain(image, suffix) if is_picture else Image.fromarray(pixels(image))
        _fitting(picture, suffix).save(file, format=FORMATS[suffix])
    except ArgumentError:
        raise
    except Exception as error:  # Pillow raises many kinds, plain ones among them
        kind = (
            f"an image of mode {image.mode} and size {image.size}" if is_picture else "this image"
        )
        raise ArgumentError(
            f"{kind} cannot be written as {suffix!r} ({error}): convert it to RGB, or let the "
            "name end in .png."
        ) from error
    return file.getvalue()


def _plain(picture: Picture, suffix: str) -> Picture:
    """Return an image in a mode that is one of screens: bits, grey or colours of 8 bits each.

    Depth maps of 16 bits stay as they are where the format keeps them.
    """
    mode = picture.mode
    if mode in {"1", "L", "LA", "P", "RGB", "RGBA"}:
        return picture
    if mode in _NUMBERS:
        return _of_numbers(picture, suffix)
    return picture.convert({"La": "LA", "PA": "RGBA", "RGBa": "RGBA"}.get(mode, "RGB"))


def _of_numbers(picture: Picture, suffix: str) -> Picture:
    import numpy as np
    from PIL import Image

    numbers = np.asarray(picture)
    deep = numbers.dtype.kind in "iu" and suffix == "png" and numbers.size > 0
    if deep and numbers.min() >= 0 and _SHADES <= numbers.max() < _DEEP_SHADES:
        return Image.fromarray(numbers.astype(np.uint16))
    shades = Image.fromarray(pixels(numbers))
    return shades.convert("RGB") if suffix in _OPAQUE else shades


def _fitting(picture: Picture, suffix: str) -> Picture:
    """Return an image in a mode that a format has; where it has no transparency, over white."""
    from PIL import Image

    if suffix in {"gif", "bmp"} and picture.mode == "LA":
        return picture.convert("RGBA")
    if suffix not in _OPAQUE or picture.mode in {"L", "RGB"}:
        return picture
    if picture.has_transparency_data:
        seen = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")
    return picture.convert("RGB")


def pixels(image: Image) -> NDArray[np.uint8]:
    """Return an array as uint8 pixels of shape (height, width) or (height, width, 3 or 4).

    Floats are taken as 0..1 and scaled to 0..255; integers and bools likewise must be in range.

    Raises:
        ArgumentError: another shape or type, or values out of range.
    """
    import numpy as np

    try:
        array = np.asarray(image)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError(f"this image makes no array ({error}): pass one.") from None
    channels = array.shape[2] if array.ndim == 3 else 1  # noqa: PLR2004 - height, width, channels
    if array.ndim not in {2, 3} or channels not in _CHANNELS or 0 in array.shape:
        raise ArgumentError(
            f"an image of shape {array.shape} is not understood: pass (height, width) or "
            "(height, width, channels) with 1, 3 or 4 channels."
        )
    if array.ndim == 3 and channels == 1:  # noqa: PLR2004
        array = array[:, :, 0]
    if array.dtype.kind not in "fiub":
        raise ArgumentError(f"an image of type {array.dtype} is not understood: pass numbers.")
    limit = 255 if array.dtype.kind in "iu" else 1
    if not (array.min() >= 0 and array.max() <= limit):  # also false for NaN
        raise ArgumentError(
            f"an image of {array.dtype} has values from {array.min()} to {array.max()}: "
            f"scale them to 0..{limit}."
        )
    scaled = array if limit > 1 else np.rint(array.astype(np.float64) * 255)
    return np.ascontiguousarray(scaled, dtype=np.uint8)
