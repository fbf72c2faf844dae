"""The command line names options and variables where the SDK names arguments."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import meshapi_video
from meshapi_video._cli.words import in_terminal_words, with_options

PACKAGE = Path(meshapi_video.__file__).parent
ARGUMENT = re.compile(r"\b(?:api_key|base_url|private_hosts|overwrite)\b|\btransport=|candidates\(\)|\b[a-z_]+=\[")
SHOWN = re.compile(r"--overwrite")
NEVER_ON_THE_TERMINAL = (
    # A repr, the check of a type, and an iterator of the asynchronous client.
    "base_url={}",
    "private_hosts should be a collection of host names",
    "error.candidates()",
    # No command has a client of its own.
    "http_client=",
    # The name for an account is not shown.
    "list(created_after=...)",
)


def messages() -> Iterator[str]:
    """The texts in the SDK that may be parts of messages: all strings but the docstrings."""
    for file in sorted(PACKAGE.rglob("*.py")):
        if "_cli" in file.parts:
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if id(node) in statements or id(node) in inner:
                continue
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(p.value) if isinstance(p, ast.Constant) else _value(p) for p in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                yield node.value


def _value(part: ast.expr) -> str:
    assert isinstance(part, ast.FormattedValue)
    known = {
        "KEY_VARIABLE": "MESHAPI_API_KEY",
        "URL_VARIABLE": "MESHAPI_BASE_URL",
        "TRANSPORT_VARIABLE": "MESHAPI_TRANSPORT",
    }
    return known.get(ast.unparse(part.value), "{}")


def test_no_message_of_the_sdk_names_an_argument_on_the_terminal() -> None:
    with_arguments = [text for text in messages() if ARGUMENT.search(text)]
    assert len(with_arguments) > 5
    left = [in_terminal_words(text) for text in with_arguments]
    assert [
        text
        for text in left
        if ARGUMENT.search(SHOWN.sub("", text)) and not any(known in text for known in NEVER_ON_THE_TERMINAL)
    ] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("duration should be 1", "--duration should be 1"),
        ("the arguments have 2 mistakes:\n- seed should be 1", "the options have 2 mistakes:\n- --seed should be 1"),
        ("frames is not supported: pass duration", "--frames is not supported: give --duration"),
        ("frames and duration exclude each other: pass one", "--frames and --duration exclude each other: give one"),
        ("content has a last_frame", "the request has a --last-frame"),
        ("content[0], first_frame('a.png'): it is empty", "--first-frame 'a.png': it is empty"),
        ("extra_body has 'seed': pass seed= instead", "--extra-body has 'seed': give --seed instead"),
        (
            "prompt should be a text; it is 'the duration is long'",
            "PROMPT should be a text; it is 'the duration is long'",
        ),
        (
            "content[0], reference_image('reference_image.png'): there is no such file",
            "--reference-image 'reference_image.png': there is no such file",
        ),
        (
            "content[0], first_frame('first_frame'): there is no such file",
            "--first-frame 'first_frame': there is no such file",
        ),
        *(
            (f"no {name} here", f"no {name} here")
            for name in (
                "./last_frame",
                "last_frame/a",
                "a\\last_frame",
                "a.last_frame",
                "last_frame.tar.gz",
                '"last_frame"',
                "'my last_frame'",
                "'a last_frame b.png'",
                "'last_frame which is cut",
            )
        ),
        ("give a last_frame. Or else", "give a --last-frame. Or else"),
        ("extra_body has 'first_frame', 'last_frame'", "--extra-body has 'first_frame', 'last_frame'"),
        ("unknown: 'my_last_frame.png' and --last-frame", "unknown: 'my_last_frame.png' and --last-frame"),
    ],
)
def test_a_mistake_in_a_request_names_the_option(text: str, expected: str) -> None:
    assert with_options(text) == expected
