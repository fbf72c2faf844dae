"""The page that keeps the figures, `docs/benchmarks.md`: what a person wrote stays, the rest is put in."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Final

from benchmarks.plan import Section
from benchmarks.processes import ROOT
from benchmarks.tables import put

DOCS: Final = ROOT / "docs"
PAGE: Final = DOCS / "benchmarks.md"
ASSETS: Final = DOCS / "assets"
PACKAGES: Final = ["meshapi-video", "meshapi", "httpx", "httpcore", "httpx-aiohttp", "aiohttp", "anyio", "msgspec"]


def write(sections: dict[str, Section]) -> None:
    """Puts sections on the page, each with where and when it was measured, and their pictures beside it."""
    page = PAGE.read_text(encoding="utf-8")
    for name, section in sections.items():
        page = put(page, name, f"{section.text.strip()}\n\n<small>{where()}</small>")
    for section in sections.values():
        for name, picture in section.pictures.items():
            (ASSETS / name).write_text(picture, encoding="utf-8")
    PAGE.write_text(page, encoding="utf-8")


def where() -> str:
    """The machine, the day, and the versions of what takes part."""
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{today}; {processor()}, {os.cpu_count()} cores; {system}; {python}; {', '.join(versions(PACKAGES))}"


def processor() -> str:
    """Its model, as the system names it."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions(packages: Iterable[str]) -> list[str]:
    """Those that are installed, with their versions."""
    found: list[str] = []
    for package in packages:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            found.append(f"no {package}")
    return found
