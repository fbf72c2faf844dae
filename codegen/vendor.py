"""Takes the OpenAPI block out of a published page: `python -m codegen.vendor PAGE.md`."""

from __future__ import annotations

import datetime
import hashlib
import re
import sys
from pathlib import Path

from codegen.document import DOCUMENT, LOCK, parse_mapping
from codegen.errors import CodegenError

_BLOCK = re.compile(r"^```ya?ml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_REFERENCE = re.compile(r"^Reference: (https://\S+)$", re.MULTILINE)


def extract(page: str, source: object) -> tuple[str, str]:
    """The one OpenAPI block of a page, to the byte, and the address that the page gives itself."""
    blocks = [block for block in _BLOCK.findall(page) if re.search("^openapi:", block, re.MULTILINE)]
    if len(blocks) != 1:
        raise CodegenError(f"{source} should hold one OpenAPI block in YAML; it holds {len(blocks)}")
    address = _REFERENCE.search(page)
    if address is None:
        raise CodegenError(f"{source} does not say where it was published (a line 'Reference: https://…')")
    parse_mapping(blocks[0], source)
    return blocks[0], address.group(1)


def vendor(page: Path, retrieved: datetime.date) -> None:
    """Writes `openapi.yaml` and `openapi.lock.yml` from a saved page."""
    try:
        text = page.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CodegenError(f"{page} cannot be read: {error}") from error
    document, address = extract(text, page)
    encoded = document.encode()
    DOCUMENT.write_bytes(encoded)
    LOCK.write_text(
        "# Where openapi.yaml came from. Written by codegen/vendor.py; do not edit.\n"
        f"source: {address}\n"
        f"retrieved: {retrieved.isoformat()}\n"
        f"sha256: {hashlib.sha256(encoded).hexdigest()}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m codegen.vendor PAGE.md")
    try:
        vendor(Path(sys.argv[1]), datetime.datetime.now(datetime.UTC).date())
    except CodegenError as problem:
        sys.exit(f"vendor: {problem}")
