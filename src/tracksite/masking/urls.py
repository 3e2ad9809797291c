"""User and password in front of a host: `https://me:secret@host`, `me:secret@host:5432`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST, _LONGEST_USER = 512, 256
_AUTHORITY = re.compile(rf"[^/\s?#\"'<>`\\]{{0,{_LONGEST}}}")
_TO_AT = re.compile(rf"[^\s\"'<>`@]{{0,{_LONGEST}}}@")
_PORT = re.compile(r"[0-9]{0,5}\Z")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,253}(?P<more>[:/])?")
_NO_USERS = frozenset(
    "mailto acct xmpp sip sips from to cc bcc by email e-mail mail contact author git".split()
)


def userinfo(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each user with password, or token, in front of a host."""
    at = text.find("://")
    while at >= 0:
        begun = at + 3
        end = _with_scheme(text, begun)
        if end > begun:
            yield begun, end
        at = text.find("://", max(end, begun))
    at = text.find("@")
    while at >= 0:
        begun = _without_scheme(text, at)
        if begun < at:
            yield begun, at
        at = text.find("@", at + 1)


def _with_scheme(text: str, begun: int) -> int:
    """Return where the user's part ends that begins here; `begun` itself if there is none."""
    match = _AUTHORITY.match(text, begun)
    authority = match.group() if match else ""
    if "@" in authority:
        return begun + authority.rindex("@")
    user, colon, rest = authority.partition(":")
    if not (colon and user) or _PORT.match(rest):
        return begun
    beyond = _TO_AT.match(text, begun)  # a password that holds a "/", "?" or "#"
    return beyond.end() - 1 if beyond else begun


def _without_scheme(text: str, at: int) -> int:
    """Return where `user:password` begins that ends before the "@" here; `at` if it is none."""
    if text.rfind(":", max(0, at - _LONGEST_USER), at) < 0:
        return at
    window = text[max(0, at - _LONGEST_USER) : at]
    for sign in "\n\r\t \"'<>`/@\\,;()[]{}=":
        window = window[window.rfind(sign) + 1 :]
    user, colon, password = window.partition(":")
    host = _HOST.match(text, at + 1)
    if not (user and colon and password and host) or user.lower() in _NO_USERS:
        return at
    if host.group().startswith(("sha256", "sha512")):  # an image by its digest
        return at
    plain = password.isalpha() and not host["more"]
    return at if plain else at - len(window)
