"""What is taken for a secret, and what is put in its place: pure functions of texts.

    names      which names say that their value is a secret
    forms      tokens that can be told by how they begin (`forms.json`)
    urls       user and password in a URL or in front of a host
    random     words that look drawn at random
    assigned   where a secret name stands in code, settings, headers and prose
    written    how its value is written there
    judged     whether that value is a secret
    spans      all of these over one text
    words      a command line, word by word
    files      files that hold keys and passwords, told by their names

Work and memory grow no faster than a text: every pattern is a literal, one class of characters, or
a sequence of a few of bounded length, and what has been looked at is not looked at again.
"""

from __future__ import annotations

from tracksite.masking.judged import MASK
from tracksite.masking.spans import Span, find, mask_named, mask_text
from tracksite.masking.words import mask_words

__all__ = ["MASK", "Span", "find", "mask_named", "mask_text", "mask_words"]
