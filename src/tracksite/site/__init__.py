"""Store → site: plan, make what changed, publish it. The only writer of a site's files.

building.py    `build`: the order of all this
plan.py        which files there are, and which of them are stale
making.py      one page → its bytes; whatever goes wrong costs that page alone
sharing.py     pages made by the workers of an executor
output.py      files: set aside while they are made, then put into place
manifest.py    `build.json`: what the last build wrote
report.py      what a build tells of itself
"""

from __future__ import annotations

from tracksite.site.building import build
from tracksite.site.report import BuildReport
from tracksite.site.sharing import processes

__all__ = ["BuildReport", "build", "processes"]
