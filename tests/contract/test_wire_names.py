"""Each component has its own wire type, and the verification knows the name of it, whatever the component is called."""

from __future__ import annotations

import random

from codegen.adaptation import adapt
from codegen.document import Json
from codegen.openapi import escape
from codegen.verification.names import names_of
from codegen.wire_generator import generate_wire

_NAMES = [
    *("cat_by_kind", "CatByKind", "catByKind", "Cat.By.Kind", "cat-by-kind", "CatByKind_", "_CatByKind", "CAT_BY_KIND"),
    *(
        "CatByKind2",
        "cat_by_kind_2",
        "Cat",
        "cat",
        "CAT",
        "Cat1",
        "cat_1",
        "1Cat",
        "1",
        "0",
        "00",
        "v1.User",
        "v2.User",
    ),
    *("-", ".", "_", "__", "a-", "-a", "a.b.c", "A.B.C", "Über", "über", "日本", "ﬁ", "ß", "Foo[Bar]", "Foo Bar"),
    *(f"{name}{end}" for name in ("Struct", "Literal", "UNSET", "Meta", "Any") for end in ("", "Model", "Model1", "1")),
    *("None", "True", "class", "async", "match", "type", "import"),
    *("Date", "date", "datetime", "UUID", "list", "dict", "ValueError", "Exception", "Model", "__init__"),
]


def _object(**properties: Json) -> Json:
    return {"type": "object", "required": [*properties], "properties": properties}


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _document(names: list[str]) -> dict[str, Json]:
    schemas = {name: _object(**{f"own{number}": {"type": "integer"}}) for number, name in enumerate(names)}
    schemas |= {
        name: _object(kind={"const": name.lower()}, by_kind={"const": "x"}) for name in ("Cat", "Dog", "Cat_by")
    }
    tagged = {"discriminator": {"propertyName": "kind"}}
    schemas["Pet"] = {"oneOf": [_reference("Cat"), _reference("Dog")], **tagged}
    schemas["Other"] = {"oneOf": [_reference("Cat_by"), _reference("Cat")], **tagged}
    return {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}, "components": {"schemas": schemas}}


def test_each_component_has_a_wire_type_of_its_own() -> None:
    rand = random.Random(14)  # noqa: S311 - not a secret
    strange = ["".join(rand.choices("aAbB1._-éZ0", k=rand.randint(1, 6))) for _ in range(40)]
    document = _document(list(dict.fromkeys([*_NAMES, *strange])))
    adapted = adapt(document)
    names = names_of(adapted.client, adapted.wire)
    defined: dict[str, Json] = {}
    exec(generate_wire(adapted.wire).module, defined)  # noqa: S102 - generated from this document
    found = {name: names.wire_of(f"#/components/schemas/{escape(name)}") for name in document["components"]["schemas"]}
    assert len(found) > 100
    assert [name for name, wire in found.items() if wire not in defined] == []
    assert len({*found.values()}) == len(found)
    wrong = [
        name
        for name, schema in document["components"]["schemas"].items()
        if "properties" in schema and sorted(schema["properties"]) != [*defined[str(found[name])].__annotations__]
    ]
    assert wrong == []
