"""A real sweep to look at: what `tracksite demo` trains, logs and builds.

digits.py    the data set that both experiments learn from
forest.py    a grid of random forests, each setting with several seeds, in one parent run
network.py   learning curves of small neural networks, some of which diverge
figures.py   the pictures that they log
sweep.py     all of it, and the site

The modules use tracksite as training code does, by `import tracksite`: they are also examples.
"""

from __future__ import annotations

from tracksite.demo.sweep import DemoResult, run

__all__ = ["DemoResult", "run"]
