"""Hostile texts are refused at once, with the name of the file and a reason, and no file changes."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from codegen.document import DOCUMENT, GENERATED, OVERLAY, Json
from codegen.errors import CodegenError
from codegen.file_diff import unified_diff
from codegen.parsing import parse_json, parse_mapping, read_mapping
from codegen.regenerate import regenerate
from contract.vendoring import PLAIN, Checkout


def chain(first: str, link: str, length: int = 30) -> str:
    """Lines of YAML. `{}` in `link` stands for ten aliases of the line before."""
    lines = [f"x-0: &a0 {first}"]
    for number in range(1, length):
        ten = ", ".join([f"*a{number - 1}"] * 10)
        lines.append(f"x-{number}: &a{number} {link.replace('{}', ten)}")
    return "\n".join(lines)


BOMBS: Final = {
    "lists": (chain("lol", "[{}]"), "more than 50,000 values when its aliases are unfolded"),
    "mappings": (chain("lol", "{a: [{}]}"), "more than 50,000 values when its aliases are unfolded"),
    "merges": (chain("{a: b}", "{<<: [{}]}"), "more than 50,000 values when its aliases are unfolded"),
    "long texts": (f"x-a: &a {'lol' * 10_000}\nx-b: [{'*a, ' * 1_000}]", "more than 2,000,000 characters when"),
    "a chain of aliases": (
        "\n".join(["x-0: &a0 lol", *(f"x-{n}: &a{n} [*a{n - 1}]" for n in range(1, 200))]),
        "nested more than 100 levels deep",
    ),
    "a list that contains itself": ("x-a: &a [*a]", "an alias leads to a value that contains the alias"),
    "a mapping that merges itself": ("x-a: &a {<<: *a}", "an alias leads to a value that contains the alias"),
    "brackets": ("x-a: " + "[" * 100_000, "nested more than 100 levels deep"),
    "braces": ("x-a: " + "{a: " * 100_000, "nested more than 100 levels deep"),
    "lines": ("\n".join(" " * n + "x-a:" for n in range(1_000)), "nested more than 100 levels deep"),
    "a long tag": (f"x-a: !{'x' * 100_000} 1", "more than 1,000 characters in a tag"),
    "a long tag of escapes": (f"x-a: !<{'%41' * 10_000}> 1", "more than 1,000 characters in a tag"),
    "dashes": ("x-a:\n  " + "- " * 10_000, "nested more than 100 levels deep"),
}


@contextmanager
def at_once() -> Generator[None]:
    """Fails if this process computes for a second or longer."""
    start = time.process_time()
    yield
    assert time.process_time() - start < 1


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("text", "reason"), BOMBS.values(), ids=BOMBS)
def test_a_text_that_unfolds_without_end_is_refused_at_once(
    text: str, reason: str, checkout: Checkout, tmp_path: Path
) -> None:
    page = f"Reference: https://docs.example/page\n\n```yaml\n{PLAIN}{text}\n```\n"
    for name, content in (("api.yaml", f"{PLAIN}{text}\n"), ("page.md", page)):
        source = checkout.source(name, content)
        with at_once():
            message = checkout.vendor_error(source)
        assert reason in message
        assert name in message

    generated = tmp_path / "generated"
    shutil.copytree(GENERATED, generated)
    for document, overlay in ((tmp_path / "api.yaml", OVERLAY), (DOCUMENT, tmp_path / "api.yaml")):
        with at_once(), pytest.raises(CodegenError, match=rf"api\.yaml .*{reason}"):
            regenerate(generated, document, overlay)
        assert unified_diff(GENERATED, generated) == ""


def test_a_long_list_is_refused_before_the_rest_of_the_text_is_read() -> None:
    # The undefined alias is an error as well, but the parser does not get there.
    with pytest.raises(CodegenError, match="here is too large: it has more than 50,000 values"):
        parse_mapping(f"a: [{'0,' * 50_000} *missing]", "here")


def test_a_file_that_is_too_large_is_read_in_part_only_and_refused(checkout: Checkout) -> None:
    endless = checkout.folder / "endless.yaml"
    with endless.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(CodegenError, match=r"endless\.yaml is too large: it has more than 2,000,000 characters"):
        checkout.vendor(endless)
    with pytest.raises(CodegenError, match=r"endless\.yaml is too large: it has more than 2,000,000 characters"):
        read_mapping(endless)
    endless.unlink()
    many = json.dumps({"openapi": "3.1.0", "x": [0] * 50_000})
    assert "it has more than 50,000 values" in checkout.vendor_error(checkout.source("api.json", many))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: !!binary aGVsbG8=", "JSON has no value of the type bytes"),
        ("a: !!set {x, y}", "JSON has no value of the type set"),
        ("a: !!pairs [x: 1]", "JSON has no value of the type tuple"),
        ("a: !!python/object/apply:os.system [id]", "could not determine a constructor for the tag"),
        ("a: !!int ''", "string index out of range"),
        ("a: .inf", "a number is infinite, is not a number, or has more than 300 digits"),
        ("a: .nan", "a number is infinite, is not a number, or has more than 300 digits"),
        ("a: 1e999", "a number is infinite, is not a number, or has more than 300 digits"),
        (f"a: 0x{'f' * 300}", "a number is infinite, is not a number, or has more than 300 digits"),
        (f"a: {'9' * 5000}", "value has 5000 digits"),
        ("a: {200: x, '200': y}", "an object has the key '200' twice"),
        ('a: "\\ud800"', "surrogates not allowed"),
        ('"\\ud800": a', "surrogates not allowed"),
        ("1.5: a", "the key 1.5 is not a string"),
    ],
)
def test_a_yaml_value_that_json_does_not_have_is_refused(text: str, reason: str) -> None:
    with pytest.raises(CodegenError, match=r"^here is not valid YAML: ") as refused:
        parse_mapping(text, "here")
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": NaN}', "a number is infinite, is not a number, or has more than 300 digits"),
        ('{"a": 1e999}', "a number is infinite, is not a number, or has more than 300 digits"),
        (f'{{"a": {"9" * 400}}}', "a number is infinite, is not a number, or has more than 300 digits"),
        (f'{{"a": {"9" * 5000}}}', "value has 5000 digits"),
        ('{"a": 1, "a": 2}', "an object has the key 'a' twice"),
        ('{"a": "\\ud800"}', "surrogates not allowed"),
        (f'{{"a": {"[" * 101}{"]" * 101}}}', "nested more than 100 levels deep"),
    ],
)
def test_json_has_the_same_limits(text: str, reason: str) -> None:
    with pytest.raises(CodegenError, match=r"^here is not valid JSON: ") as refused:
        parse_json(text, "here")
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &x {b: 1}\nc: *x\nd: *x", {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1}}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("a: &x 1\nb: &x 2\nc: *x", {"a": 1, "b": 2, "c": 2}),
        ("a: 18446744073709551615\nb: -1.7976931348623157e308", {"a": 2**64 - 1, "b": -1.7976931348623157e308}),
        ("200: 2026-01-02", {"200": "2026-01-02"}),
    ],
)
def test_aliases_merges_and_large_numbers_are_read(text: str, value: Json) -> None:
    assert parse_mapping(text, "here") == value
    assert parse_json(json.dumps(value), "here") == value
