"""Takes the OpenAPI documents out of published pages: `nox -s vendor -- SOURCE…`.

Nothing is written before every source has been read, checked and merged.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from codegen.document import DOCUMENT, LOCK, parse_mapping
from codegen.errors import CodegenError
from codegen.merge import dump, merge
from codegen.sources import Source, read

_HELP = """\
Writes openapi.yaml, and openapi.lock.yml which says where it came from.

Each SOURCE is one of
  page.md                       a page of the documentation, saved as Markdown
  https://docs.example/a/page   a page of the documentation; its Markdown is got
                                from the same address with .md appended
  api.yaml, https://….json      a plain OpenAPI 3 document, in YAML or JSON

One page is taken to the byte. Several are merged into one document, the same
one in whatever order they are named. The next step is `nox -s regenerate`.
"""
_HEADER = "# Where openapi.yaml came from. Written by codegen/vendor.py; do not edit.\n"


def vendor(names: Sequence[str], retrieved: datetime.date, document: Path = DOCUMENT, lock: Path = LOCK) -> list[str]:
    """Writes `document`, and `lock` beside it, from pages and plain files; returns their addresses."""
    # In the order of their addresses and each once, so that the arguments' order changes nothing.
    unique = {(source.address, source.sha256): source for source in map(read, names)}
    sources = [unique[key] for key in sorted(unique)]
    content = _combined(sources).encode()
    entries = [{"address": source.address, "sha256": source.sha256} for source in sources]
    stated = dump({"retrieved": retrieved, "sha256": hashlib.sha256(content).hexdigest(), "sources": entries})
    _write({document: content, lock: f"{_HEADER}{stated}".encode()})
    return [source.address for source in sources]


def _combined(sources: list[Source]) -> str:
    # JSON is YAML too. But it often is one long line, whose diff nobody can read.
    if len(sources) == 1 and not sources[0].is_json:
        return sources[0].text
    try:
        merged = merge([(source.name, source.document) for source in sources])
        text = dump(merged)
        same = parse_mapping(text, "the merged document") == merged
    except RecursionError as error:
        raise CodegenError(
            "the sources are nested too deep to be written. Have them mended at their source."
        ) from error
    if not same:
        raise CodegenError("the merged document reads back as another one: mend dump() in codegen/merge.py.")
    return text


def _write(files: dict[Path, bytes]) -> None:
    """Replaces all of these files, which share a folder, or none of them."""
    folder = next(iter(files)).parent
    try:
        with tempfile.TemporaryDirectory(prefix=".vendor-", dir=folder) as scratch:
            for path, content in files.items():
                Path(scratch, path.name).write_bytes(content)
            _replace(list(files), Path(scratch))
    except OSError as error:
        path = error.filename2 or error.filename
        raise CodegenError(f"{path} cannot be written: {error.strerror}. Make way for it there.") from error


def _replace(paths: list[Path], fresh: Path) -> None:
    replaced: list[Path] = []
    try:
        for path in paths:
            if path.exists():
                shutil.copy2(path, fresh / f"{path.name}.before")
            (fresh / path.name).replace(path)
            replaced.append(path)
    except BaseException:
        for path in replaced:
            before = fresh / f"{path.name}.before"
            if before.exists():
                before.replace(path)
            else:
                path.unlink()
        raise


def main() -> None:
    """What `nox -s vendor` runs."""
    parser = argparse.ArgumentParser(
        usage="nox -s vendor -- SOURCE…",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help=argparse.SUPPRESS)
    names: list[str] = parser.parse_args().sources
    if not names:
        parser.print_help(sys.stderr)
        sys.exit(2)
    try:
        addresses = vendor(names, datetime.datetime.now(datetime.UTC).date())
    except CodegenError as problem:
        sys.exit(f"vendor: {problem}\n{DOCUMENT.name} and {LOCK.name} are as they were.")
    sys.stdout.write("".join(f"vendored {address}\n" for address in addresses))


if __name__ == "__main__":
    main()
