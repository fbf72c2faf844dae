"""What one OpenAPI document does, against another, to the callers of the SDK made from it.

Both documents are overlaid ones: what the overlay repairs never reaches a caller.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from codegen.document import Json, as_list, as_object
from codegen.levels import Change, Handler, Level, short
from codegen.schema_changes import SchemaComparison
from codegen.schemas import METHODS, Direction, escape, inlined, same

SOURCE: Final = "x-source-sha256"
"""The key under which an overlaid document keeps the checksum of the published one."""


def compare(old: dict[str, Json], new: dict[str, Json]) -> list[Change]:
    """Every change from `old` to `new`, the worst first and then by place."""
    comparison = _Comparison(inlined(_without(old, [SOURCE])), inlined(_without(new, [SOURCE])))
    comparison.document()
    if not comparison.changes and not same(old, new):
        comparison.note(Level.COSMETIC, "#", "Only the way of writing changed: the order of keys, quoting, comments.")
    return sorted(set(comparison.changes), key=lambda change: (-change.level, change.pointer, change.meaning))


class _Comparison(SchemaComparison):
    """Compares the document, its operations and its components, place by place."""

    # The document and its operations.

    def document(self) -> None:
        def words(_old: Json, _new: Json, pointer: str) -> None:
            self.note(Level.COSMETIC, pointer, "Words about the document changed.")

        handlers: dict[str, Handler] = {"paths": self._paths, "components": self._components, "info": words}
        handlers |= {"servers": self._servers, "security": self._security, "tags": words, "openapi": self._edition}
        self.each(self.old, self.new, "#", handlers)

    def _edition(self, old: Json, new: Json, pointer: str) -> None:
        def edition(version: Json) -> list[str]:
            return str(version).split(".")[:2]

        if edition(old) == edition(new):
            self.note(Level.COSMETIC, pointer, "The same edition of OpenAPI, in another wording.")
        else:
            self.not_understood(old, new, pointer)

    def _servers(self, old: Json, new: Json, pointer: str) -> None:
        def used(servers: Json) -> Json:
            first = as_object((as_list(servers) or [{}])[0])
            return _without(first, ["description"])

        if same(used(old), used(new)):
            self.note(Level.COSMETIC, pointer, "The server that is used, the first, is the same.")
        else:
            change = f"{short(used(new))} instead of {short(used(old))}"
            self.note(Level.BREAKING, pointer, f"Requests, and the key, go to {change}.")

    def _security(self, old: Json, new: Json, pointer: str) -> None:
        self.note(Level.BREAKING, pointer, f"What authorizes a request became {short(new)}; it was {short(old)}.")

    def _security_schemes(self, old_schemes: Json, new_schemes: Json, pointer: str) -> None:
        old, new = as_object(old_schemes), as_object(new_schemes)
        for name in sorted(old.keys() | new.keys()):
            place = f"{pointer}/{escape(name)}"
            if name not in old:
                self.note(Level.ADDITIVE, place, f"There is another way to authorize a request, {name}.")
            else:
                self.each(old[name], new.get(name), place, {})

    def _paths(self, old: Json, new: Json, pointer: str) -> None:
        old_paths, new_paths = as_object(old), as_object(new)
        for path in sorted(old_paths.keys() | new_paths.keys()):
            place = f"{pointer}/{escape(path)}"
            before, after = as_object(old_paths.get(path)), as_object(new_paths.get(path))
            for method in METHODS:
                self._operation(before.get(method), after.get(method), f"{place}/{method}")
            self.each(_without(before, METHODS), _without(after, METHODS), place, {"servers": self._servers})

    def _operation(self, old: Json, new: Json, pointer: str) -> None:
        if old is None or new is None:
            if old is not None:
                self.note(Level.BREAKING, pointer, f"The function {_function(old)} is gone.")
            if new is not None:
                self.note(Level.ADDITIVE, pointer, f"There is a new function, {_function(new)}.")
            return

        def renamed(_old: Json, _new: Json, place: str) -> None:
            self.note(Level.BREAKING, place, f"The function {_function(old)} is now {_function(new)}.")

        def tagged(before: Json, after: Json, place: str) -> None:
            # The first tag names the package that the function's module is in.
            if as_list(before)[:1] != as_list(after)[:1]:
                renamed(before, after, place)
            else:
                self.note(Level.COSMETIC, place, "A tag that names no package changed.")

        handlers: dict[str, Handler] = {"operationId": renamed, "tags": tagged, "security": self._security}
        handlers |= {"parameters": self._parameters, "requestBody": self._request_body}
        handlers |= {"responses": self._responses, "servers": self._servers}
        self.each(old, new, pointer, handlers)

    def _parameters(self, old: Json, new: Json, pointer: str) -> None:
        def by_name(parameters: Json) -> dict[tuple[str, str], tuple[int, dict[str, Json]]]:
            listed = [as_object(parameter) for parameter in as_list(parameters)]
            return {(str(each.get("in")), str(each.get("name"))): (n, each) for n, each in enumerate(listed)}

        before, after = by_name(old), by_name(new)
        for key in sorted(before.keys() | after.keys()):
            name = f"`{key[1]}`"
            if key not in after:
                place = f"{pointer}/{before[key][0]}"
                self.note(Level.BREAKING, place, f"The argument {name} is gone: passing it is a TypeError.")
            elif key not in before:
                index, parameter = after[key]
                level, how = Level.ADDITIVE, "can be passed"
                if parameter.get("required"):
                    level, how = Level.BREAKING, "must be passed"
                elif key[1] in [known for _, known in before]:
                    level, how = Level.BREAKING, "can be passed, and the one of the same name has another name now"
                self.note(level, f"{pointer}/{index}", f"A new argument, {name}, {how}.")
            else:
                self._parameter(before[key][1], after[key][1], f"{pointer}/{after[key][0]}", name)

    def _parameter(self, old: Json, new: Json, pointer: str, name: str) -> None:
        def required(_before: Json, after: Json, place: str) -> None:
            level, how = (Level.BREAKING, "must now be passed") if after else (Level.ADDITIVE, "need not be passed")
            self.note(level, place, f"The argument {name} {how}.")

        def schema(before: Json, after: Json, place: str) -> None:
            self.compare_schema(before or {}, after or {}, place, Direction.REQUEST, f"The argument {name}")

        self.each(old, new, pointer, {"required": required, "schema": schema})

    def _request_body(self, old: Json, new: Json, pointer: str) -> None:
        if old is None or new is None:
            must = bool(as_object(new).get("required"))
            level = Level.BREAKING if new is None or must else Level.ADDITIVE
            how = "is gone" if new is None else "must be passed" if must else "can be passed"
            self.note(level, pointer, f"The argument `body` {how}.")
            return

        def required(_before: Json, after: Json, place: str) -> None:
            level, how = (Level.BREAKING, "must now be passed") if after else (Level.ADDITIVE, "need not be passed")
            self.note(level, place, f"The argument `body` {how}.")

        def content(before: Json, after: Json, place: str) -> None:
            self._content(before, after, place, Direction.REQUEST, "The argument `body`")

        self.each(old, new, pointer, {"required": required, "content": content})

    def _responses(self, old_responses: Json, new_responses: Json, pointer: str) -> None:
        old, new = as_object(old_responses), as_object(new_responses)
        for status in sorted(old.keys() | new.keys()):
            place = f"{pointer}/{escape(status)}"
            if status not in new:
                self.note(Level.BREAKING, place, f"An answer with status {status} is no longer parsed.")
            elif status not in old:
                level = Level.BREAKING if status.startswith("2") else Level.ADDITIVE
                self.note(level, place, f"An answer with status {status} is described now, and parsed.")
            elif not same(old[status], new[status]):
                self._response(old[status], new[status], place, status)

    def _response(self, old: Json, new: Json, pointer: str, status: str) -> None:
        def content(before: Json, after: Json, place: str) -> None:
            self._content(before, after, place, Direction.RESPONSE, f"What status {status} brings")

        def headers(_before: Json, _after: Json, place: str) -> None:
            self.note(Level.COSMETIC, place, "Headers of an answer are described differently; no code reads them.")

        self.each(old, new, pointer, {"content": content, "headers": headers})

    def _content(self, old_content: Json, new_content: Json, pointer: str, direction: Direction, what: str) -> None:
        old, new = as_object(old_content), as_object(new_content)
        for kind in sorted(old.keys() | new.keys()):
            place = f"{pointer}/{escape(kind)}"
            if kind not in new:
                self.note(Level.BREAKING, place, f"{what} is no longer described as {kind}.")
            elif kind not in old:
                level = Level.ADDITIVE if direction is Direction.REQUEST else Level.BREAKING
                self.note(level, place, f"{what} is described as {kind} too.")
            else:

                def schema(before: Json, after: Json, at: str) -> None:
                    self.compare_schema(before or {}, after or {}, at, direction, what)

                self.each(old[kind], new[kind], place, {"schema": schema})

    # Components and schemas.

    def _components(self, old: Json, new: Json, pointer: str) -> None:
        kinds: dict[str, Handler] = {"schemas": self._schemas, "securitySchemes": self._security_schemes}
        self.each(as_object(old), as_object(new), pointer, kinds)

    def _schemas(self, old_schemas: Json, new_schemas: Json, pointer: str) -> None:
        old, new = as_object(old_schemas), as_object(new_schemas)
        for name in sorted(old.keys() | new.keys()):
            place = f"{pointer}/{escape(name)}"
            if name not in new:
                self.note(Level.BREAKING, place, f"The class {name} is gone: importing it is an ImportError.")
            elif name not in old:
                self.note(Level.ADDITIVE, place, f"There is a new class, {name}.")
            else:
                self.compare_schema(old[name], new[name], place, self.directions[name], f"`{name}`")


def _function(operation: Json) -> str:
    tag = (as_list(operation.get("tags")) or ["default"])[0]
    return f"`{tag}.{operation.get('operationId', '?')}`"


def _without(mapping: dict[str, Json], keys: Iterable[str]) -> dict[str, Json]:
    return {key: value for key, value in mapping.items() if key not in set(keys)}
