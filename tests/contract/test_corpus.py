"""The corpus command shows the result of each operation of a folder, and nothing in a folder makes it fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from codegen.corpus.__main__ import argument_parser, row, shape, short
from codegen.corpus.pages import Page, pages
from codegen.corpus.runs import Kind, Outcome, Worker
from codegen.document import ROOT, Json

RESPONSE: Final = {
    "description": "ok",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
}
PETS: Final[Json] = {
    "openapi": "3.0.3",
    "info": {"title": "Pets", "version": "1"},
    "paths": {
        "/pets/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {"operationId": "get_pet", "responses": {"200": RESPONSE}},
            "delete": {"responses": {"204": {"description": "gone"}}},
        }
    },
    "components": {
        "schemas": {
            "Pet": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "owner": {"$ref": "#/components/schemas/VideoTaskError"}},
            },
            "VideoTaskError": {"type": "object", "title": "VideoTaskError", "properties": {"a": {"type": "integer"}}},
            "Unused": {"type": "object"},
        }
    },
}
CASE: Final = """
schemas:
  Trial: {type: object, properties: {n: {type: integer}}}
samples:
- [Trial, '{"n": 3}', ok]
- [Trial, '{"n": "3"}', refused]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "inner").mkdir()
    (folder / "inner" / "pets.json").write_text(json.dumps(PETS), encoding="utf-8")
    (folder / "case.yaml").write_text(CASE, encoding="utf-8")
    (folder / "wrong-case.yaml").write_text(CASE.replace("refused", "ok"), encoding="utf-8")
    (folder / "no-yaml.yml").write_text("a: [", encoding="utf-8")
    (folder / "no-text.yml").write_bytes(b"\xff\xfe")
    (folder / "old.json").write_text('{"swagger": "2.0"}', encoding="utf-8")
    (folder / "settings.json").write_text('{"other": "2.0"}', encoding="utf-8")
    (folder / "README.md").write_text("# Words about openapi\n", encoding="utf-8")
    (folder / "page.md").write_text(
        "Reference: https://a.example/b\n\n```yaml\nopenapi: 3.1.0\n```\n", encoding="utf-8"
    )
    return folder


def test_the_table_has_a_row_for_each_operation_and_the_totals(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "codegen.corpus", str(folder), "--workers", "1"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "60"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 60
    text = " ".join(done.stdout.split())
    rows = [
        "generated and proven … s case.yaml schemas",
        "generated and proven … s inner/pets.json GET /pets/{id}",
        "refused … s inner/pets.json DELETE /pets/{id} #/paths/~1pets~1{id}/delete: DELETE /pets/{id} has no",
        "refused … s no-text.yml",
        "refused … s no-yaml.yml",
        "refused … s old.json this is Swagger 2.0, and not OpenAPI 3",
        "refused … s page.md",
        'broken … s wrong-case.yaml schemas {"n": "3"} is valid, and the wire check refuses it',
        "8 operations in …",
        "2 generated and proven 5 refused 0 refused by the check 1 broken",
    ]
    for expected in rows:
        before, _, after = expected.partition("…")
        assert before in text, text
        assert after in text, text
    assert "README" not in text
    assert "settings" not in text


def test_the_help_explains_the_results() -> None:
    text = argument_parser().format_help()
    assert all(kind in text for kind in Kind)


def test_a_page_has_one_operation_and_what_it_uses_beside_the_document_of_today(folder: Path) -> None:
    page = next(page for page in pages(folder) if page.operation == "GET /pets/{id}")
    document: Json = page.document
    assert document["openapi"] == "3.0.3"
    assert document["paths"]["/pets/{id}"].keys() == {"parameters", "get"}
    assert "/v1/video/generations/{task_id}" in document["paths"]
    schemas = document["components"]["schemas"]
    assert "Unused" not in schemas
    assert schemas["Pet"]["properties"]["owner"] == {"$ref": "#/components/schemas/AddedVideoTaskError"}
    assert schemas["AddedVideoTaskError"]["title"] == "AddedVideoTaskError"
    assert "code" in schemas["VideoTaskError"]["properties"]


def test_a_document_of_schemas_alone_has_a_page_for_each_schema(tmp_path: Path) -> None:
    (tmp_path / "pets.json").write_text(json.dumps({**PETS, "paths": {}}), encoding="utf-8")
    assert [page.operation for page in pages(tmp_path)] == [
        "the schema Pet",
        "the schema VideoTaskError",
        "the schema Unused",
    ]


def hang(page: Page) -> Outcome:
    if page.source == "hangs":
        time.sleep(60)
    if page.source == "ends":
        os._exit(3)
    return Outcome(Kind.PROVEN, "")


def test_a_page_that_hangs_or_ends_its_process_is_broken_and_the_next_one_is_run() -> None:
    worker = Worker(timeout=0.5, run=hang)
    try:
        assert worker.run(Page("hangs", ""))[:2] == (Kind.BROKEN, "no end within 0.5 s")
        assert worker.run(Page("works", "")) == Outcome(Kind.PROVEN, "")
        assert worker.run(Page("ends", ""))[:2] == (Kind.BROKEN, "the process ended before the page did")
    finally:
        worker.stop()


def test_reasons_are_short_in_the_table_and_counted_without_names() -> None:
    place = "#/components/schemas/A/properties/b"
    fault = f"{place}: `a.B`: the instance {{}} (the value 1 there) raises KeyError: 'b'."
    reason = f"The generated code would be wrong:\n{fault}\n"
    assert short(reason).startswith(f"{place}: `a.B`: the instance {{}}")
    assert shape(reason) == "the instance … raises KeyError: …."
    lines = row(Page("a.yaml", "GET /a"), Outcome(Kind.FOUND, reason * 9, 1.25), 60)
    assert lines[0] == "refused by the check   1.2 s  a.yaml  GET /a"
    assert max(map(len, lines)) <= 60
