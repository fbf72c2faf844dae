"""The settings of the client's generator, and the names of enum members that a page may choose."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from codegen import client_names
from codegen.adaptation import adapt
from codegen.document import Json
from codegen.errors import CodegenError
from codegen.remedies import class_setting
from contract.case_files import remedies


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: [", "while parsing"),
        ("- a", "mapping"),
        ("", "mapping"),
        ("post_hooks: 3", "post_hooks"),
        ("class_overrides: {A: 3}", "class_overrides"),
    ],
)
def test_broken_settings_are_an_error_that_names_the_file(
    text: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "generator-config.yml"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(client_names, "GENERATOR_CONFIG", path)
    with pytest.raises(CodegenError, match=r"^generator-config\.yml is not valid: ") as caught:
        client_names.client_config()
    assert found in str(caught.value)


def test_the_remedy_says_where_a_second_setting_goes() -> None:
    text = class_setting("Unset", "UnsetSchema")
    assert "if it has `class_overrides` already, paste the inner lines below that key" in text
    assert remedies(text) == ([], {"Unset": {"class_name": "UnsetSchema"}})


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        (["LOW", "HIGH"], True),
        (["low", "high"], True),
        (["LOW", "low"], False),
        (["A B", "a-b"], False),
        (["1", "2"], False),
        (["LOW", ""], False),
        (["§", "HIGH"], False),
        (["class", "None"], True),
    ],
)
def test_names_of_the_members_of_an_enum_of_integers_are_names(names: list[str], kept: bool) -> None:  # noqa: FBT001
    level: Json = {"type": "integer", "enum": [1, 2], "x-enum-varnames": names}
    document: dict[str, Json] = {"openapi": "3.1.0", "info": {"title": "Names", "version": "1"}, "paths": {}}
    given = {**document, "components": {"schemas": {"Level": copy.deepcopy(level)}}}
    adapted = adapt(given).client["components"]["schemas"]["Level"]
    assert adapted.get("x-enum-varnames") == (names if kept else None)
