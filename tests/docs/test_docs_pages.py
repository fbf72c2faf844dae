"""What the pages say of names, files, commands and links is true. `nox -s docs` builds the site before."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import pytest

import meshapi_video
from meshapi_video import MeshVideoError

ROOT: Final = Path(__file__).parents[2]
SITE: Final = ROOT / "site"
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TEXTS: Final = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
    if path.name != "regeneration-report.md"
}
ERRORS: Final = {
    value
    for value in (getattr(meshapi_video, name) for name in meshapi_video.__all__)
    if inspect.isclass(value) and issubclass(value, MeshVideoError)
}
HOSTS: Final = {"developers.meshapi.ai", "keepachangelog.com", "nox.thea.codes"}
"""Where the pages lead to. Nobody asks whether these are there: tests need no internet."""


def links_of(text: str) -> list[SplitResult]:
    """Where the links of a page lead."""
    return [urlsplit(match[1]) for match in re.finditer(r"\]\(([^)\s]+)\)", text)]


def code_of(text: str) -> str:
    """The shell's lines and what stands in backticks, a line each."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`]+)`", prose)])


ALL_CODE: Final = "\n".join(map(code_of, TEXTS.values()))


def test_every_error_has_its_part_of_the_page_and_nothing_else_has() -> None:
    assert sorted(re.findall(r"^### (\w+)$", TEXTS["docs/errors.md"], re.MULTILINE)) == sorted(
        error.__name__ for error in ERRORS
    )


def test_the_drawn_tree_of_errors_is_that_of_the_classes() -> None:
    (tree,) = re.findall(r"^```text\n(.*?)^```$", TEXTS["docs/errors.md"], re.MULTILINE | re.DOTALL)
    drawn: dict[str, str] = {}
    above: dict[int, str] = {}
    for line in tree.splitlines():
        branch, name = re.match(r"([│├└─ ]*)(\w+)", line).groups()  # type: ignore[union-attr]
        depth = len(branch) // 4
        above[depth] = name
        drawn[name] = above.get(depth - 1, "")
    # A base that is not published, such as that of the two errors of a wait, is not drawn.
    true = {
        error.__name__: next((base.__name__ for base in error.__mro__[1:] if base in ERRORS), "") for error in ERRORS
    }
    assert drawn == true


def test_every_published_name_stands_in_the_reference_once() -> None:
    stated = re.findall(r"^::: meshapi_video\.(\w+)$", TEXTS["docs/reference.md"], re.MULTILINE)
    assert sorted(stated) == sorted(meshapi_video.__all__)


def test_every_published_name_is_on_the_built_page_once() -> None:
    page = (SITE / "reference.html").read_text(encoding="utf-8")
    shown = re.findall(r'<h3 id="meshapi_video\.(\w+)"', page)
    assert sorted(shown) == sorted(meshapi_video.__all__)


def test_the_layers_on_the_page_are_those_that_are_enforced() -> None:
    (block,) = re.findall(r"^```text\n(.*?)^```$", TEXTS["docs/design.md"], re.MULTILINE | re.DOTALL)
    stated = [re.findall(r"(?:^|\| )(_\w+)", re.split(r" {2,}", line)[0]) for line in block.splitlines()]
    (layered,) = [contract for contract in PROJECT["tool"]["importlinter"]["contracts"] if contract["type"] == "layers"]
    enforced = [re.findall(r"\w+", layer) for layer in layered["layers"] if layer != "__main__"]
    assert stated == enforced


def test_every_session_named_exists() -> None:
    noxfile = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    sessions = {node.name for node in noxfile.body if isinstance(node, ast.FunctionDef) and node.decorator_list}
    assert set(re.findall(r"\bnox -s ([a-z]+)", ALL_CODE)) <= sessions


def test_every_extra_named_exists() -> None:
    named = {extra for extras in re.findall(r"meshapi-video\[([\w,]+)\]", ALL_CODE) for extra in extras.split(",")}
    assert named <= PROJECT["project"]["optional-dependencies"].keys()


COMMANDS: Final = sorted(set(re.findall(r"\bmeshapi-video +([a-z][\w-]*)", ALL_CODE)))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_exists_with_every_option_named(command: str) -> None:
    named = re.findall(rf"\bmeshapi-video +{command}\b([^#|\n]*)", ALL_CODE)
    options = {option for line in named for option in re.findall(r"(?<!\S)--[a-z-]+", line)}
    shown = subprocess.run(
        [sys.executable, "-m", "meshapi_video", command, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert options <= set(re.findall(r"--[a-z-]+", shown))


def test_every_path_named_is_there() -> None:
    folders = "codegen|docs|generated|overlays|released|sandbox|tests"
    named = set(re.findall(rf"(?<![\w/.])(?:{folders})/[\w./-]*\w", ALL_CODE))
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_link_between_files_leads_to_one() -> None:
    # Those within docs/ are checked by the strict build, with their anchors.
    broken = [
        f"{name}: {link.path}"
        for name, text in TEXTS.items()
        if "/" not in name
        for link in links_of(text)
        if not link.scheme and not (ROOT / link.path).is_file()
    ]
    assert broken == []


def test_what_the_site_takes_in_from_above_has_no_links_of_its_own_to_files() -> None:
    taken = {name for text in TEXTS.values() for name in re.findall(r'^--8<-- "(.*)"$', text, re.MULTILINE)}
    assert taken == {"CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}
    assert [link.path for name in taken for link in links_of(TEXTS[name]) if not link.scheme] == []


def test_every_link_to_elsewhere_is_https_and_leads_to_a_known_host() -> None:
    elsewhere = [link for text in TEXTS.values() for link in links_of(text) if link.scheme]
    assert {link.scheme for link in elsewhere} == {"https"}
    assert {link.hostname for link in elsewhere} <= HOSTS


class Fetched(HTMLParser):
    """Collects what a browser fetches to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        name = {"script": "src", "img": "src", "iframe": "src", "link": "href"}.get(tag)
        self.addresses += [value for attribute, value in attrs if attribute == name and value]


def test_no_page_fetches_anything_from_another_host() -> None:
    pages = sorted(SITE.glob("*.html"))
    assert pages
    for page in pages:
        fetched = Fetched()
        fetched.feed(page.read_text(encoding="utf-8"))
        assert [address for address in fetched.addresses if urlsplit(address).netloc] == [], page.name
    styles = "".join(path.read_text(encoding="utf-8") for path in SITE.rglob("*.css"))
    assert re.findall(r"url\([\"']?(?:https?:)?//", styles) == []
