"""Generated code that is wrong is refused before it replaces anything, and the refusal says where and why."""

from __future__ import annotations

import copy
import io
import json
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import httpx
import pytest

import codegen.regenerate
import codegen.verification
from codegen.adaptation import Note
from codegen.document import DOCUMENT, Json
from codegen.errors import CodegenError
from codegen.merge import dump
from codegen.overlay import apply_overlay
from codegen.parsing import parse_mapping, read_mapping
from codegen.regenerate import CLIENT, WIRE, generate, regenerate
from codegen.verification import process, sample_faults, verify
from codegen.verification.checked import checked_part
from codegen.verification.findings import Finding, refusal
from codegen.verification.json_schema import Judge
from codegen.verification.program import output
from codegen.verification.program.comparison import sent_otherwise
from codegen.verification.requests import form, only_in_forms, parts_of, sent
from codegen.verification.samples import Maker
from codegen.verification.type_check import type_faults
from contract import verification_server

USAGE: Final = "models/video_task_usage.py"
GET: Final = "api/video/get_video_generation.py"
AT_USAGE: Final = "#/components/schemas/VideoTaskUsage"
AT_GET: Final = r"#/paths/~1v1~1video~1generations~1\{task_id\}/get"


def broken(fresh_code: Path, folder: Path, path: str, old: str, new: str) -> Path:
    """A copy of today's code with one text replaced. An empty `old` adds a line at the end."""
    copy = folder / "generated"
    shutil.copytree(fresh_code, copy)
    file = copy / (WIRE if path == "__init__.py" else CLIENT) / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new) if old else f"{text}\n{new}\n", encoding="utf-8")
    return copy


def test_the_code_of_today_is_proven_completely(fresh_code: Path) -> None:
    proof = verify(fresh_code)
    assert proof.trials > 400
    # A request with no content is not valid: once as a schema, and once as the body of an operation.
    assert proof.left_out == 2
    assert proof.unproven == {}
    assert not list(fresh_code.rglob("__pycache__"))


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        pytest.param(
            USAGE,
            '"total_tokens": total_tokens',
            '"total_tokens": completion_tokens + 1',
            AT_USAGE
            + ": `meshapi_video_generated.models.VideoTaskUsage`: the instance .* comes back from the model as",
            id="a wrong to_dict",
        ),
        pytest.param(
            "__init__.py",
            "total_tokens: int",
            "total_tokens: Any",
            AT_USAGE + r"/properties/total_tokens: `meshapi_video_wire.VideoTaskUsage`: .* accepts it",
            id="a missing check",
        ),
        pytest.param(
            "__init__.py",
            "total_tokens: int",
            "total_tokens: int | UnsetType = UNSET",
            AT_USAGE + r": `meshapi_video_wire.VideoTaskUsage`: .*no property total_tokens.* accepts it",
            id="a required property that may be absent",
        ),
        pytest.param(
            "__init__.py",
            "total_tokens: int",
            "total_tokens: str",
            AT_USAGE + ".*is valid, and the wire check refuses it: Expected `str`, got `int`",
            id="a check that refuses valid values",
        ),
        pytest.param(
            "__init__.py",
            "total_tokens: int",
            'total_tokens: Annotated[str, Meta(pattern="[")]',
            AT_USAGE + ": `meshapi_video_wire.VideoTaskUsage`: no decoder: error: unterminated character set",
            id="a type without a decoder",
        ),
        pytest.param(
            GET,
            "response_422 = HTTPValidationError.from_dict(response.json())",
            "response_422 = HTTPValidationError.from_dict({})",
            AT_GET + "/responses/422/content.*the response .* with the status 422 comes back",
            id="a response that is parsed wrongly",
        ),
        pytest.param(
            GET,
            '"/v1/video/generations/{task_id}"',
            '"/v1/videos/{task_id}"',
            AT_GET + "/parameters/0.* is sent to the path /v1/videos/text, not to /v1/video/generations/text",
            id="a request to the wrong path",
        ),
        pytest.param(
            GET,
            'quote(str(task_id), safe="")',
            "quote(str(task_id))",
            AT_GET + "/parameters/0.* is sent to the path .*/a/b%3Fc.*, not to .*/a%2Fb%3Fc",
            id="a slash that is not escaped",
        ),
        pytest.param(GET, "", "import no_such_module", AT_GET + ": .*ModuleNotFoundError", id="an import that fails"),
        pytest.param(USAGE, "", "raise SystemExit(0)", AT_USAGE + ": .*SystemExit: 0", id="an exit"),
        pytest.param(
            USAGE,
            "",
            "import os\nos._exit(0)",
            AT_USAGE + ": .*ends the process with the exit code 0",
            id="an end of the process",
        ),
        pytest.param(
            USAGE,
            "",
            'import socket\nsocket.create_connection(("127.0.0.1", 9))',
            AT_USAGE + ": .*RuntimeError: generated code must not use socket",
            id="a use of the network",
        ),
        pytest.param(
            USAGE,
            "    total_tokens: int",
            '    total_tokens: int = "none"',
            AT_USAGE + "/properties/total_tokens: mypy refuses line .*Incompatible types in assignment",
            id="a type that mypy refuses",
        ),
    ],
)
def test_wrong_code_is_refused_with_its_place_and_a_reason(
    fresh_code: Path, tmp_path: Path, path: str, old: str, new: str, message: str
) -> None:
    with pytest.raises(CodegenError, match=message):
        verify(broken(fresh_code, tmp_path, path, old, new))


def faults_of(folder: Path, modules: dict[str, str], wire: str = "", trials: Json = ()) -> list[process.Fault]:
    """The faults of two small packages: the modules of the client, and the text of the wire package."""
    (folder / "small_client").mkdir()
    for name, text in {"__init__": "", "models": "", **modules}.items():
        (folder / "small_client" / f"{name}.py").write_text(text, encoding="utf-8")
    (folder / "small_wire.py").write_text(wire, encoding="utf-8")
    task = {"folder": str(folder), "client": "small_client", "wire": "small_wire", "trials": [*trials]}
    return process.run_trials(task)


HANGS: Final = """
import re
re.match("(a|a)*$", "a" * 99 + "b")
"""
# Hours pass between two steps of the program, and the limit of the last step is over as soon as this step hangs.
HANGS_IN_A_STEP: Final = f"""
import faulthandler, itertools, time
clock, limit, options = itertools.count(time.monotonic(), 9999.0), faulthandler.dump_traceback_later, {{}}
time.monotonic = lambda: next(clock)
faulthandler.dump_traceback_later = lambda timeout, **others: options.update(others)

class It:
    @staticmethod
    def from_dict(value):
        if value == "hangs":
            limit(0.01, **options)
            exec({HANGS!r})
        return value
"""


def test_a_trial_that_hangs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The real limit of the imports. They are not to reach it on any machine.
    monkeypatch.setattr(process, "TIMEOUT", 600.0)
    trials = [{"kind": "model", "name": "It", "text": f'"{text}"'} for text in ("text", "hangs", "text")]
    faults = faults_of(tmp_path, {"models": HANGS_IN_A_STEP}, trials=trials)
    assert faults == [process.Fault(1, "does not end within 600 s")]


def test_a_module_that_hangs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "TIMEOUT", 1.0)
    # No step comes before this one, so no other one can reach the limit.
    assert faults_of(tmp_path, {"__init__": HANGS}) == [process.Fault("small_client", "does not end within 1 s")]


def test_the_limit_of_time_is_for_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = list[float]()
    now = 0.0

    def limit(timeout: float, **_options: object) -> None:
        ends.append(now + timeout)

    monkeypatch.setattr(output, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(output, "faulthandler", SimpleNamespace(dump_traceback_later=limit))
    program = output.Output(io.StringIO(), 10.0)
    for step in range(100):
        program.begin(step)
        # To set the limit takes time: a step may have a tenth less.
        assert 9 <= ends[-1] - now <= 10
        now += 0.25
    assert len(ends) < 100 / 4


@pytest.mark.parametrize(
    ("output", "faults"),
    [
        ('["begin", 1]\n["end"]\n', []),
        ('["begin", 1]\n["fault", 1, "wrong"]\n["end"]\n', [(1, "wrong")]),
        ('["begin", 1]\n', [(1, "stopped")]),
        ('["begin", 1]\n["fault", 1, "list[int]', [(1, "stopped")]),
        ('["begin", 1]\n["end"]', [(1, "stopped")]),
        ('["begin", 1]\n["fault", 1, "xTimeout (0:00:10)!\nThread 0x00 [python]\n', [(1, "does not end within 10 s")]),
        ("", [("", "stopped")]),
    ],
)
def test_output_that_was_cut_is_read_up_to_its_last_line(output: str, faults: list[tuple[int | str, str]]) -> None:
    assert process.faults_in(output.encode(), "stopped") == [process.Fault(*fault) for fault in faults]


FORBIDDEN: Final = {
    "tcp": "socket.create_connection(('127.0.0.1', 9))",
    "server": "socket.socket().bind(('127.0.0.1', 0))",
    "udp": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('127.0.0.1', 9))",
    "udp_message": "socket.socket(type=socket.SOCK_DGRAM).sendmsg([b''], [], 0, ('127.0.0.1', 9))",
    "resolve": "socket.getaddrinfo('localhost', 80)",
    "resolve_name": "socket.gethostbyname('localhost')",
    "resolve_all": "socket.gethostbyname_ex('localhost')",
    "resolve_address": "socket.gethostbyaddr('127.0.0.1')",
    "name_of_address": "socket.getnameinfo(('127.0.0.1', 80), 0)",
    "process": "subprocess.run(['true'])",
    "shell": "os.system('true')",
    "pipe": "os.popen('true')",
    "fork": "os.fork() or os._exit(0)",
    "terminal": "os.forkpty()[0] or os._exit(0)",
    "exec": "os.execv('/bin/true', ['true'])",
    "exec_in_path": "os.execvp('true', ['true'])",
    "posix_spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "posix_spawnp": "os.posix_spawnp('true', ['true'], {})",
    "spawn": "os.spawnv(os.P_WAIT, '/bin/true', ['true'])",
}


def test_generated_code_reaches_no_network_and_no_other_process(tmp_path: Path) -> None:
    modules = {f"uses_{way}": f"import os, socket, subprocess\n{code}" for way, code in FORBIDDEN.items()}
    faults = {fault.step: fault.reason for fault in faults_of(tmp_path, modules)}
    refused = "the import fails with RuntimeError: generated code must not use "
    assert [way for way in FORBIDDEN if not faults.get(f"small_client.uses_{way}", "").startswith(refused)] == []


def test_code_that_prints_does_not_disturb_the_check(fresh_code: Path, tmp_path: Path) -> None:
    printing = broken(fresh_code, tmp_path, USAGE, "", "print('[\"end\"]', flush=True)")
    with pytest.raises(CodegenError, match="ModuleNotFoundError"):
        verify(broken(printing, tmp_path / "again", GET, "", "import no_such_module"))


def test_generated_code_gets_no_secret_of_the_environment(
    fresh_code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHAPI_API_KEY", "secret")
    curious = "import os\nraise ValueError(sorted(os.environ))"
    with pytest.raises(CodegenError) as caught:
        verify(broken(fresh_code, tmp_path, USAGE, "", curious))
    assert "ValueError: [" in str(caught.value)
    assert "MESHAPI_API_KEY" not in str(caught.value)


def test_a_broken_cache_changes_nothing(fresh_code: Path, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.mkdir()
    (known / f"{sys.version_info[0]}.{sys.version_info[1]}").write_text("no folder")
    assert type_faults(fresh_code, [WIRE], known) == []


def test_the_first_run_of_mypy_keeps_its_cache(fresh_code: Path, tmp_path: Path) -> None:
    assert type_faults(fresh_code, [WIRE], tmp_path / "new" / "known") == []
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["known"]


def test_wrong_code_replaces_nothing(fresh_code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def generate_wrongly(into: Path, *documents: Path) -> None:
        generate(into, *documents)
        module = into / CLIENT / USAGE
        module.write_text(module.read_text(encoding="utf-8") + "\nimport no_such_module\n", encoding="utf-8")

    monkeypatch.setattr(codegen.regenerate, "generate", generate_wrongly)
    target = tmp_path / "generated"
    shutil.copytree(fresh_code, target)
    with pytest.raises(CodegenError, match=f"The generated code would be wrong:\n{AT_USAGE}: "):
        regenerate(target, report_file=tmp_path / "report.md")
    assert "no_such_module" not in (target / CLIENT / USAGE).read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["generated"]


def test_what_cannot_be_tried_out_is_in_the_report(
    fresh_code: Path, published: dict[str, Json], tmp_path: Path
) -> None:
    document = copy.deepcopy(published)
    document["components"]["schemas"]["VideoTaskResponse"]["properties"]["strange"] = {
        "$ref": "#/components/schemas/Strange"
    }
    document["components"]["schemas"]["Strange"] = {"type": "string", "minLength": 9, "maxLength": 1}
    file, target = tmp_path / "openapi.yaml", tmp_path / "generated"
    file.write_text(dump(document), encoding="utf-8")
    shutil.copytree(fresh_code, target)
    report = regenerate(target, file, dry_run=True).markdown()
    assert "| `#/components/schemas/Strange` | Not tried out: no valid instance can be made. |" in report


def test_the_verification_comes_before_the_comparison(
    fresh_code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def generate_wrongly(into: Path, *documents: Path) -> None:
        generate(into, *documents)
        (into / CLIENT / USAGE).write_text("this is no Python", encoding="utf-8")

    monkeypatch.setattr(codegen.regenerate, "generate", generate_wrongly)
    target = tmp_path / "generated"
    shutil.copytree(fresh_code, target)
    # The first module that imports the wrong one is named.
    reason = "`meshapi_video_generated.models.video_task_response`: the import fails with SyntaxError"
    where = "#/components/schemas/VideoTaskResponse"
    with pytest.raises(CodegenError, match=f"The generated code would be wrong:\n{where}: {reason}"):
        regenerate(target, dry_run=True)


def test_a_value_that_several_members_of_one_of_match_is_known() -> None:
    document = document_with(It={"oneOf": [{"type": "integer"}, {"type": "number"}]})
    assert Maker(document).samples("#/components/schemas/It").overlapping


def test_each_property_is_tried_out_or_known_not_to_be() -> None:
    text = {"type": "string"}
    endless = {"type": "object", "required": ["it"], "properties": {"it": {"$ref": "#/components/schemas/Endless"}}}
    properties = {
        "text": text,
        "none": {**text, "minLength": 9, "maxLength": 1},
        "endless": {"$ref": "#/components/schemas/Endless"},
    }
    document = document_with(It={"type": "object", "properties": properties}, Endless=endless)
    samples = Maker(document).samples("#/components/schemas/It")
    assert {"text": 7} in [each.instance for each in samples.invalid]
    place = "#/components/schemas/It/properties"
    assert samples.untried == {f"{place}/none": "none", f"{place}/endless": "endless"}


def test_a_property_that_repeats_its_schema_is_tried_out() -> None:
    tree = {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/It"}, "text": {"type": "string"}}}
    assert {"child": {"text": "text"}, "text": "text"} in instances(document_with(It=tree))[0]


def test_a_schema_that_accepts_every_value_needs_no_invalid_instance() -> None:
    for schema in ({}, True, {"description": "anything"}, {"anyOf": [{"type": "string"}, {}]}):
        samples = Maker(document_with(It=schema)).samples("#/components/schemas/It")
        assert (samples.problem, samples.only_valid) == ("", False)
    excluding = {"not": {"const": "no sample is this text"}}
    assert Maker(document_with(It=excluding)).samples("#/components/schemas/It").only_valid


def test_a_length_may_be_a_whole_fraction_and_a_huge_one_makes_no_instance() -> None:
    short, items = {"type": "string", "minLength": 3.0, "maxLength": 4.0}, {"type": "array", "minItems": 2.0}
    assert instances(document_with(It=short))[0] == ["text"]
    assert instances(document_with(It=items))[0][0] == ["anything", "anything"]
    for huge in ({"type": "string", "minLength": 10**9}, {"type": "array", "minItems": 10**9}):
        assert Maker(document_with(It=huge)).samples("#/components/schemas/It").problem


def document_with(**schemas: Json) -> dict[str, Json]:
    return {"openapi": "3.1.0", "paths": {}, "components": {"schemas": schemas}}


def instances(document: dict[str, Json], name: str = "It", *left_out: str) -> tuple[Json, Json]:
    """The valid and the invalid instances of a component, without the checks that are left out."""
    notes = [Note(place, "not checked") for place in left_out]
    samples = Maker(document, notes).samples(f"#/components/schemas/{name}")
    assert samples.problem == ""
    return [each.instance for each in samples.valid], [each.instance for each in samples.invalid]


def test_samples_have_each_alternative_and_each_wrong_type() -> None:
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"type": ["string", "null"]}, "b": {"type": "array", "items": {"enum": [1, 2]}}},
    }
    valid, invalid = instances(document_with(It=schema))
    assert valid[:3] == [{"a": "text"}, {"a": "text", "b": [1]}, {"a": "text", "b": [1], "unknown-field": "anything"}]
    assert {"a": None, "b": [1]} in valid
    assert {"a": "text", "b": [2]} in valid
    assert {"a": "text", "b": []} in valid
    assert "text" in invalid
    assert {"a": 7, "b": [1], "unknown-field": "anything"} in invalid
    assert {"a": "text", "b": {}, "unknown-field": "anything"} in invalid
    assert {"a": "text", "b": ["text"], "unknown-field": "anything"} in invalid
    assert {"b": [1], "unknown-field": "anything"} in invalid


@pytest.mark.parametrize(
    ("schema", "place", "invalid", "accepted"),
    [
        ({"type": "string", "minLength": 2}, "/minLength", None, "t"),
        ({"allOf": [{"type": "string"}, {"minLength": 2}]}, "/allOf/1/minLength", None, "t"),
        # The keyword is in a part.
        ({"allOf": [{"type": "string"}, {"minLength": 2}]}, "/minLength", None, "t"),
        # Another component keeps the check.
        ({"allOf": [{"$ref": "#/components/schemas/Short"}]}, "/allOf/0/maxLength", 7, "text" * 2),
        (
            {"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "string"}},
            "/prefixItems",
            7,
            ["a"],
        ),
        ({"type": "object", "required": ["a"], "properties": {"b": {}}}, "/required", 7, {}),
        # Beside a reference, nothing is read.
        ({"$ref": "#/components/schemas/Open", "required": ["a"]}, "/required", 7, {}),
        ({"patternProperties": {"^a": {}}, "additionalProperties": False}, "/patternProperties", None, {"b": 1}),
        ({"type": "object", "properties": {"a": {"type": "integer"}}}, "/properties/a", 7, {"a": "text"}),
    ],
)
def test_a_note_leaves_out_the_check_that_it_names_and_no_other(
    schema: Json, place: str, invalid: Json, accepted: Json
) -> None:
    others: dict[str, Json] = {"Open": {"type": "object", "properties": {"a": {}}}}
    document = document_with(It=schema, Short={"type": "string", "maxLength": 4}, **others)
    note = Note(f"#/components/schemas/It{place}", "not checked")
    assert not is_valid(checked_part(document, []), accepted)
    assert is_valid(checked_part(document, [note]), accepted)
    assert invalid is None or not is_valid(checked_part(document, [note]), invalid)
    assert not is_valid(checked_part(document, [note]), "text" * 2, "Short")


def is_valid(document: dict[str, Json], instance: Json, name: str = "It") -> bool:
    return Judge(document).validator(f"#/components/schemas/{name}", formats=True).is_valid(instance)


def test_a_note_about_a_place_that_does_not_exist_leaves_out_nothing() -> None:
    document = document_with(It={"type": "string"})
    for place in ("#/components/schemas/It/properties/a/type", "#/components/schemas/No", "#/paths/a/get/0", "#"):
        assert not is_valid(checked_part(document, [Note(place, "not checked")]), 7)


def test_a_check_that_a_note_leaves_out_demands_nothing() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 5}}}
    place = "#/components/schemas/It/properties/a/minimum"
    assert {"a": 4, "unknown-field": "anything"} in instances(document_with(It=schema))[1]
    assert {"a": 4, "unknown-field": "anything"} not in instances(document_with(It=schema), "It", place)[1]
    assert {"a": "text", "unknown-field": "anything"} in instances(document_with(It=schema), "It", place)[1]


def test_a_pattern_that_was_translated_hides_no_invalid_instance() -> None:
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"type": "string", "pattern": r"^[A-Z]{2}-\d+$"}},
    }
    document = {**document_with(It=schema), "info": {"title": "t", "version": "1"}}
    valid, invalid = instances(document)
    assert {"a": "AA-0"} in valid
    assert {"a": "text", "unknown-field": "anything"} in invalid


def test_the_value_of_a_discriminator_is_known_and_another_one_is_invalid() -> None:
    kind = {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}}}
    choice = {
        "oneOf": [{"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"}],
        "discriminator": {"propertyName": "kind", "mapping": {"first": "#/components/schemas/A"}},
    }
    document = document_with(It=choice, A=kind, B=kind)
    valid, _ = instances(document)
    assert valid == [{"kind": "first"}, {"kind": "first", "unknown-field": "anything"}, {"kind": "B"}]
    assert {"kind": "no such value", "unknown-field": "anything"} in instances(document, "A")[1]


def test_nullable_counts_in_3_0_alone() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "nullable": True}}}
    document = document_with(It=schema)
    assert {"a": None} not in instances(document)[0]
    assert {"a": None} not in instances(document)[1]
    assert {"a": None} in instances({**document, "openapi": "3.0.3"})[0]


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"type": "string", "minLength": 9, "maxLength": 1}, "no valid instance"),
        ({"$ref": "#/components/schemas/It"}, "no valid instance"),
        (False, "no valid instance"),
        ({"type": "string", "pattern": "("}, "no JSON Schema"),
    ],
)
def test_a_schema_without_a_valid_instance_is_counted(schema: Json, problem: str) -> None:
    document = document_with(It=schema)
    assert problem in Maker(document).samples("#/components/schemas/It").problem


@pytest.mark.parametrize(
    ("parameter", "value", "pairs"),
    [
        ({"in": "query"}, True, [("p", "true")]),
        ({"in": "query"}, "", None),
        ({"in": "query"}, None, None),
        ({"in": "query"}, [1, "b"], [("p", "1"), ("p", "b")]),
        ({"in": "query", "explode": False}, [1, "b"], [("p", "1,b")]),
        ({"in": "query", "style": "pipeDelimited"}, [1, "b"], [("p", "1|b")]),
        ({"in": "query"}, {"a": 1, "b": "c"}, [("a", "1"), ("b", "c")]),
        ({"in": "query", "explode": False}, {"a": 1, "b": "c"}, [("p", "a,1,b,c")]),
        ({"in": "query", "style": "deepObject"}, {"a": 1}, [("p[a]", "1")]),
        ({"in": "query"}, {"a": {"b": 1}}, None),
        ({"in": "path"}, [1, 2], [("p", "1,2")]),
        ({"in": "path", "style": "matrix"}, 1, None),
        ({"in": "header"}, {"a": 1, "b": 2}, [("p", "a,1,b,2")]),
        ({"in": "header", "explode": True}, {"a": 1}, [("p", "a=1")]),
        ({"in": "cookie"}, 1.5, [("p", "1.5")]),
    ],
)
def test_parameters_are_expected_as_the_standard_says(parameter: Json, value: Json, pairs: Json) -> None:
    assert sent({"name": "p", **parameter}, value) == pairs


def test_forms_are_expected_as_pairs_of_texts() -> None:
    assert form({"a": [1, 2], "b": "c"}) == [("a", "1"), ("a", "2"), ("b", "c")]
    assert form({"a": {"b": 1}}) is None


FORM: Final[dict[str, Json]] = {"note": "n", "size": 1.5, "file": "DATA", "meta": {"k": 1}, "all": ["a", "b"]}
PARTS: Final[dict[str, tuple[str | None, bytes, str]]] = {
    "note": (None, b"n", "text/plain"),
    "size": (None, b"1.5", "text/plain"),
    "file": ("file.bin", b"DATA", "application/x-file"),
    "meta": (None, b'{"k":1.0}', "application/json"),
}
ALL: Final = [("all", (None, text, "text/plain")) for text in (b"a", b"b")]


@pytest.mark.parametrize(
    ("changed", "further", "difference"),
    [
        ({}, ALL, ""),
        ({"note": (None, b"m", "text/plain")}, ALL, 'is sent with "m" in note, not with "n"'),
        (
            {"note": (None, b"n", "application/json")},
            ALL,
            "is sent with the type application/json of note, not text/plain",
        ),
        ({"size": (None, b"1,5", "text/plain")}, ALL, 'is sent with "1,5" in size, not with "1.5"'),
        ({"meta": (None, b"{}", "application/json")}, ALL, 'is sent with {} in meta, not with {"k": 1}'),
        (
            {"meta": (None, b'{"k": 1}', "text/plain")},
            ALL,
            "is sent with the type text/plain of meta, not application/json",
        ),
        ({"file": (None, b"DATA", "application/x-file")}, ALL, "is sent with the file file as None of the type .*"),
        (
            {"file": ("file.bin", b"DATA", "text/plain")},
            ALL,
            "is sent with the file file as file.bin of the type text/plain",
        ),
        ({}, ALL[:1], "is sent without all"),
        ({}, ALL[::-1], 'is sent with "b" in all, not with "a"'),
        ({}, [*ALL, ("more", (None, b"x", "text/plain"))], "is sent with more too"),
    ],
)
def test_each_part_of_a_form_is_compared(changed: Json, further: Json, difference: str) -> None:
    parts = parts_of(FORM, ["file"], {})
    request = httpx.Request("POST", "http://localhost/a", files=[*{**PARTS, **changed}.items(), *further])
    request.read()
    trial = {
        "path": "/a",
        "query": [],
        "headers": [],
        "cookies": [],
        "body": FORM,
        "body_type": "files",
        "parts": parts,
    }
    assert re.fullmatch(difference, sent_otherwise(trial, request))


def test_the_document_gives_the_type_of_a_part() -> None:
    encoding = {"note": {"contentType": "image/*, text/csv; charset=utf-8"}, "meta": {"contentType": "text/plain"}}
    types = {part["name"]: part["types"] for part in parts_of({"note": "n", "meta": {}, "b": True}, [], encoding)}
    assert types == {"note": ["image/*", "text/csv"], "meta": ["text/plain"], "b": ["text/plain"]}
    assert parts_of({"lists": [[1]]}, [], {}) == [{"name": "lists", "json": [1], "types": ["application/json"]}]


@pytest.mark.parametrize(
    ("path", "difference"),
    [
        ("/v/a%2Fb%20c/x", ""),
        ("/v/a%2fb%20%63/x", ""),
        ("/v/a/b%20c/x", "is sent to the path /v/a/b%20c/x, not to /v/a%2Fb%20c/x"),
        ("/v/a%252Fb%20c/x", "is sent to the path /v/a%252Fb%20c/x, not to /v/a%2Fb%20c/x"),
    ],
)
def test_a_slash_in_an_argument_differs_from_one_in_the_path(path: str, difference: str) -> None:
    trial: dict[str, Json] = {"path": "/v/a%2Fb%20c/x", "query": [], "headers": [], "cookies": []}
    assert sent_otherwise(trial, httpx.Request("GET", f"http://localhost{path}")) == difference


def test_components_of_forms_alone_are_no_json() -> None:
    media = {"schema": {"$ref": "#/components/schemas/Upload"}}
    upload = {"requestBody": {"content": {"multipart/form-data": media}}, "responses": {}}
    document: Json = {**document_with(Upload={}), "paths": {"/a": {"post": upload}}}
    assert only_in_forms(document) == {"#/components/schemas/Upload"}
    document["paths"]["/b"] = {"get": {"responses": {"200": {"content": {"application/json": media}}}}}
    assert only_in_forms(document) == set()


def test_the_remedy_of_a_refusal_can_be_pasted() -> None:
    document = read_mapping(DOCUMENT)
    place = "#/components/schemas/VideoTaskResponse/properties/seed"
    message = str(refusal(document, [Finding(f"{place}/oneOf/7", "first"), Finding(place, "second")]))
    assert message.startswith(f"The generated code would be wrong:\n{place}: first.\nThe model can")
    action = parse_mapping("actions:\n" + message.partition("\n\n")[2], "the remedy")["actions"][0]
    overlay = {"overlay": "1.0.0", "info": {"title": "t", "version": "1"}, "actions": [action]}
    task = apply_overlay(document, overlay)["components"]["schemas"]["VideoTaskResponse"]
    assert "seed" not in task["properties"]


def test_a_refusal_without_a_place_in_the_document_is_readable() -> None:
    assert str(refusal({}, [Finding("#", "wrong")])).startswith("The generated code would be wrong:\n#: wrong.\nChange")


def test_only_a_few_faults_are_printed() -> None:
    document = document_with(**{f"S{number}": {} for number in range(9)})
    findings = [Finding(f"#/components/schemas/S{number}", "wrong") for number in range(9)]
    assert "There are 4 more faults." in str(refusal(document, findings))


def test_samples_of_known_texts_are_tried(fresh_code: Path) -> None:
    right = json.dumps({"completion_tokens": 1, "total_tokens": 2})
    assert sample_faults(fresh_code, [("VideoTaskUsage", right, "ok"), ("VideoTaskUsage", "{}", "refused")]) == []
    assert sample_faults(fresh_code, [("VideoTaskUsage", right, "refused"), ("VideoTaskUsage", "{}", "?")]) == [
        f"{right} is not valid, and the wire check accepts it"
    ]


def test_the_forking_stand_in_finds_the_same(fresh_code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codegen.verification, "run_trials", verification_server.run_trials)
    assert verify(fresh_code).trials > 400
    with pytest.raises(CodegenError, match=f"{AT_USAGE}/properties/total_tokens: .* accepts it"):
        verify(broken(fresh_code, tmp_path, "__init__.py", "total_tokens: int", "total_tokens: Any"))
    with pytest.raises(CodegenError, match=f"{AT_USAGE}: .*ends the process"):
        verify(broken(fresh_code, tmp_path / "again", USAGE, "", "import os\nos._exit(0)"))
    assert verify(fresh_code).trials > 400
