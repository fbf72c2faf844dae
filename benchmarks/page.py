"""Writes figures into `docs/benchmarks.md`, between their markers. All other text stays as it is."""

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
from benchmarks.tables import replace_section

DOCS: Final = ROOT / "docs"
PAGE: Final = DOCS / "benchmarks.md"
ASSETS: Final = DOCS / "assets"
PACKAGES: Final = ["meshapi-video", "meshapi", "httpx", "httpcore", "httpx-aiohttp", "aiohttp", "anyio", "msgspec"]


def write(sections: dict[str, Section]) -> None:
    """Writes sections into the page, each with date and machine, and their pictures into `docs/assets`."""
    page = PAGE.read_text(encoding="utf-8")
    for name, section in sections.items():
        page = replace_section(page, name, f"{section.text.strip()}\n\n<small>{date_and_machine()}</small>")
    for section in sections.values():
        for name, picture in section.pictures.items():
            (ASSETS / name).write_text(picture, encoding="utf-8")
    PAGE.write_text(page, encoding="utf-8")


def date_and_machine() -> str:
    """The date, the machine, and the versions of the packages."""
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{today}; {processor()}, {os.cpu_count()} cores; {system}; {python}; {', '.join(versions(PACKAGES))}"


def processor() -> str:
    """The processor's model name."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions(packages: Iterable[str]) -> list[str]:
    """Each package with its version, or "no" before the name of a package that is not installed."""
    found: list[str] = []
    for package in packages:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            found.append(f"no {package}")
    return found
