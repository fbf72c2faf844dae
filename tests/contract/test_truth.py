"""Types do not lie: the checks and the models agree with the document about every instance."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any, Final, get_args, get_type_hints

import attrs
import jsonschema_rs
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import meshapi_video
import meshapi_video_wire as wire
from codegen.document import DOCUMENT, OVERLAY, Json, is_list, is_object
from codegen.overlay import apply_overlay
from codegen.parsing import read_mapping
from codegen.verification.instances import Schema, alternatives, component, one_instance
from codegen.verification.samples import ONE_OF_EACH
from contract.instances import ANYTHING, FRACTIONS, TEXT, WHOLE, valid_instances
from meshapi_video import InvalidResponse, VideoTaskResponse, parse_task
from meshapi_video._transport.contract import _decoder, check_body
from meshapi_video_generated import models, types

CONTRACT: Final = apply_overlay(read_mapping(DOCUMENT), read_mapping(OVERLAY))
PUBLISHED: Final = sorted(CONTRACT["components"]["schemas"].keys() & set(meshapi_video.__all__))
TASKS: Final = valid_instances(CONTRACT, "VideoTaskResponse")
WRONG: Final[dict[str, st.SearchStrategy[Json]]] = {
    "string": TEXT,
    "integer": WHOLE,
    "number": FRACTIONS,
    "boolean": st.booleans(),
    "null": st.none(),
    "array": st.lists(ANYTHING, max_size=3),
    "object": st.dictionaries(TEXT, ANYTHING, max_size=3),
}
# Derandomized: what is red here is red everywhere, and rand never holds up a change.
thoroughly = settings(
    derandomize=True, deadline=None, max_examples=200, database=None, suppress_health_check=[HealthCheck.too_slow]
)


def validator(document: Schema, name: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for({**component(name), "components": document["components"]})


IS_TASK: Final = validator(CONTRACT, "VideoTaskResponse").is_valid


def text_of(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def canonical(value: Json) -> str:
    """The same text for the same JSON: 1, 1.0 and 1e0 are one number there, and true is none."""
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: Json) -> Json:
    if is_object(value):
        return {key: _whole(inner) for key, inner in value.items()}
    if is_list(value):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def attribute_types(model: type) -> dict[str, Any]:
    return get_type_hints(model, {**vars(models), **vars(types), "Any": Any})


MODELS: Final = (models.VideoTaskContent, models.VideoTaskError, models.VideoTaskUsage)


def holds_what_it_declares(model: object) -> bool:
    hints = attribute_types(type(model))
    values: dict[str, object] = {name: getattr(model, name) for name in hints if name != "additional_properties"}
    return all(
        type(value) in (get_args(hints[name]) or (hints[name],))
        and (not isinstance(value, MODELS) or holds_what_it_declares(value))
        for name, value in values.items()
    )


@thoroughly
@given(TASKS)
def test_every_valid_task_is_accepted_and_comes_back_as_equal_json(task: Json) -> None:
    assert IS_TASK(task)
    text = text_of(task)
    check_body(text)
    check_body(text.encode())
    for payload in (text, text.encode(), task):
        parsed = parse_task(payload)
        assert canonical(parsed.to_dict()) == canonical(task)
        assert holds_what_it_declares(parsed)


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_valid_instance_of_a_published_schema_passes_the_wire_and_the_model(name: str) -> None:
    @settings(thoroughly, max_examples=50)
    @given(valid_instances(CONTRACT, name))
    def check(instance: Json) -> None:
        msgspec.convert(_decoder.decode(text_of(instance)), getattr(wire, name))
        parsed = getattr(models, name).from_dict(json.loads(text_of(instance)))
        assert canonical(parsed.to_dict()) == canonical(instance)

    check()


@attrs.frozen
class Place:
    """A declared place of an instance, by the keys that lead there from the top."""

    keys: tuple[str, ...]
    allowed: frozenset[str]
    required: tuple[str, ...]

    @property
    def path(self) -> str:
        return ".".join(("$", *self.keys))

    def wrong_kinds(self) -> list[str]:
        # A number that is no integer is wrong for an integer; every integer is a number.
        also = {"integer"} if "number" in self.allowed else set[str]()
        return [kind for kind in WRONG if kind not in self.allowed | also]

    def replaced(self, instance: Json, value: Json) -> Json:
        if not self.keys:
            return value
        broken = copy.deepcopy(instance)
        self._inside(broken, self.keys[:-1])[self.keys[-1]] = value
        return broken

    def without(self, instance: Json, name: str) -> Json:
        broken = copy.deepcopy(instance)
        del self._inside(broken, self.keys)[name]
        return broken

    @staticmethod
    def _inside(instance: Json, keys: tuple[str, ...]) -> Json:
        for key in keys:
            instance = instance[key]
        return instance


def places(schema: Json, instance: Json, keys: tuple[str, ...] = ()) -> Iterator[Place]:
    found = alternatives(CONTRACT, schema)
    objects = [one for one in found if one["type"] == "object"] if is_object(instance) else []
    required = tuple(name for one in objects for name in one.get("required", []))
    yield Place(keys, frozenset(one["type"] for one in found), required)
    for one in objects:
        for name, declared in one.get("properties", {}).items():
            if name in instance:
                yield from places(declared, instance[name], (*keys, name))


def task_places(task: Json) -> list[Place]:
    return list(places(component("VideoTaskResponse"), task))


def assert_refused(broken: Json, path: str) -> None:
    assert not IS_TASK(broken)
    payloads: list[Json] = [text_of(broken), text_of(broken).encode()]
    if is_object(broken):
        payloads.append(broken)
    for payload in payloads:
        with pytest.raises(InvalidResponse) as caught:
            parse_task(payload)
        assert caught.value.path == path


@thoroughly
@given(TASKS, st.data())
def test_a_wrong_type_at_any_declared_place_is_refused_with_its_path(task: Json, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(task_places(task)))
    kind = data.draw(st.sampled_from(place.wrong_kinds()))
    assert_refused(place.replaced(task, data.draw(WRONG[kind])), place.path)


@thoroughly
@given(TASKS, st.data())
def test_a_required_field_missing_at_any_depth_is_refused_with_the_path_of_its_object(
    task: Json, data: st.DataObject
) -> None:
    place = data.draw(st.sampled_from([place for place in task_places(task) if place.required]))
    name = data.draw(st.sampled_from(place.required))
    assert_refused(place.without(task, name), place.path)


def test_every_single_place_of_a_full_task_is_checked() -> None:
    task = one_instance(CONTRACT, "VideoTaskResponse")
    whole = task_places(task)
    assert len(whole) == 1 + sum(
        len(CONTRACT["components"]["schemas"][name]["properties"])
        for name in ("VideoTaskResponse", "VideoTaskContent", "VideoTaskError", "VideoTaskUsage")
    )
    for place in whole:
        for kind in place.wrong_kinds():
            assert_refused(place.replaced(task, ONE_OF_EACH[kind]), place.path)
        for name in place.required:
            assert_refused(place.without(task, name), place.path)


@pytest.mark.parametrize(
    "text",
    [
        # RFC 8259, 9: a parser may limit digits and depth. Python does, and what it cannot parse has no path.
        '{"id": "t", "status": "running", "seed": ' + "9" * 5_000 + "}",
        '{"id": "t", "status": "running", "note": ' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
    ids=["5,000 digits", "100,000 levels"],
)
def test_the_only_valid_tasks_that_are_refused_are_those_that_python_cannot_read(text: str) -> None:
    with pytest.raises(InvalidResponse, match="cannot be parsed") as caught:
        parse_task(text)
    assert caught.value.path is None


@pytest.mark.parametrize("name", sorted(CONTRACT["components"]["schemas"]))
def test_the_one_instance_is_valid_full_and_always_the_same(name: str) -> None:
    instance = one_instance(CONTRACT, name)
    validator(CONTRACT, name).validate(instance)
    assert instance == one_instance(CONTRACT, name)
    properties = CONTRACT["components"]["schemas"][name].get("properties")
    assert properties is None or instance.keys() == properties.keys()


def test_the_one_task_is_a_task() -> None:
    task = parse_task(one_instance(CONTRACT, "VideoTaskResponse"))
    assert isinstance(task, VideoTaskResponse)
    assert task.additional_properties == {}


SELF: Final = {"$ref": "#/components/schemas/It"}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "properties": {"next": SELF, "name": {"type": "string"}}, "required": ["name"]},
        {"type": "object", "properties": {"all": {"type": "array", "items": SELF}}, "required": ["all"]},
        {"type": "object", "properties": {"up": {"oneOf": [SELF, {"type": "null"}]}}, "required": ["up"]},
        {"type": "object", "properties": {name: {"type": "string"} for name in ("self", "class", "a-b", "1st", "a/b")}},
        {"type": "object", "properties": {"a": True}, "required": ["a", "undeclared"]},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False},
        {"allOf": [{"properties": {"a": {"type": "null"}}, "required": ["a"]}, {"properties": {"b": {"const": 1}}}]},
        {"allOf": [{"enum": ["a", "b"]}], "description": "wrapped"},
        {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        {"type": ["null", "string"], "enum": ["a", None]},
        {"const": "fixed", "default": "other"},
        {"type": "string", "default": 5},
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "date"},
        {"type": "string", "format": "uuid"},
        {"type": "string", "format": "unheard-of"},
        {"type": "string", "minLength": 7},
        {"type": "string", "maxLength": 2},
        {"type": "string", "pattern": "^cgt-[0-9]{4}$"},
        {"type": "integer", "minimum": 5, "maximum": 5},
        {"type": "integer", "exclusiveMinimum": 5, "multipleOf": 4},
        {"type": "integer", "exclusiveMaximum": -5},
        {"type": "number", "exclusiveMinimum": 0, "maximum": 0.5},
        {"type": "number", "minimum": 3},
        {"type": "number", "exclusiveMaximum": 0},
        {"type": "number", "multipleOf": 3, "minimum": 4},
        {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 3},
        {"type": "array", "maxItems": 0},
    ],
    ids=str,
)
def test_instances_of_odd_schemas_are_valid_too(schema: Schema) -> None:
    document = {"components": {"schemas": {"It": schema}}}
    valid = validator(document, "It")
    valid.validate(one_instance(document, "It"))

    @settings(thoroughly, max_examples=10)
    @given(valid_instances(document, "It"))
    def check(instance: Json) -> None:
        valid.validate(instance)

    check()
