"""The README: its commands, its exit codes, and its links on a package index."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from hatch_build import ReadmeHook, with_absolute_links
from meshapi_video._cli.commands import cli

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
REPOSITORY: Final = "https://example.com/owner/meshapi-video"


def commands_in(page: str) -> list[str]:
    """The two commands: for the demo, and for every check."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(python3 -m venv .*)\n```$", text, re.MULTILINE)


def test_ci_runs_exactly_the_readmes_command_for_the_checks() -> None:
    demo, checks = commands_in("README.md")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert script[-1] == checks
    assert demo == f"{checks} -s demo"


def test_the_contributors_guide_has_the_same_two_commands() -> None:
    assert commands_in("CONTRIBUTING.md") == commands_in("README.md")


@pytest.mark.parametrize("page", ["README.md", "docs/command-line.md"])
def test_a_page_and_the_help_explain_the_exit_codes_in_the_same_words(page: str) -> None:
    in_help = re.findall(r"^ *(\d+) {2,}(.*)$", CliRunner().invoke(cli, ["--help"]).output, re.MULTILINE)
    text = (ROOT / page).read_text(encoding="utf-8").replace("`", "")
    assert re.findall(r"^\| (\d+) \| (.*) \|$", text, re.MULTILINE) == in_help != []


def test_a_relative_link_becomes_absolute() -> None:
    assert with_absolute_links("[a](docs/a.md)", REPOSITORY) == f"[a]({REPOSITORY}/blob/HEAD/docs/a.md)"
    assert with_absolute_links("![a](docs/a.svg)", REPOSITORY) == f"![a]({REPOSITORY}/raw/HEAD/docs/a.svg)"


def test_without_an_address_a_relative_link_becomes_its_text_and_a_picture_is_left_out() -> None:
    markdown = "See [a](docs/a.md).\n\n![b](b.svg)\n\nThe end."
    assert with_absolute_links(markdown, None) == "See a.\n\nThe end."


@pytest.mark.parametrize("markdown", ["[a](https://example.com/a)", "[a](#a)", 'd["a"](b, c)', "![a](https://a.b/c)"])
@pytest.mark.parametrize("repository", [REPOSITORY, None])
def test_a_link_that_works_everywhere_stays(markdown: str, repository: str | None) -> None:
    assert with_absolute_links(markdown, repository) == markdown


@pytest.mark.parametrize("urls", [{}, {"Repository": REPOSITORY}, {"Repository": f"{REPOSITORY}/"}])
def test_the_metadata_of_the_package_has_the_readme_with_absolute_links(urls: dict[str, str]) -> None:
    metadata: dict[str, Any] = {"urls": urls}
    ReadmeHook(str(ROOT), {}).update(metadata)
    readme: dict[str, str] = metadata["readme"]
    assert readme["content-type"] == "text/markdown"
    assert readme["text"].startswith("# meshapi-video\n")
    links = re.findall(r"\]\((.*?)\)", readme["text"])
    assert links
    assert all(link.startswith("https://") for link in links)
    assert any(link.startswith(f"{REPOSITORY}/blob/HEAD/docs/") for link in links) == bool(urls)


def test_the_readme_has_no_html_links_which_would_stay_relative() -> None:
    assert re.findall(r"(?:src|href)=", README) == []
