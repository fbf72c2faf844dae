"""Compares a request with the document."""

from __future__ import annotations

import fnmatch
import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from .values import Json, canonical, shown

# Of each file in a form. The caller chooses both.
FILE_NAME, FILE_TYPE = "file.bin", "application/x-file"


def sent_otherwise(trial: dict[str, Any], request: Json) -> str:
    """The first difference between a request and the document; empty if there is none."""
    path = request.url.raw_path.decode().partition("?")[0]
    # A slash inside an argument is not the same as one between two parts of the path.
    if [unquote(part) for part in path.split("/")] != [unquote(part) for part in trial["path"].split("/")]:
        return f"is sent to the path {path}, not to {trial['path']}"
    query, right = request.url.params.multi_items(), [(name, text) for name, text in trial["query"]]
    if sorted(query) != sorted(right):
        return f"is sent as the query {urlencode(query)}, not as {urlencode(right)}"
    for name, value in trial["headers"]:
        if request.headers.get(name) != value:
            return f"is sent as the header {name}: {request.headers.get(name)}, not as {value}"
    cookies = request.headers.get("cookie", "")
    for name, value in trial["cookies"]:
        if f"{name}={value}" not in cookies.split("; "):
            return f"is sent as the cookie {cookies}, not as {name}={value}"
    return _body_otherwise(trial, request) if "body" in trial else ""


def _body_otherwise(trial: dict[str, Any], request: Json) -> str:
    content: bytes = request.content
    if trial["body_type"] == "json":
        back = json.loads(content)
        return "" if canonical(back) == canonical(trial["body"]) else f"is sent as {shown(back)}"
    if trial["body_type"] == "data":
        pairs = [list(pair) for pair in parse_qsl(content.decode(), keep_blank_values=True)]
        return "" if sorted(pairs) == sorted(trial["form"]) else f"is sent as {content.decode()}"
    return _parts_otherwise(trial["parts"], request)


def _parts_otherwise(expected: list[dict[str, Any]], request: Json) -> str:
    """The first difference between the parts of a multipart form and the document; empty if there is none."""
    boundary = request.headers["content-type"].partition("boundary=")[2]
    sent = [_part(raw) for raw in request.content.split(f"--{boundary}".encode())[1:-1]]
    for part in expected:
        found = next((each for each in sent if each[0] == part["name"]), None)
        if found is None:
            return f"is sent without {part['name']}"
        sent.remove(found)
        _, text, media_type, file_name = found
        right = part["json"] if "json" in part else part["text"]
        back = json.loads(text) if "json" in part else text
        if "is_file" in part and (media_type, file_name) != (FILE_TYPE, FILE_NAME):
            return f"is sent with the file {part['name']} as {file_name} of the type {media_type}"
        if canonical(back) != canonical(right):
            return f"is sent with {shown(back)} in {part['name']}, not with {shown(right)}"
        if not any(fnmatch.fnmatchcase(media_type, each) for each in part.get("types", ["*"])):
            return f"is sent with the type {media_type} of {part['name']}, not {' or '.join(part['types'])}"
    return f"is sent with {sent[0][0]} too" if sent else ""


def _part(raw: bytes) -> tuple[str, str, str, str | None]:
    """The name, the text, the media type and the file name of one part."""
    head, _, content = raw.decode().removeprefix("\r\n").removesuffix("\r\n").partition("\r\n\r\n")
    # httpx escapes a backslash by another one, and other characters as in a URL.
    texts = {key: unquote(text.replace("\\\\", "\\")) for key, text in re.findall(r'; (name|filename)="([^"]*)"', head)}
    media_type = re.search(r"(?im)^content-type: *([^;\r\n]*)", head)
    return texts["name"], content, media_type[1].strip().lower() if media_type else "", texts.get("filename")
