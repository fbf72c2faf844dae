"""What the generated functions send is what the document says, for the parameters and bodies that are not refused."""

from __future__ import annotations

import copy
import datetime
import importlib
import io
import shutil
import uuid
from collections.abc import Generator
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from codegen.adaptation import adapt
from codegen.document import Json
from codegen.errors import CodegenError
from codegen.regenerate import CLIENT
from codegen.verification import verify
from contract.case_files import add_case, read_cases
from contract.generating import generate_from, imported_as

_DAY = datetime.date(2020, 1, 2)


@pytest.fixture(scope="module")
def code(published: dict[str, Json], tmp_path_factory: pytest.TempPathFactory) -> Path:
    cases = read_cases()
    document = copy.deepcopy(published)
    for name in ("r1-params", "r2-forms", "w01-equal-forms", "w02-file-or-object"):
        add_case(document, name, cases[name], as_body=False)
    return generate_from(document, tmp_path_factory.mktemp("sent"), supplement=False)


@pytest.fixture(scope="module")
def package(code: Path) -> Generator[ModuleType]:
    with imported_as("sent_requests", code) as package:
        yield package


def _function(package: ModuleType, name: str) -> ModuleType:
    return importlib.import_module(f"{package.__name__}.api.trial.{name}")


def _models(package: ModuleType) -> ModuleType:
    return importlib.import_module(f"{package.__name__}.models")


def _sent(**kwargs: Json) -> httpx.Request:
    with httpx.Client(base_url="http://localhost") as client:
        request = client.build_request(**kwargs)
    request.read()
    return request


def _file(package: ModuleType) -> Json:
    types = importlib.import_module(f"{package.__name__}.types")
    return types.File(io.BytesIO(b"DATA"), "n.png", "image/png")


def test_parameters_are_sent_as_the_document_says(package: ModuleType) -> None:
    models = _models(package)
    request = _sent(
        **_function(package, "a_op")._get_kwargs(
            id_path=uuid.UUID(int=3),
            flag="true",
            n=1.5,
            kind=models.AOpKind.P,
            day=_DAY,
            when="2020-01-02T00:00:00Z",
            tags=[models.AOpTagsItem.X, models.AOpTagsItem.Y],
            days=[_DAY],
            b=True,
            obj=models.AOpObj(p=1, q="z"),
            maybe=5,
            filter_='{"a":1}',
            from_="f",
            client_query="c",
            id_query="iq",
            x_int=3,
            x_bool=True,
            x_enum=models.AOpXEnum.VALUE_1,
            x_null="q",
            x_date="2020-01-01",
            x_union="5",
            x_any="a",
            sid="s",
            cint="5",
            cenum="m",
            cnull="n",
            body=models.VideoTaskUsage(completion_tokens=1, total_tokens=2),
        )
    )
    assert request.url.path == "/v1/a/00000000-0000-0000-0000-000000000003/true/1.5/p/2020-01-02"
    assert request.url.params.multi_items() == [
        ("when", "2020-01-02T00:00:00Z"),
        ("tags", "x"),
        ("tags", "y"),
        ("days", "2020-01-02"),
        ("b", "true"),
        ("p", "1"),
        ("q", "z"),
        ("maybe", "5"),
        ("filter", '{"a":1}'),
        ("from", "f"),
        ("client", "c"),
        ("id", "iq"),
    ]
    expected = {"x-int": "3", "x-bool": "true", "x-enum": "1", "x-null": "q", "x-date": "2020-01-01"}
    expected |= {"x-union": "5", "x-any": "a", "cookie": "sid=s; cint=5; cenum=m; cnull=n"}
    assert expected.items() <= dict(request.headers).items()
    assert request.content == b'{"completion_tokens":1,"total_tokens":2}'


def test_a_multipart_form_is_sent_as_the_document_says(package: ModuleType) -> None:
    models = _models(package)
    body = models.MultiBody(
        file=_file(package),
        files=[_file(package)],
        flag=models.MultiBodyFlag.TRUE,
        flags=[models.MultiBodyFlagsItem.FALSE],
        note="n",
        when="w",
        day=_DAY,
        kind=models.MultiBodyKind.P,
        meta=models.MultiBodyMeta(k=1),
        any_="x",
        u=5,
        c="x",
    )
    body["further"] = "text"
    request = _sent(**_function(package, "multi")._get_kwargs(body=body))
    parts = {
        part.split(b'name="')[1].split(b'"')[0].decode(): part.split(b"\r\n\r\n")[1].removesuffix(b"\r\n").decode()
        for part in request.content.split(b"--+++")[1:-1]
    }
    assert parts == {
        "file": "DATA",
        "files": "DATA",
        "flag": "true",
        "flags": "false",
        "note": "n",
        "when": "w",
        "day": "2020-01-02",
        "kind": "p",
        "meta": '{"k": 1}',
        "any": "x",
        "u": "5",
        "c": "x",
        "further": "text",
    }


def test_a_form_and_bytes_are_sent_as_the_document_says(package: ModuleType) -> None:
    models = _models(package)
    form = models.FormBody(a="x y", b=True, l=[1, 2], n="n", dd=_DAY, e=models.FormBodyE.Z)
    request = _sent(**_function(package, "form")._get_kwargs(body=form))
    assert request.content == b"a=x+y&b=true&dd=2020-01-02&e=z&l=1&l=2&n=n"
    request = _sent(**_function(package, "bytes_op")._get_kwargs(body=_file(package)))
    assert (request.headers["content-type"], request.content) == ("image/png", b"DATA")
    either = _function(package, "either")
    request = _sent(**either._get_kwargs(body=_file(package)))
    assert (request.headers["content-type"], request.content) == ("application/octet-stream", b"DATA")
    request = _sent(**either._get_kwargs(body=models.EitherJsonBody(a="x")))
    assert (request.headers["content-type"], request.content) == ("application/json", b'{"a":"x"}')


def test_of_a_form_and_json_with_the_same_schema_json_is_sent(package: ModuleType) -> None:
    models = _models(package)
    references = _function(package, "equal_references")
    request = _sent(**references._get_kwargs(body=models.Remix(prompt="x", strong=True)))
    assert (request.headers["content-type"], request.content) == ("application/json", b'{"prompt":"x","strong":true}')
    request = _sent(**references._get_kwargs(body=models.EqualReferencesDataBody(text="x")))
    assert (request.headers["content-type"], request.content) == ("application/x-www-form-urlencoded", b"text=x")
    body = models.EqualSchemasBody(deep=models.EqualSchemasBodyDeep(n=1))
    request = _sent(**_function(package, "equal_schemas")._get_kwargs(body=body))
    assert (request.headers["content-type"], request.content) == ("application/json", b'{"deep":{"n":1}}')


def test_the_report_names_the_form_that_is_not_sent() -> None:
    paths = read_cases()["w01-equal-forms"]["paths"]
    notes = adapt({"paths": paths, "components": {"schemas": {"Remix": {}}}}).notes
    meaning = "Only application/json is sent, of several media types with the same schema."
    assert {note.pointer for note in notes if note.meaning == meaning} == {
        "#/paths/~1v1~1w01a/post/requestBody/content",
        "#/paths/~1v1~1w01b/post/requestBody/content",
    }


@pytest.mark.parametrize(
    ("form", "json"),
    [
        (
            {"type": "object", "properties": {"a": {"const": True}}},
            {"type": "object", "properties": {"a": {"const": 1}}},
        ),
        ({"$ref": "#/components/schemas/Upload"}, {"$ref": "#/components/schemas/Upload"}),
        ({}, None),
    ],
)
def test_a_form_that_json_cannot_replace_is_kept(form: Json, json: Json) -> None:
    media: Json = {"multipart/form-data": {"schema": form}, "application/json": {"schema": json} if json else {}}
    upload = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
    document: dict[str, Json] = {
        "paths": {"/a": {"post": {"requestBody": {"content": media}, "responses": {}}}},
        "components": {"schemas": {"Upload": upload}},
    }
    assert adapt(document).client["paths"]["/a"]["post"]["requestBody"]["content"].keys() == media.keys()


def test_a_file_or_an_object_in_a_form_is_proven(code: Path, package: ModuleType) -> None:
    models = _models(package)
    places = verify(code).unproven
    assert not [place for place in places if "w02" in place]
    for value, sent in ((_file(package), b"DATA"), (models.Reference(id="x"), b'{"id": "x"}')):
        body = models.FileOrObjectBody(image=value)
        request = _sent(**_function(package, "file_or_object")._get_kwargs(body=body))
        assert sent in request.content


def test_a_response_that_is_no_json_is_read_as_bytes_or_as_text(package: ModuleType) -> None:
    response = httpx.Response(200, content=b"<x/>")
    for name in ("bytes_op", "form"):
        assert _function(package, name)._parse_response(client=None, response=response).payload.read() == b"<x/>"
    assert _function(package, "multi")._parse_response(client=None, response=response) == "<x/>"


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ('"application/json"', '"text/plain"', "properties/meta: .* is sent with the type text/plain of meta"),
        (
            "self.day.isoformat()",
            "str(self.day.year)",
            'properties/day: .* is sent with "2026" in day, not with "2026-01-02"',
        ),
    ],
)
def test_a_part_that_is_sent_wrongly_is_refused(
    code: Path, tmp_path: Path, old: str, new: str, difference: str
) -> None:
    shutil.copytree(code, tmp_path / "generated")
    model = tmp_path / "generated" / CLIENT / "models" / "multi_body.py"
    text = model.read_text(encoding="utf-8")
    assert old in text
    model.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(CodegenError, match=difference):
        verify(tmp_path / "generated")
