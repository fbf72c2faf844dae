"""Single changes of a document, each with its severity for a caller.

The changes are made to the grown document: the published one merged with the two fixture pages, so that
requests can change too. `R` is a schema that callers read. `P` is a schema that callers pass, deep inside
a request.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from codegen.diff.severity import Severity
from codegen.document import as_list, as_object, is_list

# A document being changed: any JSON at any depth.
Doc = dict[str, Any]
Step = Callable[[Doc], object]

R = "#/components/schemas/VideoTaskResponse"
P = "#/components/schemas/VideoGenerationSettings"
GET = "#/paths/~1v1~1video~1generations~1{task_id}/get"
LIST = "#/paths/~1v1~1video~1generations/get"
POST = "#/paths/~1v1~1video~1generations/post"


@dataclass(frozen=True)
class Mutation:
    """One change, and what the report should say about it."""

    name: str
    step: Step
    severity: Severity = Severity.COSMETIC
    pointer: str = "#"
    """The place that the report should name."""
    refused: str = ""
    """A pattern for the error that stops the generation; empty if the generation succeeds."""
    unseen: str = ""
    """The reason why no program of a caller can see the change; the severity is then stated here."""

    def apply(self, document: Doc) -> Doc:
        """The document after the change."""
        changed = copy.deepcopy(document)
        self.step(changed)
        return changed


def find(document: Doc, pointer: str) -> Any:  # noqa: ANN401 - any JSON
    """The value at a JSON pointer."""
    found: Any = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        found = as_list(found)[int(key)] if is_list(found) else as_object(found)[key]
    return found


def put(pointer: str, **values: object) -> Step:
    """Sets keys of the object at a place. `ref` stands for `$ref`."""
    renamed = {"$ref" if key == "ref" else key: value for key, value in values.items()}
    return lambda document: find(document, pointer).update(copy.deepcopy(renamed))


def replace(pointer: str, value: object) -> Step:
    """Replaces the value at a place."""
    parent, _, key = pointer.rpartition("/")
    return lambda document: find(document, parent).update({key.replace("~1", "/"): copy.deepcopy(value)})


def drop(pointer: str) -> Step:
    """Removes the value at a place."""
    parent, _, key = pointer.rpartition("/")

    def step(document: Doc) -> None:
        holder = find(document, parent)
        del holder[int(key) if isinstance(holder, list) else key.replace("~1", "/")]

    return step


def rename(parent: str, old: str, new: str) -> Step:
    """Renames a member of an object."""
    return lambda document: find(document, parent).update({new: find(document, parent).pop(old)})


def edit_list(pointer: str, *, add: tuple[object, ...] = (), remove: tuple[object, ...] = ()) -> Step:
    """Adds items to a list and removes items from it. Creates the list if it does not exist."""

    def step(document: Doc) -> None:
        parent, _, key = pointer.rpartition("/")
        holder = find(document, parent)
        holder[key] = [item for item in holder.get(key, []) if item not in remove] + copy.deepcopy(list(add))

    return step


def both(*steps: Step) -> Step:
    """One change that has to be made in several places of the document."""

    def step(document: Doc) -> None:
        for each in steps:
            each(document)

    return step


def reverse_keys(document: Doc) -> None:
    """Reverses the order of all keys."""

    def reverse(value: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(value, dict):
            return {key: reverse(value[key]) for key in reversed(value)}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - any JSON
        return [reverse(item) for item in value] if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]

    reversed_document = reverse(document)
    document.clear()
    document.update(reversed_document)


def property_named(name: str) -> Mutation:
    """Adds a response property whose name is difficult in Python: a keyword, for example."""
    step = put(f"{R}/properties", **{name: {"type": "string"}})
    place = f"{R}/properties/{name}"
    return Mutation(f"a response property is named {name}", step, Severity.ADDITIVE, place)


def schema_named(name: str) -> Mutation:
    """Adds a schema whose name is difficult in Python, and uses it in a response."""
    step = both(
        put(
            "#/components/schemas",
            **{name: {"type": "object", "title": name, "properties": {"x": {"type": "integer"}}}},
        ),
        put(f"{R}/properties", extra={"$ref": f"#/components/schemas/{name}"}),
    )
    return Mutation(f"a schema is named {name}", step, Severity.ADDITIVE, f"#/components/schemas/{name}")


def null_or(**schema: object) -> dict[str, object]:
    renamed = {"$ref" if key == "ref" else key: value for key, value in schema.items()}
    return {"oneOf": [renamed, {"type": "null"}]}


SHAPES = {"round": "Round", "square": "Square", "long": "Long"}


def shapes(*names: str, mapping: bool = True) -> Doc:
    """A choice between objects with tags."""
    targets = {name.lower(): f"#/components/schemas/{name}" for name in names}
    tags = {"propertyName": "tag", **({"mapping": targets} if mapping else {})}
    return {"oneOf": [{"$ref": target} for target in targets.values()], "discriminator": tags}


def with_kinds(document: Doc) -> Doc:
    """The document with two more schemas, which have one property of each kind: for callers that read, and that pass."""
    grown = copy.deepcopy(document)
    for name in SHAPES.values():
        grown["components"]["schemas"][name] = {
            "type": "object",
            "title": name,
            "required": ["tag"],
            "properties": {"tag": {"type": "string", "enum": [name.lower()]}, name.lower(): {"type": "string"}},
        }
    for name, user in (("Seen", R), ("Given", P)):
        grown["components"]["schemas"][name] = {
            "type": "object",
            "title": name,
            "required": ["code"],
            "properties": {
                "code": {"type": "string"},
                "thumbUrl": {"type": "string"},
                "x-y": {"type": "string"},
                "numbers": {"type": "array", "items": {"type": ["integer", "null"]}},
                "floats": {"type": "array", "items": {"type": "number"}},
                "ratio": {"type": "number"},
                "count": {"type": "integer", "minimum": 1, "maximum": 9},
                "anything": {},
                "free": {"type": "object"},
                "names": {"type": ["array", "null"], "items": {"type": "string"}},
                "map": {"type": "object", "additionalProperties": {"type": "integer"}},
                "either": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
                "kind": {"type": "string", "enum": ["a", "b"]},
                "when": {"type": "string", "format": "date-time"},
                "inner": {"type": "object", "properties": {"a": {"type": "string"}, name.lower(): {"type": "string"}}},
                "default": {"$ref": f"#/components/schemas/{name}Part"},
                "shape": shapes("Round", "Square"),
            },
        }
        grown["components"]["schemas"][f"{name}Part"] = {
            "type": "object",
            "title": f"{name}Part",
            "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
        }
        find(grown, f"{user}/properties")[name.lower()] = {"$ref": f"#/components/schemas/{name}"}
    return grown


SEEN, GIVEN = "#/components/schemas/Seen", "#/components/schemas/Given"


def in_both(name: str, step: Callable[[str], Step], read: Severity, passed: Severity, place: str) -> list[Mutation]:
    """One change of a value that is read, and of a value that is passed."""
    return [
        Mutation(f"{name} (read)", step(SEEN), read, SEEN + place),
        Mutation(f"{name} (passed)", step(GIVEN), passed, GIVEN + place),
    ]


BREAKING, ADDITIVE, COSMETIC = Severity.BREAKING, Severity.ADDITIVE, Severity.COSMETIC
STRING, INTEGER = {"type": "string"}, {"type": "integer"}
USAGE = "#/components/schemas/VideoTaskUsage"
CONTENT = "#/components/schemas/VideoTaskContent"
IMAGE = "#/components/schemas/VideoImageUrl"
RESOLUTION = "#/components/schemas/VideoResolution"


def name_the_task_otherwise(document: Doc) -> None:
    """Gives the parameter in a path another name."""
    old, new = "/v1/video/generations/{task_id}", "/v1/video/generations/{video_id}"
    path = document["paths"].pop(old)
    for each in path["get"]["parameters"]:
        each["name"] = {"task_id": "video_id"}.get(each["name"], each["name"])
    document["paths"][new] = path


def other_words(schema: str) -> Step:
    """Changes that no generated code shows: the order of an enum, a bound of an integer, a format of bytes in JSON."""
    return both(
        lambda document: find(document, f"{schema}/properties/kind/enum").reverse(),
        replace(f"{schema}/properties/count", {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10}),
        put(f"{schema}/properties/code", format="binary"),
        replace(f"{schema}/properties/shape", shapes("Square", "Round", mapping=False)),
    )


# A table, with one line for each mutation.
# ruff: noqa: E501
# fmt: off
MUTATIONS = [
    # Operations.
    Mutation("an operation is added", replace("#/paths/~1v1~1video~1models", {"get": {"operationId": "list-video-models-v-1-video-models-get", "tags": ["subpackage_video"], "parameters": [], "responses": {"200": {"description": "", "content": {"application/json": {"schema": INTEGER}}}}}}), ADDITIVE, "#/paths/~1v1~1video~1models/get"),
    Mutation("an operation is removed", drop(POST), BREAKING, POST),
    Mutation("an operation moves to another path", rename("#/paths", "/v1/video/generations/{task_id}", "/v2/video/generations/{task_id}"), BREAKING, GET),
    Mutation("an operation gets another operationId", replace(f"{LIST}/operationId", "list-videos-v-1-video-generations-get"), BREAKING, f"{LIST}/operationId"),
    Mutation("two operations get the same operationId", replace(f"{LIST}/operationId", "create-video-generation-v-1-video-generations-get"), refused="both called video.create_video_generation"),
    Mutation("an operation gets another tag", replace(f"{LIST}/tags", ["subpackage_lists"]), BREAKING, f"{LIST}/tags"),
    Mutation("an operation is deprecated", put(LIST, deprecated=True), COSMETIC, f"{LIST}/deprecated"),
    Mutation("the server moves", replace("#/servers", [{"url": "https://elsewhere.example"}]), BREAKING, "#/servers", unseen="the SDK sends its requests to its own base_url"),
    # Parameters.
    Mutation("an optional parameter is added", edit_list(f"{LIST}/parameters", add=({"name": "order", "in": "query", "schema": STRING},)), ADDITIVE, f"{LIST}/parameters/3"),
    Mutation("an optional header is added", edit_list(f"{GET}/parameters", add=({"name": "X-Trace", "in": "header", "schema": STRING},)), ADDITIVE, f"{GET}/parameters/1"),
    Mutation("a required parameter is added", edit_list(f"{LIST}/parameters", add=({"name": "order", "in": "query", "required": True, "schema": STRING},)), BREAKING, f"{LIST}/parameters/3"),
    Mutation("a parameter is removed", drop(f"{LIST}/parameters/1"), BREAKING, f"{LIST}/parameters/1"),
    Mutation("a parameter becomes required", put(f"{LIST}/parameters/0", required=True), BREAKING, f"{LIST}/parameters/0/required"),
    Mutation("a parameter gets another type", replace(f"{LIST}/parameters/1/schema", STRING), BREAKING, f"{LIST}/parameters/1/schema"),
    Mutation("a parameter gets another default", put(f"{LIST}/parameters/0/schema", default=50), BREAKING, f"{LIST}/parameters/0/schema/default"),
    Mutation("a parameter may be null", put(f"{LIST}/parameters/1/schema", type=["integer", "null"]), ADDITIVE, f"{LIST}/parameters/1/schema"),
    Mutation("a parameter gets a limit", put(f"{LIST}/parameters/0/schema", maximum=100), BREAKING, f"{LIST}/parameters/0/schema/maximum"),
    # Responses.
    Mutation("an error response is described", put(f"{GET}/responses", **{"404": {"description": "gone"}}), ADDITIVE, f"{GET}/responses/404"),
    Mutation("a response is no longer described", drop(f"{GET}/responses/422"), BREAKING, f"{GET}/responses/422"),
    Mutation("a response has another schema", replace(f"{GET}/responses/200/content/application~1json/schema", {"$ref": CONTENT}), BREAKING, f"{GET}/responses/200/content/application~1json/schema"),
    Mutation("a response has another schema, beside a response of any type", replace(f"{LIST}/responses/200/content/application~1json/schema", {"type": "array", "items": {"$ref": R}}), BREAKING, f"{LIST}/responses/200/content/application~1json/schema"),
    Mutation("a response is described for all statuses of success", rename(f"{GET}/responses", "200", "2XX"), ADDITIVE, f"{GET}/responses/2XX"),
    Mutation("an error response is described for all other statuses", rename(f"{GET}/responses", "422", "default"), ADDITIVE, f"{GET}/responses/default"),
    Mutation("an error response has a new type", put(f"{GET}/responses", default={"description": "", "content": {"application/json": {"schema": {"$ref": USAGE}}}}), BREAKING, f"{GET}/responses/default"),
    Mutation("another status of success has the same body", put(f"{GET}/responses", **{"201": {"description": "", "content": {"application/json": {"schema": {"$ref": R}}}}}), ADDITIVE, f"{GET}/responses/201"),
    Mutation("another status of success has no body", put(f"{GET}/responses", **{"202": {"description": ""}}), BREAKING, f"{GET}/responses/202"),
    Mutation("an error response has another media type of JSON", rename(f"{GET}/responses/422/content", "application/json", "application/problem+json"), COSMETIC, f"{GET}/responses/422/content/application~1problem+json"),
    Mutation("an operation needs no authorization", put(GET, security=list[object]()), ADDITIVE, f"{GET}/security"),
    Mutation("an operation has its own server", put(GET, servers=[{"url": "https://elsewhere.example"}]), BREAKING, f"{GET}/servers", unseen="the SDK sends its requests to its own base_url"),
    Mutation("an operation names the same server", lambda document: find(document, GET).update(servers=copy.deepcopy(document["servers"])), COSMETIC, f"{GET}/servers"),
    Mutation("a parameter in a path gets another name", name_the_task_otherwise, BREAKING, GET),
    # Properties that callers read.
    Mutation("a response property is added", put(f"{R}/properties", progress=INTEGER), ADDITIVE, f"{R}/properties/progress"),
    Mutation("a response property is removed", drop(f"{R}/properties/seed"), BREAKING, f"{R}/properties/seed"),
    Mutation("a response property is renamed", rename(f"{R}/properties", "framespersecond", "fps"), BREAKING, f"{R}/properties/framespersecond"),
    Mutation("a response property becomes optional", edit_list(f"{R}/required", remove=("status",)), BREAKING, f"{R}/properties/status"),
    Mutation("a response property becomes required", edit_list(f"{R}/required", add=("model",)), BREAKING, f"{R}/properties/model"),
    Mutation("a response property may be null", replace(f"{R}/properties/status", {"type": ["string", "null"]}), BREAKING, f"{R}/properties/status"),
    Mutation("a response property is never null", replace(f"{R}/properties/seed", INTEGER), ADDITIVE, f"{R}/properties/seed"),
    Mutation("a response property gets another type", replace(f"{R}/properties/seed", {"type": ["string", "null"]}), BREAKING, f"{R}/properties/seed"),
    Mutation("a response property gets a second type", replace(f"{R}/properties/seed", {"type": ["integer", "string", "null"]}), BREAKING, f"{R}/properties/seed"),
    Mutation("a response property becomes an enum", put(f"{R}/properties/status", enum=["queued", "running", "succeeded", "failed"]), BREAKING, f"{R}/properties/status/enum"),
    Mutation("a response property gets a format with a type", replace(f"{R}/properties/created_at", {"type": ["string", "null"], "format": "date-time"}), BREAKING, f"{R}/properties/created_at"),
    Mutation("a response property gets a format without a type", put(f"{R}/properties/seed", format="int64"), COSMETIC, f"{R}/properties/seed/format"),
    Mutation("a response property gets a default", put(f"{R}/properties/service_tier", default="standard"), ADDITIVE, f"{R}/properties/service_tier/default"),
    Mutation("a response is closed to unknown fields", put(R, additionalProperties=False), BREAKING, f"{R}/additionalProperties"),
    # Nested properties, references, and `oneOf … null`.
    Mutation("a nested response property becomes optional", edit_list(f"{USAGE}/required", remove=("total_tokens",)), BREAKING, f"{USAGE}/properties/total_tokens"),
    Mutation("a nested response property gets another type", replace(f"{USAGE}/properties/total_tokens", {"type": "number"}), BREAKING, f"{USAGE}/properties/total_tokens"),
    Mutation("a reference in oneOf … null has another target", replace(f"{R}/properties/usage", null_or(ref=CONTENT)), BREAKING, f"{R}/properties/usage"),
    Mutation("oneOf … null loses its null", replace(f"{R}/properties/usage", {"$ref": USAGE}), ADDITIVE, f"{R}/properties/usage"),
    Mutation("the order in oneOf … null changes", replace(f"{R}/properties/usage", {"oneOf": [{"type": "null"}, {"$ref": USAGE}]}), COSMETIC, f"{R}/properties/usage"),
    Mutation("oneOf is written as anyOf", replace(f"{R}/properties/usage", {"anyOf": [{"$ref": USAGE}, {"type": "null"}]}), COSMETIC, f"{R}/properties/usage"),
    Mutation("an object in oneOf … null changes inside", replace(f"{R}/properties/usage", null_or(type="object", properties={"n": INTEGER})), BREAKING, f"{R}/properties/usage"),
    Mutation("an array of another item", replace("#/components/schemas/VideoTaskList/properties/data/items", {"$ref": CONTENT}), BREAKING, "#/components/schemas/VideoTaskList/properties/data/items"),
    Mutation("a schema is removed with its use", both(drop(f"{R}/properties/usage"), drop(USAGE)), BREAKING, USAGE),
    Mutation("a schema is renamed", both(rename("#/components/schemas", "VideoTaskUsage", "VideoUsage"), put("#/components/schemas/VideoUsage", title="VideoUsage"), replace(f"{R}/properties/usage", null_or(ref="#/components/schemas/VideoUsage"))), BREAKING, USAGE),
    Mutation("a schema gets another title", put(USAGE, title="Tokens"), COSMETIC, f"{USAGE}/title"),
    Mutation("a schema is added", put("#/components/schemas", Lonely={"type": "object", "properties": {"x": INTEGER}}), ADDITIVE, "#/components/schemas/Lonely"),
    # Properties that callers pass: the other direction.
    Mutation("a required request property is added", both(put(f"{P}/properties", fps=INTEGER), edit_list(f"{P}/required", add=("fps",))), BREAKING, f"{P}/properties/fps"),
    Mutation("an optional request property is added", put(f"{P}/properties", fps=INTEGER), ADDITIVE, f"{P}/properties/fps"),
    Mutation("a request property is removed", drop(f"{P}/properties/seed"), BREAKING, f"{P}/properties/seed"),
    Mutation("a request property becomes required", edit_list(f"{P}/required", add=("duration",)), BREAKING, f"{P}/properties/duration"),
    Mutation("a request property becomes optional", edit_list(f"{IMAGE}/required", remove=("url",)), ADDITIVE, f"{IMAGE}/properties/url"),
    Mutation("a request property may be null", replace(f"{P}/properties/duration", {"type": ["integer", "null"], "default": 5}), ADDITIVE, f"{P}/properties/duration"),
    Mutation("a request property is never null", replace(f"{P}/properties/seed", INTEGER), BREAKING, f"{P}/properties/seed"),
    Mutation("a request property gets a second type", replace(f"{P}/properties/duration", {"type": ["integer", "string"]}), BREAKING, f"{P}/properties/duration/default"),
    Mutation("a request enum allows another value", edit_list(f"{RESOLUTION}/enum", add=("4k",)), ADDITIVE, f"{RESOLUTION}/enum"),
    Mutation("a request enum no longer allows a value", edit_list(f"{RESOLUTION}/enum", remove=("480p",)), BREAKING, f"{RESOLUTION}/enum"),
    Mutation("a request property gets another default", put(f"{P}/properties/duration", default=10), BREAKING, f"{P}/properties/duration/default"),
    Mutation("a request body becomes required", put(f"{POST}/requestBody", required=True), BREAKING, f"{POST}/requestBody/required"),
    # The name of an attribute or an argument gets another meaning.
    *in_both("a property takes over a name", lambda s: put(f"{s}/properties", thumb_url=STRING), BREAKING, BREAKING, "/properties/thumb_url"),
    Mutation("a header takes over the name of an argument", edit_list(f"{LIST}/parameters", add=({"name": "limit", "in": "header", "schema": STRING},)), BREAKING, f"{LIST}/parameters/3"),
    # Types, in both directions.
    *in_both("a number becomes an integer", lambda s: replace(f"{s}/properties/ratio", INTEGER), ADDITIVE, BREAKING, "/properties/ratio"),
    *in_both("an integer becomes a number", lambda s: replace(f"{s}/properties/count", {"type": "number", "minimum": 1, "maximum": 9}), BREAKING, ADDITIVE, "/properties/count"),
    *in_both("an item is never null", lambda s: replace(f"{s}/properties/numbers/items", INTEGER), BREAKING, BREAKING, "/properties/numbers/items"),
    *in_both("an item becomes an integer", lambda s: replace(f"{s}/properties/floats/items", INTEGER), BREAKING, BREAKING, "/properties/floats/items"),
    *in_both("anything becomes a string", lambda s: replace(f"{s}/properties/anything", STRING), BREAKING, BREAKING, "/properties/anything"),
    *in_both("a string becomes anything", lambda s: replace(f"{s}/properties/thumbUrl", {}), BREAKING, ADDITIVE, "/properties/thumbUrl"),
    *in_both("a choice loses an alternative", lambda s: replace(f"{s}/properties/either", STRING), ADDITIVE, BREAKING, "/properties/either"),
    *in_both("a choice gets an alternative", lambda s: edit_list(f"{s}/properties/either/oneOf", add=({"type": "array", "items": STRING},)), BREAKING, ADDITIVE, "/properties/either"),
    *in_both("a map has other values", lambda s: replace(f"{s}/properties/map/additionalProperties", STRING), BREAKING, BREAKING, "/properties/map/additionalProperties"),
    *in_both("a free object gets a named property", lambda s: put(f"{s}/properties/free", properties={"n": INTEGER}), BREAKING, ADDITIVE, "/properties/free/properties/n"),
    *in_both("an inner object gets a property", lambda s: put(f"{s}/properties/inner/properties", b=INTEGER), ADDITIVE, ADDITIVE, "/properties/inner/properties/b"),
    *in_both("an inner object gets a required property", lambda s: both(put(f"{s}/properties/inner/properties", b=INTEGER), put(f"{s}/properties/inner", required=["b"])), BREAKING, BREAKING, "/properties/inner/properties/b"),
    Mutation("a required response property is added", both(put(f"{R}/properties", progress=INTEGER), edit_list(f"{R}/required", add=("progress",))), BREAKING, f"{R}/properties/progress"),
    Mutation("a part named default becomes required", edit_list("#/components/schemas/SeenPart/required", add=("a",)), BREAKING, "#/components/schemas/SeenPart/properties/a"),
    Mutation("a passed part named default gets a default", put("#/components/schemas/GivenPart/properties/b", default=3), BREAKING, "#/components/schemas/GivenPart/properties/b/default"),
    # Defaults and rules.
    *in_both("a property gets a default", lambda s: put(f"{s}/properties/thumbUrl", default="x"), ADDITIVE, BREAKING, "/properties/thumbUrl/default"),
    *in_both("a property with a default is added", lambda s: put(f"{s}/properties", flag={"type": "boolean", "default": False}), ADDITIVE, BREAKING, "/properties/flag"),
    *in_both("an array gets a default", lambda s: put(f"{s}/properties/floats", default=list[float]()), COSMETIC, COSMETIC, "/properties/floats/default"),
    *in_both("an enum allows another value", lambda s: edit_list(f"{s}/properties/kind/enum", add=("c",)), BREAKING, ADDITIVE, "/properties/kind/enum"),
    Mutation("a parameter gets a default", put(f"{LIST}/parameters/2/schema", default="x"), BREAKING, f"{LIST}/parameters/2/schema/default"),
    *in_both("a string gets a pattern", lambda s: put(f"{s}/properties/code", pattern="^x"), BREAKING, BREAKING, "/properties/code/pattern"),
    *in_both("a string gets a longest length", lambda s: put(f"{s}/properties/code", maxLength=20), BREAKING, BREAKING, "/properties/code/maxLength"),
    *in_both("an upper bound is lower", lambda s: put(f"{s}/properties/count", maximum=8), BREAKING, BREAKING, "/properties/count/maximum"),
    *in_both("an upper bound is higher", lambda s: put(f"{s}/properties/count", maximum=10), ADDITIVE, ADDITIVE, "/properties/count/maximum"),
    *in_both("an item gets a bound", lambda s: put(f"{s}/properties/floats/items", minimum=0), BREAKING, BREAKING, "/properties/floats/items/minimum"),
    *in_both("an array gets a least length", lambda s: put(f"{s}/properties/floats", minItems=1), BREAKING, BREAKING, "/properties/floats/minItems"),
    *in_both("an array has unique items", lambda s: put(f"{s}/properties/floats", uniqueItems=True), COSMETIC, BREAKING, "/properties/floats/uniqueItems"),
    Mutation("checks that the wire package does not make change (read)", both(put(f"{SEEN}/properties/code", pattern=r"^\p{L}", **{"not": {"const": "x"}}), put("#/components/schemas/SeenPart", minProperties=1), edit_list(f"{SEEN}/required", add=("unknown",)), put(f"{SEEN}/properties/ratio", multipleOf=0.5)), COSMETIC, f"{SEEN}/properties/code/pattern"),
    Mutation("a pattern that Python cannot read (passed)", put(f"{GIVEN}/properties/code", pattern=r"^\p{Lu}"), BREAKING, f"{GIVEN}/properties/code/pattern"),
    Mutation("a value is excluded (passed)", put(f"{GIVEN}/properties/code", **{"not": {"const": "text"}}), BREAKING, f"{GIVEN}/properties/code/not"),
    *in_both("other words say the same", other_words, COSMETIC, COSMETIC, "/properties/code/format"),
    *in_both("a map becomes a free object", lambda s: drop(f"{s}/properties/map/additionalProperties"), BREAKING, ADDITIVE, "/properties/map/additionalProperties"),
    *in_both("a choice with tags gets an alternative", lambda s: replace(f"{s}/properties/shape", shapes("Round", "Square", "Long")), BREAKING, ADDITIVE, "/properties/shape"),
    # Bodies.
    Mutation("a form beside JSON for the same schema", put(f"{POST}/requestBody/content", **{"application/x-www-form-urlencoded": {"schema": {"$ref": "#/components/schemas/VideoGenerationRequest"}}}), COSMETIC, f"{POST}/requestBody/content/application~1x-www-form-urlencoded"),
    Mutation("a body states its character set", rename(f"{POST}/requestBody/content", "application/json", "application/json; charset=utf-8"), COSMETIC, f"{POST}/requestBody/content"),
    Mutation("a response states its character set", rename(f"{GET}/responses/200/content", "application/json", "application/json; charset=utf-8"), COSMETIC, f"{GET}/responses/200/content"),
    Mutation("a body is sent as a form, too", put(f"{POST}/requestBody/content", **{"multipart/form-data": {"schema": {"type": "object", "properties": {"f": STRING}}}}), ADDITIVE, f"{POST}/requestBody/content/multipart~1form-data"),
    Mutation("an inline schema is called like another", put(f"{R}/properties", inner={"type": "object", "properties": {"z": STRING}}), ADDITIVE, f"{R}/properties/inner"),
    # Only the notation.
    Mutation("a format that no generator reads is added", put(f"{CONTENT}/properties/video_url", format="uri"), COSMETIC, f"{CONTENT}/properties/video_url/format"),
    Mutation("explode is said aloud", put(f"{LIST}/parameters/2", explode=True, style="form"), COSMETIC, f"{LIST}/parameters/2"),
    Mutation("an array or null is written as anyOf", replace(f"{SEEN}/properties/names", {"anyOf": [{"type": "array", "items": STRING}, {"type": "null"}]}), COSMETIC, f"{SEEN}/properties/names"),
    Mutation("the tag gets a capital letter", replace(f"{GET}/tags", ["subpackage_Video"]), COSMETIC, f"{GET}/tags"),
    Mutation("the server ends with a slash", replace("#/servers", [{"url": "https://api.meshapi.ai/"}]), COSMETIC, "#/servers"),
    Mutation("properties move into a part of allOf", replace("#/components/schemas/SeenPart", {"title": "SeenPart", "allOf": [{"type": "object", "properties": {"a": STRING}}, {"type": "object", "properties": {"b": INTEGER}}]}), COSMETIC, "#/components/schemas/SeenPart"),
    Mutation("properties are read-only or write-only", both(put(f"{SEEN}/properties/code", readOnly=True), put(f"{GIVEN}/properties/code", writeOnly=True)), COSMETIC, f"{SEEN}/properties/code/readOnly"),
    Mutation("a webhook is described", put("#", webhooks={"done": {"post": {"operationId": "done", "responses": {"200": {"description": ""}}}}}), COSMETIC, "#/webhooks"),
    Mutation("the content of a string is described", put(f"{SEEN}/properties/code", contentMediaType="image/png", contentEncoding="base64"), COSMETIC, f"{SEEN}/properties/code/contentMediaType"),
    Mutation("the document has a license", put("#/info", license={"name": "MIT"}), COSMETIC, "#/info"),
    Mutation("another way to authorize is added", both(put("#/components/securitySchemes", Key={"type": "apiKey", "in": "header", "name": "X-Key"}), put(GET, security=[{"HTTPBearer": list[str]()}, {"Key": list[str]()}])), COSMETIC, "#/components/securitySchemes/Key"),
    # Waits for the adaptation: the wire package does not read this keyword in a document of version 3.1.
    Mutation("the null of a property is written as a keyword", replace(f"{GIVEN}/properties/names", {"type": "array", "items": STRING, "nullable": True}), COSMETIC, f"{GIVEN}/properties/names"),
    # Cosmetic changes.
    Mutation("the order of keys changes", reverse_keys),
    Mutation("a description changes", put(GET, description="Another description."), COSMETIC, f"{GET}/description"),
    Mutation("a property is described", put(f"{R}/properties/seed", description="The seed of the random numbers."), COSMETIC, f"{R}/properties/seed/description"),
    Mutation("the description of a response changes", put(f"{GET}/responses/200", description="Here it is."), COSMETIC, f"{GET}/responses/200/description"),
    Mutation("an example is added", put(f"{R}/properties/seed", examples=[7]), COSMETIC, f"{R}/properties/seed/examples"),
    Mutation("an extension is added", put(GET, **{"x-rate": 5})),
    Mutation("an extension names a Python type", put(f"{R}/properties/ratio", **{"x-python-type": "antigravity.fly"})),
    Mutation("the version of the document changes", put("#/info", version="1.0.1"), COSMETIC, "#/info"),
    # Hostile changes.
    Mutation("a reference has no target", replace(f"{R}/properties/usage", {"$ref": "#/components/schemas/Nowhere"}), refused="#/components/schemas/Nowhere has no target"),
    Mutation("a reference leads to another document", replace(f"{R}/properties/usage", {"$ref": "https://evil.example/x.json"}), refused="to another document"),
    Mutation("a reference leads to itself", replace(USAGE, {"$ref": USAGE}), refused="leads to itself"),
    Mutation("a schema contains itself", put(f"{R}/properties", parent=null_or(ref=R)), ADDITIVE, f"{R}/properties/parent"),
    Mutation("two properties have the same name in snake case", put(f"{R}/properties", createdAt=INTEGER), ADDITIVE, f"{R}/properties/createdAt"),
    Mutation("a property hides a model's method", put(f"{R}/properties", to_dict=STRING), refused="a property named to_dict would hide"),
    # Waits for the adaptation, which drops this format before generation.
    Mutation("a format has no type in both generators", put(f"{R}/properties/ratio", format="duration"), COSMETIC, f"{R}/properties/ratio/format"),
    Mutation("the order of an enum changes whose members are named by position", lambda document: find(document, f"{RESOLUTION}/enum").reverse(), BREAKING, f"{RESOLUTION}/enum"),
    Mutation("a property hides the additional properties", put(f"{R}/properties", additional_properties=STRING), refused="a property named additional_properties"),
    Mutation("a keyword is unknown", put(f"{R}/properties/seed", unevaluatedFate=True), BREAKING, f"{R}/properties/seed/unevaluatedFate", unseen="no tool knows the keyword, so a person has to read it"),
    Mutation("an overlay action has no target", drop("#/info"), refused=r"overlay action 3 \(target \$\.info\) matches nothing"),
    Mutation("the publisher removes the prefix of the tag", both(*(replace(f"{each}/tags", ["video"]) for each in (GET, LIST, POST))), refused="overlay action 4 .* matches nothing"),
    *map(property_named, ["self", "class", "dash-ed", "1st"]),
    *map(schema_named, ["None", "Response", "1st"]),
]
# fmt: on
