"""Compares two OpenAPI documents: what changes for callers of the SDK that is generated from them.

Both documents have the overlay applied: callers never see what the overlay repairs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from codegen.adaptation.bodies import equal_forms
from codegen.client_names import python_name
from codegen.diff.effective import argument_names, is_json, media_types, parameter, parsed_media_type
from codegen.diff.schemas import SchemaComparison
from codegen.diff.severity import Change, Handler, Severity, format_value
from codegen.document import Json, as_list, as_object
from codegen.openapi import METHODS, Direction, escape, inline_components, same, types_of

SOURCE_CHECKSUM: Final = "x-source-sha256"
"""The key under which an overlaid document keeps the checksum of the published document."""
SUPPLEMENTED: Final = "x-supplemented"
"""The key under which an overlaid document lists the operations that the supplement adds, as JSON pointers."""
GENERATORS: Final = "x-generators"
"""The key under which an overlaid document keeps the versions of the programs that wrote the code."""


def compare_documents(old: dict[str, Json], new: dict[str, Json]) -> list[Change]:
    """Every change from `old` to `new`: the most severe first, then in the order of their places."""
    own_keys = [GENERATORS, SUPPLEMENTED]
    old, new = _without(old, own_keys), _without(new, own_keys)
    comparison = _DocumentComparison(*(inline_components(_without(each, [SOURCE_CHECKSUM])) for each in (old, new)))
    comparison.compare_document()
    if not comparison.changes and not same(old, new):
        comparison.add(
            Severity.COSMETIC,
            "#",
            "Only the notation changed: the order of keys, the quoting, the comments, or extensions (`x-…`).",
        )
    return sorted(set(comparison.changes), key=lambda change: (-change.severity, change.pointer, change.meaning))


class _DocumentComparison(SchemaComparison):
    """Compares the document, its operations and its components."""

    # The document and its operations.

    def compare_document(self) -> None:
        def documentation(_old: Json, _new: Json, pointer: str) -> None:
            self.add(Severity.COSMETIC, pointer, "Documentation only: the description of the API changed.")

        handlers: dict[str, Handler] = {
            "paths": self._paths,
            "components": self._components,
            "info": documentation,
            "servers": self._servers,
            "security": self._security,
            "tags": documentation,
            "openapi": self._openapi_version,
            **dict.fromkeys(("webhooks", "jsonSchemaDialect", "externalDocs"), self._unread),
        }
        self.compare_keys(self.old, self.new, "#", handlers)

    def _unread(self, _old: Json, _new: Json, pointer: str) -> None:
        self.add(Severity.COSMETIC, pointer, f"No generated code reads `{pointer.rpartition('/')[2]}`.")

    def _openapi_version(self, old: Json, new: Json, pointer: str) -> None:
        def major_and_minor(version: Json) -> list[str]:
            return str(version).split(".")[:2]

        if major_and_minor(old) == major_and_minor(new):
            self.add(Severity.COSMETIC, pointer, "The OpenAPI version differs only in its last number.")
        else:
            self.add_unknown(old, new, pointer)

    def _servers(self, old: Json, new: Json, pointer: str) -> None:
        def first_server(servers: Json) -> Json:
            first = as_object((as_list(servers) or [{}])[0])
            url = str(first.get("url", "")).rstrip("/")
            return {**_without(first, ["description", "name"]), **({"url": url} if "url" in first else {})}

        before, after = first_server(old), first_server(new)
        if same(before, after):
            self.add(Severity.COSMETIC, pointer, "The SDK uses the first server, which is the same.")
        else:
            meaning = f"The server is {format_value(after)}; it was {format_value(before)}."
            self.add(Severity.BREAKING, pointer, f"{meaning} The SDK sends all requests to its own `base_url`.")

    def _security(self, old: Json, new: Json, pointer: str) -> None:
        change = f"{format_value(new)}; it was {format_value(old)}"
        severity, kept = Severity.BREAKING, [each for each in as_list(old) if each in as_list(new)]
        if as_list(old) and (new == [] or {} in as_list(new)):
            severity, change = Severity.ADDITIVE, f"no longer necessary: {change}"
        elif as_list(old) and len(kept) == len(as_list(old)):
            severity, change = Severity.COSMETIC, f"possible as before: {change}"
        self.add(severity, pointer, f"The authorization of a request is {change}.")

    def _security_schemes(self, old_schemes: Json, new_schemes: Json, pointer: str) -> None:
        old, new = as_object(old_schemes), as_object(new_schemes)
        for name in sorted(old.keys() | new.keys()):
            place = f"{pointer}/{escape(name)}"
            if name not in old:
                self.add(Severity.COSMETIC, place, f"The security scheme {name} was added; no generated code reads it.")
            else:
                self.compare_keys(old[name], new.get(name), place, {"bearerFormat": self._unread})

    def _paths(self, old: Json, new: Json, pointer: str) -> None:
        old_paths, new_paths = as_object(old), as_object(new)
        for path in sorted(old_paths.keys() | new_paths.keys()):
            place = f"{pointer}/{escape(path)}"
            before, after = as_object(old_paths.get(path)), as_object(new_paths.get(path))
            servers = self._own_servers(self.old, self.new)
            for method in METHODS:
                own = self._own_servers({**self.old, **before}, {**self.new, **after})
                self._operation(before.get(method), after.get(method), f"{place}/{method}", own)
            self.compare_keys(_without(before, METHODS), _without(after, METHODS), place, {"servers": servers})

    def _own_servers(self, old: dict[str, Json], new: dict[str, Json]) -> Handler:
        """Compares the servers of a part. A part without servers has those of the object around it."""

        def servers(before: Json, after: Json, pointer: str) -> None:
            self._servers(before or old.get("servers"), after or new.get("servers"), pointer)

        return servers

    def _operation(self, old: Json, new: Json, pointer: str, servers: Handler) -> None:
        if old is None or new is None:
            if old is not None:
                self.add(Severity.BREAKING, pointer, f"The function {_function(old)} was removed.")
            if new is not None:
                self.add(Severity.ADDITIVE, pointer, f"The function {_function(new)} was added.")
            return

        def operation_id(before: Json, after: Json, place: str) -> None:
            if before and after and is_same_name(before, after):
                self.add(Severity.COSMETIC, place, "The function has the same name in Python.")
                return
            self.add(Severity.BREAKING, place, f"The function {_function(old)} was renamed to {_function(new)}.")

        def tags(before: Json, after: Json, place: str) -> None:
            # The first tag names the package that holds the function's module.
            first, second = ((as_list(each) or ["default"])[0] for each in (before, after))
            if not is_same_name(first, second):
                self.add(Severity.BREAKING, place, f"The function {_function(old)} was moved to {_function(new)}.")
            else:
                self.add(Severity.COSMETIC, place, "The first tag, which names the package, is the same.")

        handlers: dict[str, Handler] = {
            "operationId": operation_id,
            "tags": tags,
            "security": self._security,
            "parameters": self._parameters,
            "requestBody": self._request_body,
            "responses": self._responses,
            "servers": servers,
            "callbacks": self._unread,
        }
        self.compare_keys(old, new, pointer, handlers)

    def _parameters(self, old: Json, new: Json, pointer: str) -> None:
        def by_name(parameters: Json) -> dict[tuple[str, str], tuple[int, dict[str, Json]]]:
            listed = [as_object(parameter) for parameter in as_list(parameters)]
            return {(str(each.get("in")), str(each.get("name"))): (n, each) for n, each in enumerate(listed)}

        before, after = by_name(old), by_name(new)
        old_names, new_names = argument_names(before), argument_names(after)
        taken = {argument: key for key, argument in new_names.items()}
        for key in sorted(before.keys() | after.keys()):
            name = f"`{key[1]}`"
            if key not in after:
                place = f"{pointer}/{before[key][0]}"
                self.add(Severity.BREAKING, place, f"The argument {name} was removed: passing it raises TypeError.")
            elif key not in before:
                index, added = after[key]
                severity, meaning = Severity.ADDITIVE, f"The optional argument {name} was added."
                if added.get("required"):
                    severity, meaning = Severity.BREAKING, f"The required argument {name} was added."
                elif as_object(added.get("schema")).get("default") is not None:
                    severity, meaning = Severity.BREAKING, f"The argument {name} was added. Its default is sent."
                self.add(severity, f"{pointer}/{index}", meaning)
            else:
                self._parameter(before[key][1], after[key][1], f"{pointer}/{after[key][0]}", name)
                if old_names[key] != new_names[key]:
                    other = taken.get(old_names[key])
                    index = after[other or key][0]
                    if other is None:
                        index = max((after[each][0] for each in after if each not in before), default=index)
                    meaning = f"The argument `{old_names[key]}` is now called `{new_names[key]}`."
                    self.add(Severity.BREAKING, f"{pointer}/{index}", meaning)

    def _parameter(self, old: Json, new: Json, pointer: str, name: str) -> None:
        def schema(before: Json, after: Json, place: str) -> None:
            self.compare_schema(before or {}, after or {}, place, Direction.REQUEST, f"The argument {name}")

        if same(old, new):
            return
        before, after = parameter(old), parameter(new)
        if same(before, after):
            self.add(Severity.COSMETIC, pointer, f"The argument {name} is sent as before; only the notation changed.")
            return
        handlers: dict[str, Handler] = {"required": self._required(f"The argument {name}"), "schema": schema}
        self.compare_keys(before, after, pointer, handlers)

    def _request_body(self, old: Json, new: Json, pointer: str) -> None:
        if old is None or new is None:
            required = bool(as_object(new).get("required"))
            severity = Severity.BREAKING if new is None or required else Severity.ADDITIVE
            change = "was removed" if new is None else f"was added and is {'required' if required else 'optional'}"
            self.add(severity, pointer, f"The argument `body` {change}.")
            return

        def content(before: Json, after: Json, place: str) -> None:
            self._content(before, after, place, Direction.REQUEST, "The argument `body`")

        if not same(old, new) and same({"required": False, **old}, {"required": False, **new}):
            self.add(Severity.COSMETIC, f"{pointer}/required", "The argument `body` is optional, as before.")
            return
        self.compare_keys(old, new, pointer, {"required": self._required("The argument `body`"), "content": content})

    def _required(self, subject: str) -> Handler:
        def required(_before: Json, after: Json, place: str) -> None:
            severity, change = (Severity.BREAKING, "required") if after else (Severity.ADDITIVE, "optional")
            self.add(severity, place, f"{subject} is now {change}.")

        return required

    def _responses(self, old_responses: Json, new_responses: Json, pointer: str) -> None:
        old, new = as_object(old_responses), as_object(new_responses)
        for status in sorted(old.keys() | new.keys()):
            before, after = (_described(each, status) for each in (old, new))
            place = f"{pointer}/{escape(after or status)}"
            if after is None:
                self.add(Severity.BREAKING, place, f"A response with status {status} is no longer parsed.")
            elif before is None:
                severity = Severity.ADDITIVE if _fits(new[status], old, status) else Severity.BREAKING
                self.add(severity, place, f"A response with status {status} is now described and parsed.")
            elif not same(old[before], new[after]):
                self._response(old[before], new[after], place, status)
            elif before != after:
                self.add(Severity.COSMETIC, place, f"A response with status {status} is parsed as before.")

    def _response(self, old: Json, new: Json, pointer: str, status: str) -> None:
        def content(before: Json, after: Json, place: str) -> None:
            self._content(before, after, place, Direction.RESPONSE, f"The body of a response with status {status}")

        def headers(_before: Json, _after: Json, place: str) -> None:
            self.add(Severity.COSMETIC, place, "The description of the response's headers changed; no code reads them.")

        self.compare_keys(old, new, pointer, {"content": content, "headers": headers, "links": self._unread})

    def _content(self, old_content: Json, new_content: Json, pointer: str, direction: Direction, subject: str) -> None:
        old, new = media_types(old_content), media_types(new_content)
        is_read = direction is Direction.RESPONSE
        if same(old, new):
            self.add(Severity.COSMETIC, pointer, f"{subject} is described as before; only the notation changed.")
            return
        parsed, parsed_before = parsed_media_type(new), parsed_media_type(old)
        if (
            is_read
            and parsed
            and parsed_before
            and parsed != parsed_before
            and is_json(parsed)
            and is_json(parsed_before)
        ):
            place = f"{pointer}/{escape(parsed)}"
            self.add(Severity.COSMETIC, place, f"{subject} is JSON, as before. No code reads the exact media type.")
            old = {parsed: old[parsed_before]} | {key: old[key] for key in old.keys() - {parsed, parsed_before}}
        if is_read and parsed_media_type(old) != parsed_media_type(new):
            change = f"{parsed_media_type(new) or 'nothing'}; it was {parsed_media_type(old) or 'nothing'}"
            # Each media type of the change is named below.
            place = f"{pointer}/{escape(parsed_media_type(new) or parsed_media_type(old) or '')}"
            self.add(Severity.BREAKING, place, f"{subject} is parsed as {change}.")
        for media_type in sorted(old.keys() | new.keys()):
            place = f"{pointer}/{escape(media_type)}"
            unread = is_read and media_type not in (parsed_media_type(old), parsed_media_type(new))
            if media_type not in new:
                unread = unread or media_type in equal_forms(self.old, old)
                severity = Severity.COSMETIC if unread else Severity.BREAKING
                self.add(severity, place, f"{subject} is no longer described as {media_type}.")
            elif media_type not in old:
                # The type of the body chooses the media type. The same type twice is sent in the other way.
                known = {name for each in old.values() for name in types_of(as_object(each).get("schema")).names}
                is_same_type = bool(types_of(as_object(new[media_type]).get("schema")).names & known)
                severity = Severity.BREAKING if not is_read and is_same_type else Severity.ADDITIVE
                severity = Severity.COSMETIC if is_read or media_type in equal_forms(self.new, new) else severity
                self.add(severity, place, f"{subject} is now also described as {media_type}.")
            elif unread and not same(old[media_type], new[media_type]):
                self.add(Severity.COSMETIC, place, f"{subject} is not parsed as {media_type}.")
            else:

                def schema(before: Json, after: Json, at: str) -> None:
                    self.compare_schema(before or {}, after or {}, at, direction, subject)

                handlers: dict[str, Handler] = {"schema": schema}
                if is_read:
                    handlers["encoding"] = self._unread
                self.compare_keys(old[media_type], new[media_type], place, handlers)

    # Components and schemas.

    def _components(self, old: Json, new: Json, pointer: str) -> None:
        handlers: dict[str, Handler] = {"schemas": self._schemas, "securitySchemes": self._security_schemes}
        handlers |= dict.fromkeys(("examples", "links", "callbacks", "headers", "pathItems"), self._unread)
        self.compare_keys(as_object(old), as_object(new), pointer, handlers)

    def _schemas(self, old_schemas: Json, new_schemas: Json, pointer: str) -> None:
        old, new = as_object(old_schemas), as_object(new_schemas)
        for name in sorted(old.keys() | new.keys()):
            place = f"{pointer}/{escape(name)}"
            if name not in new:
                self.add(Severity.BREAKING, place, f"The class {name} was removed: importing it raises ImportError.")
            elif name not in old:
                self.add(Severity.ADDITIVE, place, f"The class {name} was added.")
            else:
                direction = self.directions[name]
                self.compare_schema(old[name], new[name], place, direction, f"`{name}`", is_component=True)


def _function(operation: Json) -> str:
    tag = (as_list(operation.get("tags")) or ["default"])[0]
    return f"`{tag}.{operation.get('operationId', '?')}`"


def is_same_name(old: Json, new: Json) -> bool:
    """Whether two names of the document are one name in Python."""
    return python_name(old) == python_name(new)


def _result(response: Json) -> frozenset[str]:
    """The types that a response has in Python. A response without a body that is parsed may be anything."""
    content = media_types(as_object(response).get("content"))
    return types_of(as_object(content.get(parsed_media_type(content) or "")).get("schema")).names


def _described(responses: dict[str, Json], status: str) -> str | None:
    """The key under which a status is described: the status itself, its range, or `default`."""
    return next((key for key in (status, f"{status[:1]}XX", "default") if key in responses), None)


def _fits(response: Json, others: dict[str, Json], status: str) -> bool:
    """Whether the result of a function needs no new type for a response. Callers need not handle `Any`."""
    result = _result(response)
    if status.startswith("2"):
        # Callers use the result of a success as it is.
        successes = {name for key, each in others.items() if key.startswith("2") for name in _result(each)}
        return result <= successes - {"Any"}
    return result <= {"Any", *(name for each in others.values() for name in _result(each))}


def _without(mapping: dict[str, Json], keys: Iterable[str]) -> dict[str, Json]:
    return {key: value for key, value in mapping.items() if key not in set(keys)}
