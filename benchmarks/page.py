"""Writes figures into `docs/benchmarks.md` and the README, between markers. All other text stays as it is."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Final

from benchmarks.goals import HEADING, measured_value, rows_of_goals
from benchmarks.plan import Section
from benchmarks.processes import ROOT
from benchmarks.tables import replace_section

README: Final = ROOT / "README.md"
DOCS: Final = ROOT / "docs"
PAGE: Final = DOCS / "benchmarks.md"
ASSETS: Final = DOCS / "assets"
PACKAGES: Final = [
    *("meshapi-video", "meshapi", "httpx", "httpcore", "httpx2", "openai"),
    *("httpx-aiohttp", "aiohttp", "anyio", "msgspec"),
]
OVERVIEW: Final = "goals"
README_FIGURES: Final = "figures"


def write(sections: dict[str, Section]) -> None:
    """Writes sections into the page, their pictures into `docs/assets`, and the page's figures into the README."""
    page = PAGE.read_text(encoding="utf-8")
    for name, section in sections.items():
        page = replace_section(page, name, section.text)
        for picture, svg in section.pictures.items():
            (ASSETS / picture).write_text(svg, encoding="utf-8")
    page = replace_section(page, OVERVIEW, overview(page))
    PAGE.write_text(page, encoding="utf-8")
    README.write_text(with_figures(README.read_text(encoding="utf-8"), page), encoding="utf-8")


def overview(page: str) -> str:
    """All goals of the page's figures in one table."""
    return "\n".join([HEADING, *rows_of_goals(replace_section(page, OVERVIEW, ""))])


def with_figures(readme: str, page: str) -> str:
    """The README with the figures of the page."""
    httpx2 = measured_value(page, "requests per second, 500 in flight, base over `httpx2.AsyncClient`")
    httpx = measured_value(page, "requests per second, 500 in flight, base over `httpx.AsyncClient`")
    poll = measured_value(page, "CPU of one blocking poll, `VideoClient.get` over `httpx.Client.get().json()`")
    start = measured_value(page, "start, `import meshapi_video` and a client over `import meshapi`")
    return replace_section(
        readme,
        README_FIGURES,
        f"""
- **Requests per second** (more is better), with 500 polls in flight on one event loop: the SDK sends
  **{httpx2} times** as many as `httpx2.AsyncClient`, and **{httpx} times** as many as `httpx.AsyncClient`. With its
  default limit of 100 connections, most polls of httpx fail.
- **CPU time of one blocking poll** (less is better): the SDK needs **{poll} times** the time of
  `httpx.Client.get().json()`. The SDK checks the response against the document; httpx checks nothing.
- **Start** (less is better): `import meshapi_video` and a new client take **{start} times** the time of
  `import meshapi`.
""",
    )


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
