"""The faults that the verification finds, and the error that names them."""

from __future__ import annotations

from typing import Final, NamedTuple

from codegen.document import Json, as_object, is_list, is_object
from codegen.errors import CodegenError
from codegen.openapi import escape, references
from codegen.remedies import overlay_action
from codegen.verification.instances import Schema

_SHOWN: Final = 5


class Finding(NamedTuple):
    """One fault of the generated code."""

    pointer: str
    """The schema or the operation, in the overlaid document."""
    reason: str
    """What is wrong, in one sentence without its last period."""
    certain: bool = True
    """Whether the fault is at this place. An instance with many properties may show the fault of another one."""


def refusal(document: Schema, findings: list[Finding]) -> CodegenError:
    """The error that names the first findings, and offers a remedy for the first place."""
    # The first fault of a place shows it. The others are often the same fault in another instance.
    first = {existing(document, each.pointer): each.reason for each in reversed(_causes(document, findings))}
    placed = [Finding(pointer, first[pointer]) for pointer in reversed(first)]
    lines = [f"{each.pointer}: {each.reason}." for each in placed[:_SHOWN]]
    if len(placed) > _SHOWN:
        lines.append(f"There are {len(placed) - _SHOWN} more faults.")
    return CodegenError("\n".join(["The generated code would be wrong:", *lines, _remedy(placed[0].pointer)]))


def by_dependency(document: Schema) -> dict[str, set[str]]:
    """The components that each component reaches, itself included. A component comes after those that it reaches."""
    schemas = as_object(as_object(document.get("components")).get("schemas"))
    direct = {_pointer(name): set(references(value)) for name, value in schemas.items()}
    reached: dict[str, set[str]] = {}
    for pointer in direct:
        found, waiting = set[str](), [pointer]
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting += direct.get(current, set())
        reached[pointer] = found
    return dict(sorted(reached.items(), key=lambda item: len(item[1])))


def _pointer(name: str) -> str:
    return f"#/components/schemas/{escape(name)}"


def _causes(document: Schema, findings: list[Finding]) -> list[Finding]:
    """The findings without those that a finding of another component explains."""
    faulty = {_component(each.pointer) for each in findings}
    certain = {_component(each.pointer) for each in findings if each.certain}
    reached = by_dependency(document)
    for name, value in as_object(document.get("paths")).items():
        reached[f"#/paths/{escape(name)}"] = {
            inner for direct in references(value) for inner in reached.get(direct, set())
        }
    causes = [
        each
        for each in findings
        if (each.certain or _component(each.pointer) not in certain)
        and not faulty & (reached.get(_component(each.pointer), set()) - {_component(each.pointer)})
    ]
    return causes or findings


def _component(pointer: str) -> str:
    """The component, or the path, that a place belongs to."""
    parts = pointer.split("/")
    return "/".join(parts[: 3 if parts[1:2] == ["paths"] else 4])


def existing(document: Schema, pointer: str) -> str:
    """The pointer, cut after its last part that is in the document."""
    value: Json = document
    kept = "#"
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if is_object(value) and key in value:
            value = value[key]
        elif is_list(value) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            break
        kept += f"/{part}"
    return kept


def _remedy(pointer: str) -> str:
    """An overlay action that removes the property, or the operation, that a pointer leads to."""
    parts = pointer.split("/")
    reason = "The generators make wrong code from it."
    if "properties" in parts[:-1]:
        last = len(parts) - 2 - parts[-2::-1].index("properties")
        removed = "/".join(parts[: last + 2])
        return f"The model can do without the property. {overlay_action(removed, reason)}"
    if parts[1:2] == ["paths"] and len(parts) > 3:
        return f"Or leave the operation out. {overlay_action('/'.join(parts[:4]), reason)}"
    return "Change the schema with an action in overlays/openapi.overlay.yaml, or leave out the page that brings it."
