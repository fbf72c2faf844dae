"""No release with a published vulnerability satisfies the bounds of pyproject.toml.

Add a line to the table when an advisory appears for a package that a user of the SDK installs.
"""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT: Final = Path(__file__).parents[2]
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# Each package with the last release that has the vulnerability.
LAST_BAD: Final = [
    ("aiohttp", "3.14.2", "CVE-2026-69243: request smuggling; and some forty older advisories"),
    ("anyio", "4.14.1", "CVE-2026-63374: the certificate of another host name is accepted"),
    ("certifi", "2024.6.2", "CVE-2024-39689: certificate authorities that are no longer trusted"),
    ("click", "8.3.2", "CVE-2026-7246: command injection in click.edit"),
    ("h11", "0.15.0", "CVE-2025-43859: request smuggling with chunked bodies"),
    ("httpcore", "1.0.8", "admits an h11 with CVE-2025-43859"),
    ("idna", "3.14", "CVE-2026-45409: a long host name takes very long to encode"),
    ("protobuf", "6.33.4", "CVE-2026-0994: nested messages end in a RecursionError"),
    ("pydantic", "2.3.0", "CVE-2024-3772: a slow regular expression"),
    ("pygments", "2.19.2", "CVE-2026-4539: a slow regular expression"),
    ("pytest", "9.0.2", "CVE-2025-71176: other users can write to the temporary folders"),
    ("starlette", "1.3.0", "CVE-2026-54283: limits of forms are ignored; CVE-2026-48710: the Host is not checked"),
]
PACKAGES: Final = [package for package, _, _ in LAST_BAD]
# These dependencies, at their own lower bounds, exclude the bad releases. The `lowest` session installs them.
THROUGH: Final = {"pydantic": "fastapi"}
# Only the tests need these.
IN_GROUP: Final = frozenset({"pytest"})


def own_requirements() -> list[Requirement]:
    """What a user installs, with all extras."""
    project = PROJECT["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    # An extra may include another extra.
    return [each for each in map(Requirement, lines) if each.name != project["name"]]


def group_requirements() -> list[Requirement]:
    """What the tests need besides: no bound in this group protects a user."""
    return [Requirement(line) for line in PROJECT["dependency-groups"]["test"] if isinstance(line, str)]


@pytest.mark.parametrize(("package", "release", "advisory"), LAST_BAD, ids=PACKAGES)
def test_the_bounds_exclude_each_release_with_a_published_vulnerability(
    package: str, release: str, advisory: str
) -> None:
    if package in THROUGH:
        requirements = [Requirement(line) for line in requires(THROUGH[package]) or []]
    else:
        requirements = group_requirements() if package in IN_GROUP else own_requirements()
    bounds = [each.specifier for each in requirements if each.name.lower() == package]
    assert bounds, f"no requirement names {package}"
    assert not all(bound.contains(release) for bound in bounds), f"{package} {release} is accepted. {advisory}"


@pytest.mark.parametrize(("package", "release", "advisory"), LAST_BAD, ids=PACKAGES)
def test_no_installed_release_has_a_published_vulnerability(package: str, release: str, advisory: str) -> None:
    try:
        installed = version(package)
    except PackageNotFoundError:
        pytest.fail(f"{package} is not installed: remove its line, which protects nobody")
    assert Version(installed) > Version(release), f"{package} {installed} is installed. {advisory}"


def test_every_dependency_has_a_lower_bound() -> None:
    unbounded = [each.name for each in [*own_requirements(), *group_requirements()] if ">=" not in str(each.specifier)]
    assert unbounded == []
