"""Writes `openapi.yaml` from published pages or plain OpenAPI files: `nox -s vendor -- SOURCE…`.

It reads, checks and merges every source before it writes a file.
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

from codegen.document import DOCUMENT, LOCK, SUPPLEMENT
from codegen.errors import CodegenError
from codegen.extensions import without_extensions
from codegen.merge import dump, merge
from codegen.parsing import parse_mapping, read_mapping
from codegen.sources import Source, read
from codegen.supplement import apply_supplement

_HELP = """\
Writes openapi.yaml, and openapi.lock.yml, which names its sources.

Each SOURCE is one of
  page.md                       a page of the documentation, saved as Markdown
  https://docs.example/a/page   a page of the documentation; its Markdown is read
                                from the same address with .md appended
  api.yaml, https://….json      a plain document of OpenAPI 3.0 or 3.1

The document of one page is copied byte for byte. The documents of several
sources are merged; the order of the sources does not matter. The next step is
`nox -s regenerate`.
"""
_HEADER = "# Where openapi.yaml came from. Written by codegen/vendor.py; do not edit.\n"


def vendor(names: Sequence[str], retrieved: datetime.date, document: Path = DOCUMENT, lock: Path = LOCK) -> list[str]:
    """Writes `document`, and `lock` beside it, from pages and plain files. Returns the addresses of the sources."""
    # Sorted and without duplicates: the order of the arguments has no effect on the result.
    unique = {(source.address, source.sha256): source for source in map(read, names)}
    sources = [unique[key] for key in sorted(unique)]
    content = _combine(sources).encode()
    entries = [{"address": source.address, "sha256": source.sha256} for source in sources]
    lock_text = dump({"retrieved": retrieved, "sha256": hashlib.sha256(content).hexdigest(), "sources": entries})
    _write({document: content, lock: f"{_HEADER}{lock_text}".encode()})
    return [source.address for source in sources]


def _combine(sources: list[Source]) -> str:
    # JSON is valid YAML. But it is often one long line, and nobody can read the diff of such a line.
    if len(sources) == 1 and not sources[0].is_json:
        return sources[0].text
    merged = merge([(source.name, source.document) for source in sources])
    text = dump(merged)
    if parse_mapping(text, "the merged document") != merged:
        raise CodegenError(
            "the merged document changes when it is written and read again: fix dump() in codegen/merge.py."
        )
    return text


def _write(files: dict[Path, bytes]) -> None:
    """Replaces all of these files, or none of them. They must be in one folder."""
    folder = next(iter(files)).parent
    try:
        with tempfile.TemporaryDirectory(prefix=".vendor-", dir=folder) as scratch:
            for path, content in files.items():
                Path(scratch, path.name).write_bytes(content)
            _replace(list(files), Path(scratch))
    except OSError as error:
        # The error of a full disk names no file.
        path = error.filename2 or error.filename or folder
        raise CodegenError(
            f"{path} cannot be written: {error.strerror}. Check its permissions and the space on the disk."
        ) from error


def _replace(paths: list[Path], scratch: Path) -> None:
    replaced: list[Path] = []
    try:
        for path in paths:
            if path.exists():
                shutil.copy2(path, scratch / f"{path.name}.before")
            (scratch / path.name).replace(path)
            replaced.append(path)
    except BaseException:
        for path in replaced:
            before = scratch / f"{path.name}.before"
            if before.exists():
                before.replace(path)
            else:
                path.unlink()
        raise


def main() -> None:
    """The command that `nox -s vendor` runs."""
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
        sys.exit(f"vendor: {problem}\n{DOCUMENT.name} and {LOCK.name} are unchanged.")
    except KeyboardInterrupt:
        sys.exit(
            f"vendor: interrupted. {DOCUMENT.name} and {LOCK.name} belong together: both are old, or both are new."
        )
    sys.stdout.write("".join(f"vendored {address}\n" for address in addresses))
    sys.stdout.write(_stale_supplement(DOCUMENT, SUPPLEMENT))


def _stale_supplement(document: Path, supplement: Path) -> str:
    """What `nox -s regenerate` will refuse because of the supplement; empty if it will refuse nothing."""
    if supplement.exists():
        try:
            apply_supplement(without_extensions(read_mapping(document)), read_mapping(supplement))
        except CodegenError as error:
            return f"\nBefore you run `nox -s regenerate`:\n{error}\n"
    return ""


if __name__ == "__main__":
    main()
