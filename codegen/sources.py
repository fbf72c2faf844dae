"""Finds the OpenAPI document in a published page or a plain file, here or at an address."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import httpx
from openapi_python_client.schema import OpenAPI
from pydantic import ValidationError

from codegen.document import Json, as_json, as_object, is_object, parse_mapping
from codegen.errors import CodegenError
from codegen.schemas import METHODS

_ACCEPT = "text/markdown, application/yaml, application/json, text/plain"
_TIMEOUT = 30.0
_MOST_BYTES = 20_000_000

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
    """A published document: what the maintainer called it, its address, its text, what the text says."""

    name: str
    address: str
    text: str
    is_json: bool
    document: dict[str, Json]

    @property
    def sha256(self) -> str:
        """The checksum of the text, which is a page's block and not the page."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def read(name: str) -> Source:
    """The OpenAPI document in a page or a plain file, local or at an http(s) address."""
    content = _fetch(name) if _is_remote(name) else _load(name)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CodegenError(f"{name} is not UTF-8 text: see line {line}. Save it in that encoding.") from error
    if _HTML.match(text):
        raise CodegenError(f"{name} is HTML. Name the page's Markdown, which is at its address with .md appended.")
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
        return Path(name).read_bytes()
    except OSError as error:
        raise CodegenError(f"{name} cannot be read: {error.strerror}. Name a file or an http(s) address.") from error


def _fetch(address: str) -> bytes:
    """What is at an address or, for a page, at the address of its Markdown."""
    try:
        parts = urlsplit(address)._replace(fragment="")
        if _is_page(address) and _suffix(address) != ".md":
            parts = parts._replace(path=f"{parts.path.rstrip('/')}.md")
        return _get(parts.geturl())
    # The name of a host that cannot be one is a ValueError.
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
            raise CodegenError(f"{url} answered with status {response.status_code}, not 200. Check the address.")
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > _MOST_BYTES:
                raise CodegenError(f"{url} is larger than {_MOST_BYTES:,} bytes, which no document is. Check it.")
    return bytes(content)


def _from_page(page: str, name: str) -> Source:
    found: list[tuple[int, re.Match[str], dict[str, Json]]] = []
    for fence in _FENCE.finditer(page):
        # Broken YAML is an error in a block that means to be OpenAPI, and no concern in any other.
        if fence["language"].lower() not in {"yaml", "yml", "json"} or not _OPENAPI_KEY.search(fence["text"]):
            continue
        above = page.count("\n", 0, fence.start("text"))
        if fence["unclosed"] is not None:
            raise CodegenError(f"{name}: the block that begins in line {above} has no end. Get the whole page again.")
        document = _parse(fence["text"], name, is_json=fence["language"].lower() == "json", above=above)
        if "openapi" in document:
            found.append((above, fence, document))
    if not found:
        raise CodegenError(
            f"{name} holds no OpenAPI block (fenced by ```yaml or ```json, with `openapi` at its top). "
            "Name the page of an operation."
        )
    if len(found) > 1:
        lines = " and ".join(str(line) for line, _, _ in found)
        raise CodegenError(f"{name} holds {len(found)} OpenAPI blocks, in lines {lines}. Leave one of them in.")
    ((line, fence, document),) = found
    _check(document, f"{name} (the block in line {line})")
    return Source(name, _address(page, name), fence["text"], fence["language"].lower() == "json", document)


def _address(page: str, name: str) -> str:
    if _is_remote(name):
        return name
    stated = _REFERENCE.search(page)
    if stated is None:
        raise CodegenError(
            f"{name} does not say where it was published. Save the page with its line 'Reference: https://…'."
        )
    return stated[1]


def _parse(text: str, name: str, *, is_json: bool, above: int = 0) -> dict[str, Json]:
    """What a text says; with the `above` lines over it, so that an error counts lines from the top of the page."""
    placed = "\n" * above + text.removeprefix("\ufeff")
    try:
        parsed = _parse_json(placed, name) if is_json else parse_mapping(placed, name)
        document: dict[str, Json] = as_json(parsed)
        # Half a surrogate pair can be read from an escape, and cannot be written.
        json.dumps(document, ensure_ascii=False, default=str).encode()
    except CodegenError as error:
        said = str(error).replace('"<unicode string>"', name)
        raise CodegenError(
            f"{said}\nGet it again, for it may be incomplete, or have it mended at its source."
        ) from error
    # ruamel.yaml, too, leaves with these on some texts that are not YAML, or that have no end.
    except (ValueError, LookupError, RecursionError) as error:
        kind = "JSON" if is_json else "YAML"
        reason = "it is nested too deep, or within itself" if isinstance(error, RecursionError) else error
        raise CodegenError(f"{name} is not {kind} that can be used: {reason}. Have it mended at its source.") from error
    return document


def _parse_json(text: str, name: str) -> dict[str, Json]:
    # Not as YAML, where the two escapes that JSON has for an emoji would be two broken characters.
    parsed: object = json.loads(text, object_pairs_hook=_unique)
    if not is_object(parsed):
        raise CodegenError(f"{name} should hold an object at its top, not {type(parsed).__name__}")
    return parsed


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """An object of JSON, where the standard library would take the last of two equal keys."""
    found: dict[str, Json] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"an object has the key {key!r} twice")
        found[key] = value
    return found


def _check(document: dict[str, Json], where: str) -> None:
    """Stops at what is no OpenAPI 3 document; the details are the generators' to check."""
    if "openapi" not in document:
        raise CodegenError(f"{where} is not OpenAPI: there is no `openapi` at its top. Name an OpenAPI 3 document.")
    version = document["openapi"]
    if not isinstance(version, str) or not re.match(r"3\.\d+\.\d+", version):
        raise CodegenError(
            f"{where} states the OpenAPI version {version!r}, and this reads 3.x ('3.1.0' for one). "
            "Name the document's OpenAPI 3 edition."
        )
    if "paths" not in document:
        raise CodegenError(f"{where} is not the OpenAPI of any operation: it has no `paths`. Name one that has.")
    for part in ("paths", "webhooks", "components"):
        _check_mapping(document.get(part, {}), f"{where} is not OpenAPI: #/{part}")
        for name, entry in document.get(part, {}).items():
            if not name.startswith("x-"):
                _check_mapping(entry, f"{where} is not OpenAPI: {name} in #/{part}")
    operations = [
        method for path in as_object(document["paths"]).values() for method in as_object(path) if method in METHODS
    ]
    if not operations:
        raise CodegenError(f"{where} is the OpenAPI of no operation: its `paths` are empty. Name one that has some.")
    try:
        OpenAPI.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = "/".join(map(str, first["loc"]))
        raise CodegenError(
            f"{where} is not OpenAPI: {first['msg']} at #/{place}. Have it mended at its source."
        ) from error


def _check_mapping(value: Json, what: str) -> None:
    if not is_object(value):
        raise CodegenError(f"{what} should be a mapping, not {type(value).__name__}. Have it mended at its source.")
