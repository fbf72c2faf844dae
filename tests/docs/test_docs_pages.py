"""The names, files, commands and links on the pages exist. `nox -s docs` builds the site before this test."""

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
from meshapi_video._cli.commands import cli

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
HOSTS: Final = {"developers.meshapi.ai", "keepachangelog.com", "nox.thea.codes", "opentelemetry.io"}
"""The hosts that the pages link to. No test sends a request to them: tests need no internet."""


def links_in(text: str) -> list[SplitResult]:
    """The targets of the links on a page."""
    return [urlsplit(match[1]) for match in re.finditer(r"\]\(([^)\s]+)\)", text)]


def code_in(text: str) -> str:
    """Each line of the shell blocks, and each text in backticks."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`]+)`", prose)])


ALL_CODE: Final = "\n".join(map(code_in, TEXTS.values()))


def test_the_page_about_errors_has_one_section_for_each_error_and_no_other() -> None:
    assert sorted(re.findall(r"^### (\w+)$", TEXTS["docs/errors.md"], re.MULTILINE)) == sorted(
        error.__name__ for error in ERRORS
    )


def test_the_tree_of_errors_on_the_page_is_that_of_the_classes() -> None:
    (tree,) = re.findall(r"^```text\n(.*?)^```$", TEXTS["docs/errors.md"], re.MULTILINE | re.DOTALL)
    base_on_page: dict[str, str] = {}
    parents: dict[int, str] = {}
    for line in tree.splitlines():
        branch, name = re.match(r"([│├└─ ]*)(\w+)", line).groups()  # type: ignore[union-attr]
        depth = len(branch) // 4
        parents[depth] = name
        base_on_page[name] = parents.get(depth - 1, "")
    base_in_code = {
        error.__name__: next((base.__name__ for base in error.__mro__[1:] if base in ERRORS), "") for error in ERRORS
    }
    assert base_on_page == base_in_code


def test_the_reference_has_every_published_name_once() -> None:
    documented = re.findall(r"^::: meshapi_video\.(\w+)$", TEXTS["docs/reference.md"], re.MULTILINE)
    assert sorted(documented) == sorted(meshapi_video.__all__)


def test_the_built_reference_has_every_published_name_once() -> None:
    page = (SITE / "reference.html").read_text(encoding="utf-8")
    shown = re.findall(r'<h3 id="meshapi_video\.(\w+)"', page)
    assert sorted(shown) == sorted(meshapi_video.__all__)


def test_the_built_reference_shows_what_each_method_of_the_clients_raises() -> None:
    page = (SITE / "reference.html").read_text(encoding="utf-8")
    for client in (meshapi_video.VideoClient, meshapi_video.AsyncVideoClient):
        for name in (name for name in vars(client) if not name.startswith("_") and name != "close"):
            _, _, section = page.partition(f'<h4 id="meshapi_video.{client.__name__}.{name}"')
            section, _, _ = section.partition("<h4 ")
            parameters, _, raised = section.partition(">Raises:</span>")
            assert ">Parameters:</span>" in parameters, f"{client.__name__}.{name}"
            assert ">ValueError</a>" in raised or ">ValueError</span>" in raised, f"{client.__name__}.{name}"


def test_the_layers_on_the_page_about_the_architecture_are_those_that_are_enforced() -> None:
    blocks = re.findall(r"^```text\n(.*?)^```$", TEXTS["docs/design.md"], re.MULTILINE | re.DOTALL)
    (picture,) = (block for block in blocks if "__main__" in block)
    # Two spaces end the names, but those around a bar do not. `(pure)` is no name.
    columns = [re.sub(r" +\| +", "|", line.strip()).split("  ")[0] for line in picture.splitlines()]
    on_page = [names for column in columns if (names := re.findall(r"(?<![\w(])_?[a-z]\w*", column))]
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    (layered,) = [contract for contract in contracts if contract["type"] == "layers"]
    enforced = [re.findall(r"\w+", layer) for layer in layered["layers"] if layer != "__main__"]
    assert on_page == enforced


def test_every_session_on_the_pages_exists() -> None:
    noxfile = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    sessions = {node.name for node in noxfile.body if isinstance(node, ast.FunctionDef) and node.decorator_list}
    assert set(re.findall(r"\bnox -s ([a-z_\d]+)", ALL_CODE)) <= sessions


def test_every_extra_on_the_pages_exists() -> None:
    on_pages = {extra for extras in re.findall(r"meshapi-video\[([\w,]+)\]", ALL_CODE) for extra in extras.split(",")}
    assert on_pages <= PROJECT["project"]["optional-dependencies"].keys()


COMMANDS: Final = sorted(set(re.findall(r"\bmeshapi-video +([a-z][\w-]*)", ALL_CODE)))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_on_the_pages_exists_with_every_option(command: str) -> None:
    calls = re.findall(rf"\bmeshapi-video +{command}\b([^#|\n]*)", ALL_CODE)
    options = {option for line in calls for option in re.findall(r"(?<!\S)--[a-z-]+", line)}
    help_text = subprocess.run(
        [sys.executable, "-m", "meshapi_video", command, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert options <= set(re.findall(r"--[a-z-]+", help_text))


@pytest.mark.parametrize("command", sorted(cli.commands))
def test_the_pages_have_every_option_of_a_command(command: str) -> None:
    page = code_in(TEXTS["docs/sandbox.md" if command == "sandbox" else "docs/command-line.md"])
    options = {option for parameter in cli.commands[command].params for option in parameter.opts if option[:2] == "--"}
    assert options <= set(re.findall(r"--[a-z-]+", page))


def test_the_table_of_operations_on_the_page_about_the_architecture_is_that_of_the_code() -> None:
    code = (ROOT / "overlays/meshapi_video/_transport/operations.py").read_text(encoding="utf-8")
    line = r'^(\w+): Final = Operation\(\n +(\w+)\.sync_detailed,.*?_check, "(\w+)".*?repeat="(\w+)"'
    rows = [f"| `{'` | `'.join(cells)}` |" for cells in re.findall(line, code, re.MULTILINE | re.DOTALL)]
    assert len(rows) == code.count("= Operation(")
    assert re.findall(r"^\| `[A-Z]+` \|.*$", TEXTS["docs/design.md"], re.MULTILINE) == rows


def test_every_path_on_the_pages_exists() -> None:
    folders = "benchmarks|codegen|docs|generated|overlays|released|sandbox|tests|tools"
    paths = set(re.findall(rf"(?<![\w/.])(?:{folders})/[\w./-]*\w", ALL_CODE))
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_every_module_on_the_page_about_the_architecture_exists() -> None:
    modules = set(re.findall(r"(?<![\w/.])_[a-z]+(?:/\w+)?\.py\b", code_in(TEXTS["docs/design.md"])))
    assert modules
    assert [module for module in sorted(modules) if not (ROOT / "overlays/meshapi_video" / module).exists()] == []


def test_every_link_between_files_leads_to_a_file() -> None:
    # The strict build checks the links within docs/, with their anchors.
    broken = [
        f"{name}: {link.path}"
        for name, text in TEXTS.items()
        if "/" not in name
        for link in links_in(text)
        if not link.scheme and not (ROOT / link.path).is_file()
    ]
    assert broken == []


def test_the_pages_that_the_site_includes_have_no_links_to_files() -> None:
    included = {name for text in TEXTS.values() for name in re.findall(r'^--8<-- "(.*\.md)"$', text, re.MULTILINE)}
    assert included == {"CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}
    assert [link.path for name in included for link in links_in(TEXTS[name]) if not link.scheme] == []


def test_every_external_link_is_https_and_leads_to_a_known_host() -> None:
    external = [link for text in TEXTS.values() for link in links_in(text) if link.scheme]
    assert {link.scheme for link in external} == {"https"}
    assert {link.hostname for link in external} <= HOSTS


class LoadedFiles(HTMLParser):
    """Collects the addresses that a browser loads to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        name = {"script": "src", "img": "src", "iframe": "src", "link": "href"}.get(tag)
        self.addresses += [value for attribute, value in attrs if attribute == name and value]


def test_no_page_loads_a_file_from_another_host() -> None:
    pages = sorted(SITE.glob("*.html"))
    assert pages
    for page in pages:
        loaded = LoadedFiles()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert [address for address in loaded.addresses if urlsplit(address).netloc] == [], page.name
    styles = "".join(path.read_text(encoding="utf-8") for path in SITE.rglob("*.css"))
    assert re.findall(r"url\([\"']?(?:https?:)?//", styles) == []
