"""Reads the OpenAPI document from a published page or a plain file, local or at an http(s) address."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import httpx
from openapi_python_client.schema import OpenAPI
from pydantic import ValidationError

from codegen.document import Json, as_object, is_object
from codegen.errors import CodegenError
from codegen.openapi import METHODS, check_version
from codegen.parsing import MAX_BYTES, parse_json, parse_mapping, read_bytes

_ACCEPT = "text/markdown, application/yaml, application/json, text/plain"
_TIMEOUT = 30.0

_FENCE = re.compile(
    r"^(?P<mark>`{3,}+|~{3,}+)[ \t]*(?P<language>\w*)[^`\n]*\n"
    r"(?P<text>.*?)(?:^(?P=mark)[`~]*[ \t\r]*$|(?P<unclosed>\Z))",
    re.MULTILINE | re.DOTALL,
)
_OPENAPI_KEY = re.compile(r"""(?:^|[{,])[ \t]*["']?openapi["']?[ \t]*:""", re.MULTILINE)
_REFERENCE = re.compile(r"^Reference: (https://\S+)\s*$", re.MULTILINE)
_HTML = re.compile(r"\s*(?><!--.*?-->\s*)*+<(?:!doctype|html|head|body)\b", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Source:
    """A published document: the name that the maintainer gave, its address, its text, and the parsed text."""

    name: str
    address: str
    text: str
    is_json: bool
    document: dict[str, Json]

    @property
    def sha256(self) -> str:
        """The checksum of the text. For a page, the text is the OpenAPI block alone."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def read(name: str) -> Source:
    """The OpenAPI document in a page or a plain file, local or at an http(s) address."""
    content = _fetch(name) if _is_remote(name) else _load(name)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CodegenError(f"{name} is not UTF-8 text: see line {line}. Save it in UTF-8.") from error
    if _HTML.match(text):
        raise CodegenError(
            f"{name} is HTML. Name the page's Markdown: its address is that of the page with .md appended."
        )
    if _is_page(name):
        return _from_page(text, name)
    is_json = _suffix(name) == ".json"
    document = _parse(text, name, is_json=is_json)
    _check(document, name)
    return Source(name, name, text, is_json, document)


def _is_remote(name: str) -> bool:
    return re.match("https?://", name, re.IGNORECASE) is not None


def _is_page(name: str) -> bool:
    return _suffix(name) == ".md" or (_is_remote(name) and _suffix(name) not in {".yaml", ".yml", ".json"})


def _suffix(name: str) -> str:
    path = re.split("[?#]", name)[0] if _is_remote(name) else name
    return PurePosixPath(path).suffix.lower()


def _load(name: str) -> bytes:
    try:
        return read_bytes(Path(name))
    except OSError as error:
        raise CodegenError(f"{name} cannot be read: {error.strerror}. Name a file or an http(s) address.") from error


def _fetch(address: str) -> bytes:
    """Downloads a document or, for a page, the Markdown of the page."""
    try:
        parts = urlsplit(address)._replace(fragment="")
        if _is_page(address) and _suffix(address) != ".md":
            parts = parts._replace(path=f"{parts.path.rstrip('/')}.md")
        return _get(parts.geturl())
    # httpx raises ValueError for an impossible host name.
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise CodegenError(
            f"{address} cannot be reached ({reason}). Check the address and the network, or save the page "
            "and name the file."
        ) from error


def _get(url: str) -> bytes:
    content = bytearray()
    headers = {"Accept": _ACCEPT}
    with httpx.stream("GET", url, headers=headers, timeout=_TIMEOUT, follow_redirects=True) as response:
        if response.status_code != 200:
            raise CodegenError(f"{url} returned status {response.status_code}, not 200. Check the address.")
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > MAX_BYTES:
                raise CodegenError(
                    f"{url} is larger than {MAX_BYTES:,} bytes, so it is not a document. Check the address."
                )
    return bytes(content)


def _from_page(page: str, name: str) -> Source:
    found: list[tuple[int, re.Match[str], dict[str, Json]]] = []
    for fence in _FENCE.finditer(page):
        # Broken YAML is an error in a block with an `openapi` key. Other blocks may contain anything.
        if fence["language"].lower() not in {"yaml", "yml", "json"} or not _OPENAPI_KEY.search(fence["text"]):
            continue
        lines_above = page.count("\n", 0, fence.start("text"))
        if fence["unclosed"] is not None:
            raise CodegenError(
                f"{name}: the block that begins in line {lines_above} has no end. Download the page again."
            )
        is_json = fence["language"].lower() == "json"
        document = _parse(fence["text"], name, is_json=is_json, lines_above=lines_above)
        if "openapi" in document:
            found.append((lines_above, fence, document))
    if not found:
        raise CodegenError(
            f"{name} contains no OpenAPI block (fenced by ```yaml or ```json, with the key `openapi` at its top). "
            "Name the page of an operation."
        )
    if len(found) > 1:
        lines = " and ".join(str(line) for line, _, _ in found)
        raise CodegenError(
            f"{name} contains {len(found)} OpenAPI blocks, in lines {lines}. Keep one and remove the others."
        )
    ((line, fence, document),) = found
    _check(document, f"{name} (the block in line {line})")
    return Source(name, _address(page, name), fence["text"], fence["language"].lower() == "json", document)


def _address(page: str, name: str) -> str:
    if _is_remote(name):
        return name
    reference = _REFERENCE.search(page)
    if reference is None:
        raise CodegenError(
            f"{name} does not name the address where it was published. Save the page with its line 'Reference: https://…'."
        )
    return reference[1]


def _parse(text: str, name: str, *, is_json: bool, lines_above: int = 0) -> dict[str, Json]:
    """Parses a text. `lines_above` lets an error count lines from the top of the page."""
    padded = "\n" * lines_above + text.removeprefix("\ufeff")
    try:
        return parse_json(padded, name) if is_json else parse_mapping(padded, name)
    except CodegenError as error:
        raise CodegenError(
            f"{error}\nThe text may be incomplete: get it again. Otherwise, fix it at its source."
        ) from error


def _check(document: dict[str, Json], where: str) -> None:
    """Refuses a text that is not a document of OpenAPI 3.0 or 3.1. The generators check the details."""
    check_version(document, where)
    if "paths" not in document:
        raise CodegenError(f"{where} describes no operation: it has no `paths`. Name a document that has `paths`.")
    for part in ("paths", "webhooks", "components"):
        _check_mapping(document.get(part, {}), f"{where} is not OpenAPI: #/{part}")
        for name, entry in document.get(part, {}).items():
            if not name.startswith("x-"):
                _check_mapping(entry, f"{where} is not OpenAPI: {name} in #/{part}")
    operations = [
        method for path in as_object(document["paths"]).values() for method in as_object(path) if method in METHODS
    ]
    if not operations:
        raise CodegenError(f"{where} describes no operation: its `paths` are empty. Name a document with operations.")
    try:
        OpenAPI.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = "/".join(map(str, first["loc"]))
        raise CodegenError(f"{where} is not OpenAPI: {first['msg']} at #/{place}. Fix it at its source.") from error


def _check_mapping(value: Json, place: str) -> None:
    if not is_object(value):
        raise CodegenError(f"{place} should be a mapping, not {type(value).__name__}. Fix it at its source.")
