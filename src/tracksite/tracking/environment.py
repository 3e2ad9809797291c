"""The machine and the packages that a run uses, as {key: text}."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tracksite.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

GPU_TIMEOUT_S = 3.0


@functools.cache
def machine() -> dict[str, str]:
    """Return python, os, cpu, cpu_count, memory_bytes and gpu, as far as they are known."""
    found = {
        "python": platform.python_version(),
        "python_implementation": platform.python_implementation(),
        "os": platform.platform(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cpu_count": str(os.cpu_count() or ""),
        "memory_bytes": _memory_bytes(),
        "gpu": _gpu(),
    }
    return {key: text for key, text in found.items() if text}


def packages() -> dict[str, str]:
    """Return `package:<name>` -> version of every distribution that is imported so far.

    Packages that are installed but not imported take no part in a run and are left out.
    """
    return dict(_packages(tuple(sys.modules)))


@functools.lru_cache(1)  # most runs of a process find the same modules as the one before
def _packages(modules: tuple[str, ...]) -> dict[str, str]:
    imported = {name.partition(".")[0] for name in modules}
    found = {**versions(imported), "tracksite": __version__}  # an editable one names no modules
    return {f"package:{name}": version for name, version in found.items()}


def versions(modules: Iterable[str]) -> dict[str, str]:
    """Return distribution -> version of what brings these top-level modules, sorted."""
    known = _distributions()
    names = sorted({name for module in modules for name in known.get(module, ())})
    return {name: version for name in names if (version := _version(name))}


@functools.cache
def _distributions() -> dict[str, tuple[str, ...]]:
    """Return module -> distributions that bring it, but for modules of the standard library."""
    import importlib.metadata

    try:
        found = importlib.metadata.packages_distributions()
    except (OSError, ValueError):  # one damaged installation costs only this list
        return {}
    return {
        module: tuple(sorted(set(names)))
        for module, names in found.items()
        if module not in sys.stdlib_module_names
    }


@functools.cache
def _version(name: str) -> str:
    import importlib.metadata

    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _cpu() -> str:
    """Return the processor's name."""
    try:
        text = Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return platform.processor()
    for line in text.splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _memory_bytes() -> str:
    try:
        return str(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return ""


def _gpu() -> str:
    """Return the names of the NVIDIA GPUs, as the driver's own tool gives them."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=GPU_TIMEOUT_S,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return "; ".join(line.strip() for line in done.stdout.splitlines() if line.strip())
