"""Adapts README.md for package indexes, where a relative link leads nowhere. Hatchling runs it at each build.

The address of the repository is stated once: as `Repository` in `[project.urls]` of `pyproject.toml`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE_LINK: Final = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?!https?:|#)(?P<path>[^)\s]+)\)")


def with_absolute_links(markdown: str, repository: str | None) -> str:
    """`markdown` with links and pictures that work on every site.

    While the address of the repository is unknown, a link becomes its text, and a picture is left out.
    """

    def absolute(link: re.Match[str]) -> str:
        picture, text, path = link["picture"], link["text"], link["path"]
        if repository is None:
            return "" if picture else text
        return f"{picture}[{text}]({repository.rstrip('/')}/{'raw' if picture else 'blob'}/HEAD/{path})"

    return re.sub(r"\n{3,}", "\n\n", _RELATIVE_LINK.sub(absolute, markdown))


class ReadmeHook(MetadataHookInterface):
    """Sets the `readme` of the package's metadata."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Adds the adapted README.md to `metadata`, the `[project]` table."""
        readme = Path(self.root, "README.md").read_text(encoding="utf-8")
        repository: str | None = metadata["urls"].get("Repository")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": with_absolute_links(readme, repository),
        }
