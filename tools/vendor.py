"""Fetch the JavaScript libraries that the site ships, and record what they are.

Run by a maintainer (`make vendor`), never by a user: it needs npm and the network. Writes
the files, one licence file for each library, and vendor.json beside them, which a test checks.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "templates" / "assets" / "vendor"

# Dependencies that only a library's command-line tool uses: they are in no browser build.
COMMAND_LINE_ONLY = {"commander", "iconv-lite", "rw", "yargs"}


@dataclass(frozen=True)
class Library:
    """One npm package, and which of its files the site loads (classic scripts only)."""

    name: str
    version: str
    exposes: str
    files: tuple[str, ...]


LIBRARIES = (
    Library("vega", "6.4.0", "vega", ("build/vega.min.js",)),
    # The minor must be the one that Altair's schema names.
    Library("vega-lite", "6.4.3", "vegaLite", ("build/vega-lite.min.js",)),
    Library("vega-embed", "7.3.0", "vegaEmbed", ("build/vega-embed.min.js",)),
    Library("uplot", "1.6.32", "uPlot", ("dist/uPlot.iife.min.js", "dist/uPlot.min.css")),
    Library("idiomorph", "0.8.0", "Idiomorph", ("dist/idiomorph.min.js",)),
)


def install(folder: Path) -> dict[str, str]:
    """Install every library into `folder`; the digest that npm checked, by package name."""
    wanted = [f"{library.name}@{library.version}" for library in LIBRARIES]
    flags = ["--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(["npm", "install", *flags, *wanted], cwd=folder, check=True)
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    return {
        library.name: packages[f"node_modules/{library.name}"]["integrity"] for library in LIBRARIES
    }


def bundled(modules: Path, name: str, seen: dict[str, dict[str, object]]) -> None:
    """Add to `seen` the package.json of `name` and of all that its browser build may contain."""
    package = json.loads((modules / name / "package.json").read_text())
    seen[name] = package
    # The browser builds leave the sibling libraries out: they are scripts of their own.
    outside = dict.fromkeys((*COMMAND_LINE_ONLY, *(library.name for library in LIBRARIES)))
    for dependency in package.get("dependencies", {}):
        if dependency not in seen | outside and not dependency.startswith("@types/"):
            bundled(modules, dependency, seen)


def licence_text(modules: Path, name: str) -> str:
    """The licence of one installed package, as its authors wrote it."""
    for path in sorted((modules / name).iterdir()):
        if path.name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "UNLICENSE")):
            return path.read_text().strip()
    message = f"{name} ships no licence file: find its licence and say here where it stands"
    raise FileNotFoundError(message)


def licences(modules: Path, library: Library) -> str:
    """The licences of a library and of what is bundled in it; each text stands there once."""
    packages: dict[str, dict[str, object]] = {}
    bundled(modules, library.name, packages)
    holders: dict[str, list[str]] = {}
    for name, package in packages.items():
        text = licence_text(modules, name)
        holders.setdefault(text, []).append(f"{name} ({package['license']})")
    return "\n\n".join(f"{', '.join(names)}\n{'=' * 79}\n{text}" for text, names in holders.items())


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def vendor(modules: Path, library: Library, integrity: str) -> list[dict[str, str]]:
    """Copy one library's files and licence into the vendor folder; their rows of vendor.json."""
    package = json.loads((modules / library.name / "package.json").read_text())
    licence = VENDOR / f"{library.name}.LICENSE.txt"
    licence.write_text(licences(modules, library) + "\n")
    rows = []
    for source in library.files:
        target = VENDOR / Path(source).name
        target.write_bytes((modules / library.name / source).read_bytes())
        rows.append({
            "name": library.name,
            "version": package["version"],
            "file": target.name,
            "sha256": sha256(target),
            "exposes": library.exposes,
            "license": package["license"],
            "license_file": licence.name,
            "license_sha256": sha256(licence),
            "npm_file": source,
            "npm_integrity": integrity,
        })  # fmt: skip
    return rows


def main() -> None:
    """Replace the vendor folder by what LIBRARIES names."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        integrity = install(Path(name))
        for old in VENDOR.iterdir():
            old.unlink()
        modules = Path(name) / "node_modules"
        rows = [row for it in LIBRARIES for row in vendor(modules, it, integrity[it.name])]
    (VENDOR / "vendor.json").write_text(json.dumps(rows, indent=2) + "\n")
    print(f"{len(rows)} files in {VENDOR}")


if __name__ == "__main__":
    main()
