"""Refuses what the generators would turn into wrong code without an error. Each refusal offers a remedy."""

from __future__ import annotations

from collections.abc import Iterator

from openapi_python_client.parser.errors import GeneratorError

from codegen.adaptation import marked_forms
from codegen.adaptation.places import place_of, slots
from codegen.adaptation.references import UnfoldingError
from codegen.document import Json
from codegen.errors import CodegenError
from codegen.refusals.choices import check_schemas, check_values
from codegen.refusals.names import check_endpoints, check_models, check_operations, check_texts, places_of_classes
from codegen.refusals.parsed import errors, parse
from codegen.refusals.references import check_references, endless, unfolding
from codegen.refusals.refusal import Refusal
from codegen.refusals.requests import check_requests
from codegen.refusals.shapes import check_shapes

_MOST = 20


def check_document(document: dict[str, Json]) -> None:
    """Raises a `CodegenError` that names the places that cannot be generated rightly, and says what to do."""
    try:
        found = list(dict.fromkeys(refusals(document)))
    except RecursionError:
        found = [endless(document)]
    if found:
        more = f"\n\n{len(found) - _MOST} more places are wrong." if len(found) > _MOST else ""
        raise CodegenError("\n\n".join(refusal.message() for refusal in found[:_MOST]) + more)


def refusals(document: dict[str, Json]) -> Iterator[Refusal]:
    """Each place that cannot be generated rightly. What the generator itself refuses comes last."""
    odd = list(check_shapes(document)) or list(check_references(document))
    yield from odd
    if odd:
        return
    try:
        client, wire, _notes = marked_forms(document)
    except UnfoldingError as error:
        yield unfolding(document, error)
        return
    known = [
        *check_operations(document),
        *check_texts((place_of(slot.schema), slot.schema) for slot in slots(client)),
        *check_values(client),
        *check_values(wire),
        *check_schemas(document, client),
        *check_requests(client),
    ]
    yield from known
    if known:
        return
    parsed = parse(client)
    yield from errors(document, client, parsed)
    if not isinstance(parsed, GeneratorError):
        places = places_of_classes(client, parsed)
        yield from check_models(parsed, places)
        yield from check_endpoints(parsed, places)
