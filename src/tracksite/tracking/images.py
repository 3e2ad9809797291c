"""Images as files, written by Pillow."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from tracksite.errors import ArgumentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tracksite.tracking.kinds import Image

FORMATS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP", "gif": "GIF", "bmp": "BMP"}
_CHANNELS = (1, 3, 4)


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
    picture = image if isinstance(image, Image.Image) else Image.fromarray(pixels(image))
    if suffix in {"jpg", "jpeg"} and picture.mode not in {"L", "RGB"}:
        picture = picture.convert("RGB")
    file = io.BytesIO()
    picture.save(file, format=FORMATS[suffix])
    return file.getvalue()


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
