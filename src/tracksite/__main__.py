"""`python -m tracksite` is `tracksite`."""

from __future__ import annotations

from tracksite.cli import main

if __name__ == "__main__":
    main()
