"""Wake when the store changes, let the changes settle, build, and tell the open pages.

settle.py   when a build is due: pure
feed.py     what the open pages have to know, handed to every connection that waits for it
inject.py   what is added to a page while it is served: pure
server.py   the loopback HTTP server
session.py  `watch`: all of it together, until it is told to stop
"""

from __future__ import annotations
