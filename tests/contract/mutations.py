"""Single changes to a document, each with what it does to a caller.

They are made to the published document and the two fixture pages merged, so that there are
requests to change too. `R` is a schema that callers read, `P` one that they pass, deep inside.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from codegen.document import as_list, as_object, is_list
from codegen.levels import Level

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
    """One change, and what should be said of it."""

    name: str
    step: Step
    level: Level = Level.COSMETIC
    pointer: str = "#"
    """A place that the report should name."""
    refused: str = ""
    """What the error says, where generating stops; empty where it succeeds."""
    decodes: str = "VideoTaskResponse"
    """The schema of which an instance should be decoded."""
    breaks_sdk: bool = False
    """Whether it takes away what the hand-written SDK itself imports."""

    def apply(self, document: Doc) -> Doc:
        changed = copy.deepcopy(document)
        self.step(changed)
        return changed


def find(document: Doc, pointer: str) -> Any:  # noqa: ANN401 - any JSON
    """What a JSON pointer points at."""
    found: Any = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        found = as_list(found)[int(key)] if is_list(found) else as_object(found)[key]
    return found


def put(pointer: str, **values: object) -> Step:
    """Sets keys of the object at a place; `ref` stands for `$ref`."""
    renamed = {"$ref" if key == "ref" else key: value for key, value in values.items()}
    return lambda document: find(document, pointer).update(copy.deepcopy(renamed))


def replace(pointer: str, value: object) -> Step:
    """Puts another value at a place."""
    parent, _, key = pointer.rpartition("/")
    return lambda document: find(document, parent).update({key.replace("~1", "/"): copy.deepcopy(value)})


def drop(pointer: str) -> Step:
    """Removes what is at a place."""
    parent, _, key = pointer.rpartition("/")

    def step(document: Doc) -> None:
        holder = find(document, parent)
        del holder[int(key) if isinstance(holder, list) else key.replace("~1", "/")]

    return step


def rename(parent: str, old: str, new: str) -> Step:
    """Gives a member of an object another name."""
    return lambda document: find(document, parent).update({new: find(document, parent).pop(old)})


def listed(pointer: str, *, add: tuple[object, ...] = (), remove: tuple[object, ...] = ()) -> Step:
    """Adds to a list and removes from it, making the list if need be."""

    def step(document: Doc) -> None:
        parent, _, key = pointer.rpartition("/")
        holder = find(document, parent)
        holder[key] = [item for item in holder.get(key, []) if item not in remove] + copy.deepcopy(list(add))

    return step


def both(*steps: Step) -> Step:
    """One change that the document has to say in several places."""

    def step(document: Doc) -> None:
        for each in steps:
            each(document)

    return step


def backwards(document: Doc) -> None:
    """Turns the order of all keys round."""

    def turned(value: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - any JSON
        return [turned(item) for item in value] if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]

    fresh = turned(document)
    document.clear()
    document.update(fresh)


def property_named(name: str) -> Mutation:
    """A response with one property more, of a name that Python does not like."""
    step = put(f"{R}/properties", **{name: {"type": "string"}})
    place = f"{R}/properties/{name}"
    return Mutation(f"a response property is named {name}", step, Level.ADDITIVE, place)


def schema_named(name: str) -> Mutation:
    """A schema of a name that Python does not like, used by a response."""
    step = both(
        put(
            "#/components/schemas",
            **{name: {"type": "object", "title": name, "properties": {"x": {"type": "integer"}}}},
        ),
        put(f"{R}/properties", extra={"$ref": f"#/components/schemas/{name}"}),
    )
    return Mutation(f"a schema is named {name}", step, Level.ADDITIVE, f"#/components/schemas/{name}", decodes=name)


def null_or(**schema: object) -> dict[str, object]:
    renamed = {"$ref" if key == "ref" else key: value for key, value in schema.items()}
    return {"oneOf": [renamed, {"type": "null"}]}


BREAKING, ADDITIVE, COSMETIC = Level.BREAKING, Level.ADDITIVE, Level.COSMETIC
TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
USAGE = "#/components/schemas/VideoTaskUsage"
CONTENT = "#/components/schemas/VideoTaskContent"
IMAGE = "#/components/schemas/VideoImageUrl"
RESOLUTION = "#/components/schemas/VideoResolution"

# A table: one line each.
# ruff: noqa: E501
# fmt: off
MUTATIONS = [
    # Operations.
    Mutation("an operation is added", replace("#/paths/~1v1~1video~1models", {"get": {"operationId": "list-video-models-v-1-video-models-get", "tags": ["subpackage_video"], "parameters": [], "responses": {"200": {"description": "", "content": {"application/json": {"schema": WHOLE}}}}}}), ADDITIVE, "#/paths/~1v1~1video~1models/get"),
    Mutation("an operation is removed", drop(POST), BREAKING, POST),
    Mutation("an operation moves to another path", rename("#/paths", "/v1/video/generations/{task_id}", "/v2/video/generations/{task_id}"), BREAKING, GET, breaks_sdk=True),
    Mutation("an operation gets another operationId", replace(f"{LIST}/operationId", "list-videos-v-1-video-generations-get"), BREAKING, f"{LIST}/operationId"),
    Mutation("two operations get the same operationId", replace(f"{LIST}/operationId", "create-video-generation-v-1-video-generations-get"), refused="both called video.create_video_generation"),
    Mutation("an operation gets another tag", replace(f"{LIST}/tags", ["subpackage_lists"]), BREAKING, f"{LIST}/tags"),
    Mutation("an operation is deprecated", put(LIST, deprecated=True), COSMETIC, f"{LIST}/deprecated"),
    Mutation("the server moves", replace("#/servers", [{"url": "https://elsewhere.example"}]), BREAKING, "#/servers"),
    # Parameters.
    Mutation("an optional parameter is added", listed(f"{LIST}/parameters", add=({"name": "order", "in": "query", "schema": TEXT},)), ADDITIVE, f"{LIST}/parameters/3"),
    Mutation("a required parameter is added", listed(f"{LIST}/parameters", add=({"name": "order", "in": "query", "required": True, "schema": TEXT},)), BREAKING, f"{LIST}/parameters/3"),
    Mutation("a parameter is removed", drop(f"{LIST}/parameters/1"), BREAKING, f"{LIST}/parameters/1"),
    Mutation("a parameter becomes required", put(f"{LIST}/parameters/0", required=True), BREAKING, f"{LIST}/parameters/0/required"),
    Mutation("a parameter gets another type", replace(f"{LIST}/parameters/1/schema", TEXT), BREAKING, f"{LIST}/parameters/1/schema"),
    Mutation("a parameter gets another default", put(f"{LIST}/parameters/0/schema", default=50), BREAKING, f"{LIST}/parameters/0/schema/default"),
    Mutation("a parameter may be null", put(f"{LIST}/parameters/1/schema", type=["integer", "null"]), ADDITIVE, f"{LIST}/parameters/1/schema"),
    Mutation("a parameter gets a limit", put(f"{LIST}/parameters/0/schema", maximum=100), BREAKING, f"{LIST}/parameters/0/schema/maximum"),
    # Responses.
    Mutation("an error answer is described", replace(f"{GET}/responses/404", {"description": "gone"}), ADDITIVE, f"{GET}/responses/404"),
    Mutation("an answer is no longer described", drop(f"{GET}/responses/422"), BREAKING, f"{GET}/responses/422"),
    Mutation("an answer brings another schema", replace(f"{GET}/responses/200/content/application~1json/schema", {"$ref": CONTENT}), BREAKING, f"{GET}/responses/200/content/application~1json/schema"),
    # Properties of what is read.
    Mutation("a response property is added", put(f"{R}/properties", progress=WHOLE), ADDITIVE, f"{R}/properties/progress"),
    Mutation("a response property is removed", drop(f"{R}/properties/seed"), BREAKING, f"{R}/properties/seed"),
    Mutation("a response property is renamed", rename(f"{R}/properties", "framespersecond", "fps"), BREAKING, f"{R}/properties/framespersecond"),
    Mutation("a response property becomes optional", listed(f"{R}/required", remove=("status",)), BREAKING, f"{R}/properties/status"),
    Mutation("a response property becomes required", listed(f"{R}/required", add=("model",)), ADDITIVE, f"{R}/properties/model"),
    Mutation("a response property may be null", replace(f"{R}/properties/status", {"type": ["string", "null"]}), BREAKING, f"{R}/properties/status"),
    Mutation("a response property is never null", replace(f"{R}/properties/seed", WHOLE), ADDITIVE, f"{R}/properties/seed"),
    Mutation("a response property gets another type", replace(f"{R}/properties/seed", {"type": ["string", "null"]}), BREAKING, f"{R}/properties/seed"),
    Mutation("a response property gets a second type", replace(f"{R}/properties/seed", {"type": ["integer", "string", "null"]}), BREAKING, f"{R}/properties/seed"),
    Mutation("a response property becomes an enum", put(f"{R}/properties/status", enum=["queued", "running", "succeeded", "failed"]), BREAKING, f"{R}/properties/status/enum"),
    Mutation("a response property gets a format with a type", replace(f"{R}/properties/created_at", {"type": ["string", "null"], "format": "date-time"}), BREAKING, f"{R}/properties/created_at"),
    Mutation("a response property gets a format without a type", put(f"{R}/properties/seed", format="int64"), COSMETIC, f"{R}/properties/seed/format"),
    Mutation("a response property gets a default", put(f"{R}/properties/service_tier", default="standard"), ADDITIVE, f"{R}/properties/service_tier/default"),
    Mutation("a response is closed to unknown fields", put(R, additionalProperties=False), BREAKING, f"{R}/additionalProperties"),
    # Nested, through references, and in `oneOf … null`.
    Mutation("a nested response property becomes optional", listed(f"{USAGE}/required", remove=("total_tokens",)), BREAKING, f"{USAGE}/properties/total_tokens"),
    Mutation("a nested response property gets another type", replace(f"{USAGE}/properties/total_tokens", {"type": "number"}), BREAKING, f"{USAGE}/properties/total_tokens"),
    Mutation("a reference in oneOf … null leads elsewhere", replace(f"{R}/properties/usage", null_or(ref=CONTENT)), BREAKING, f"{R}/properties/usage"),
    Mutation("oneOf … null loses its null", replace(f"{R}/properties/usage", {"$ref": USAGE}), ADDITIVE, f"{R}/properties/usage"),
    Mutation("oneOf … null turns round", replace(f"{R}/properties/usage", {"oneOf": [{"type": "null"}, {"$ref": USAGE}]}), COSMETIC, f"{R}/properties/usage"),
    Mutation("oneOf is written as anyOf", replace(f"{R}/properties/usage", {"anyOf": [{"$ref": USAGE}, {"type": "null"}]}), COSMETIC, f"{R}/properties/usage"),
    Mutation("an object in oneOf … null changes inside", replace(f"{R}/properties/usage", null_or(type="object", properties={"n": WHOLE})), BREAKING, f"{R}/properties/usage"),
    Mutation("an array of another item", replace("#/components/schemas/VideoTaskList/properties/data/items", {"$ref": CONTENT}), BREAKING, "#/components/schemas/VideoTaskList/properties/data/items"),
    Mutation("a schema is removed with its use", both(drop(f"{R}/properties/usage"), drop(USAGE)), BREAKING, USAGE, breaks_sdk=True),
    Mutation("a schema is renamed", both(rename("#/components/schemas", "VideoTaskUsage", "VideoUsage"), put("#/components/schemas/VideoUsage", title="VideoUsage"), replace(f"{R}/properties/usage", null_or(ref="#/components/schemas/VideoUsage"))), BREAKING, USAGE, breaks_sdk=True),
    Mutation("a schema gets another title", put(USAGE, title="Tokens"), BREAKING, f"{USAGE}/title", breaks_sdk=True),
    Mutation("a schema is added", put("#/components/schemas", Lonely={"type": "object", "properties": {"x": WHOLE}}), ADDITIVE, "#/components/schemas/Lonely", decodes="Lonely"),
    # Properties of what is passed: the other way round.
    Mutation("a required request property is added", both(put(f"{P}/properties", fps=WHOLE), listed(f"{P}/required", add=("fps",))), BREAKING, f"{P}/properties/fps", decodes="VideoGenerationSettings"),
    Mutation("an optional request property is added", put(f"{P}/properties", fps=WHOLE), ADDITIVE, f"{P}/properties/fps", decodes="VideoGenerationSettings"),
    Mutation("a request property is removed", drop(f"{P}/properties/seed"), BREAKING, f"{P}/properties/seed", decodes="VideoGenerationSettings"),
    Mutation("a request property becomes required", listed(f"{P}/required", add=("duration",)), BREAKING, f"{P}/properties/duration", decodes="VideoGenerationSettings"),
    Mutation("a request property becomes optional", listed(f"{IMAGE}/required", remove=("url",)), ADDITIVE, f"{IMAGE}/properties/url", decodes="VideoImageUrl"),
    Mutation("a request property may be null", replace(f"{P}/properties/duration", {"type": ["integer", "null"], "default": 5}), ADDITIVE, f"{P}/properties/duration", decodes="VideoGenerationSettings"),
    Mutation("a request property is never null", replace(f"{P}/properties/seed", WHOLE), BREAKING, f"{P}/properties/seed", decodes="VideoGenerationSettings"),
    Mutation("a request property takes a second type", replace(f"{P}/properties/duration", {"type": ["integer", "string"]}), BREAKING, f"{P}/properties/duration/default", decodes="VideoGenerationSettings"),
    Mutation("a request enum takes another value", listed(f"{RESOLUTION}/enum", add=("4k",)), ADDITIVE, f"{RESOLUTION}/enum", decodes="VideoGenerationSettings"),
    Mutation("a request enum refuses a value", listed(f"{RESOLUTION}/enum", remove=("480p",)), BREAKING, f"{RESOLUTION}/enum", decodes="VideoGenerationSettings"),
    Mutation("a request property gets another default", put(f"{P}/properties/duration", default=10), BREAKING, f"{P}/properties/duration/default", decodes="VideoGenerationSettings"),
    Mutation("a request body must be passed", put(f"{POST}/requestBody", required=True), BREAKING, f"{POST}/requestBody/required"),
    # Cosmetic.
    Mutation("the order of keys is another", backwards),
    Mutation("a description is another", put(GET, description="Another description."), COSMETIC, f"{GET}/description"),
    Mutation("a property is described", put(f"{R}/properties/seed", description="What chance began with."), COSMETIC, f"{R}/properties/seed/description"),
    Mutation("an answer is described in other words", put(f"{GET}/responses/200", description="Here it is."), COSMETIC, f"{GET}/responses/200/description"),
    Mutation("an example is added", put(f"{R}/properties/seed", examples=[7]), COSMETIC, f"{R}/properties/seed/examples"),
    Mutation("an extension is added", put(GET, **{"x-rate": 5}), COSMETIC, f"{GET}/x-rate"),
    Mutation("the document's version is another", put("#/info", version="1.0.1"), COSMETIC, "#/info"),
    # Hostile.
    Mutation("a reference leads nowhere", replace(f"{R}/properties/usage", {"$ref": "#/components/schemas/Nowhere"}), refused="#/components/schemas/Nowhere leads nowhere"),
    Mutation("a reference leads out of the document", replace(f"{R}/properties/usage", {"$ref": "https://evil.example/x.json"}), refused="out of the document"),
    Mutation("a reference leads to itself", replace(USAGE, {"$ref": USAGE}), refused="in a circle"),
    Mutation("a schema contains itself", put(f"{R}/properties", parent=null_or(ref=R)), ADDITIVE, f"{R}/properties/parent"),
    Mutation("two properties are one in snake case", put(f"{R}/properties", createdAt=WHOLE), ADDITIVE, f"{R}/properties/createdAt"),
    Mutation("a property hides a model's method", put(f"{R}/properties", to_dict=TEXT), refused="a property named to_dict would hide"),
    Mutation("a format is checked on the wire", put(f"{R}/properties/ratio", format="duration"), BREAKING, f"{R}/properties/ratio/format"),
    Mutation("an enum without names of its own turns round", lambda document: find(document, f"{RESOLUTION}/enum").reverse(), BREAKING, f"{RESOLUTION}/enum", decodes="VideoGenerationSettings"),
    Mutation("a property hides the unknown fields", put(f"{R}/properties", additional_properties=TEXT), refused="a property named additional_properties"),
    Mutation("a keyword that nobody knows", put(f"{R}/properties/seed", unevaluatedFate=True), BREAKING, f"{R}/properties/seed/unevaluatedFate"),
    Mutation("an overlay action loses its target", drop("#/info"), refused=r"overlay action 3 \(target \$\.info\) matches nothing"),
    Mutation("the publisher drops the tag's prefix", both(*(replace(f"{each}/tags", ["video"]) for each in (GET, LIST, POST))), refused="overlay action 4 .* matches nothing"),
    *map(property_named, ["self", "class", "from", "client", "dash-ed", "1st", "type", "not", "print"]),
    *map(schema_named, ["class", "None", "list", "Response", "dash-ed", "1st"]),
]
# fmt: on
