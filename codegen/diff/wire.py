"""Compares the declarations of two wire packages: base classes, annotations with their constraints, and defaults.

The wire package is private, but it decides which responses are accepted. What only documents a declaration (titles,
descriptions, examples) and the order of the types in a union, or of the values in an enum, do not count. The name of
an inline class does not count either: the generator numbers these names across the document. Here such a class is
called after its first use.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from codegen.adaptation.wire import wire_names
from codegen.diff.severity import ApiChange

WIRE_PACKAGE: Final = "meshapi_video_wire"
_IMPORTS: Final = "It now imports "
_DOCUMENTATION: Final = frozenset({"title", "description", "examples", "extra", "extra_json_schema"})
# At the end of a union, as the generator writes them.
_ABSENT: Final = ("None", "UnsetType")


def compare_wire(old: Path, new: Path) -> list[ApiChange]:
    """The declarations that changed or were removed, and the modules that are imported now."""
    before, after = _read(old), _read(new)
    imports = [ApiChange(WIRE_PACKAGE, f"{_IMPORTS}`{name}`") for name in after.imports - before.imports]
    removed = [
        ApiChange(path, f"`{declaration}` was removed")
        for path, declaration in before.declarations.items()
        if path not in after.declarations
        # Of a removed class, the members need no line of their own.
        and path.rpartition(".")[0] in {*after.declarations, WIRE_PACKAGE}
    ]
    return sorted([*changed(before.declarations, after.declarations), *removed, *imports])


def changed(before: dict[str, str], after: dict[str, str]) -> Iterator[ApiChange]:
    """The names that are declared before and after, but differently."""
    for path, declaration in before.items():
        if after.get(path, declaration) != declaration:
            yield ApiChange(path, f"`{declaration}` became `{after[path]}`")


def imported_module(change: ApiChange) -> str | None:
    """The name of the module, if the change is a new import."""
    return change.meaning.removeprefix(_IMPORTS).strip("`") if change.meaning.startswith(_IMPORTS) else None


class _Wire(NamedTuple):
    """What the modules of a wire package declare and import."""

    declarations: dict[str, str]
    """The dotted name of each class, field, enum member and alias, with its declaration."""
    imports: frozenset[str]
    """The names of the imported modules."""


def _read(package: Path) -> _Wire:
    """Reads the modules of a wire package without importing them."""
    declarations: dict[str, str] = {}
    imports: set[str] = set()
    for path in sorted(package.rglob("*.py")):
        module = ".".join([package.name, *path.relative_to(package).with_suffix("").parts]).removesuffix(".__init__")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        _rename_inline_classes(tree, _components(package))
        declarations.update(_declarations(tree.body, module))
        imports |= {name for node in tree.body for name in _imports(node)}
    return _Wire(declarations, frozenset(imports))


def _components(package: Path) -> set[str] | None:
    """The names of the types of components. None if the document is not beside the package."""
    document = package.parent / "openapi.json"
    if not document.exists():
        return None
    schemas = json.loads(document.read_text(encoding="utf-8")).get("components", {}).get("schemas", {})
    return set(wire_names(schemas).values())


def _rename_inline_classes(module: ast.Module, components: set[str] | None) -> None:
    """Calls each inline class after the component and the fields that lead to it."""
    declared = {_name(node): node for node in module.body if _name(node)}
    names = {name: name for name in declared if components is None or name in components}
    todo = sorted(names, reverse=True) if len(names) < len(declared) else []
    while todo:
        holder = todo.pop()
        node = declared[holder]
        for member in node.body if isinstance(node, ast.ClassDef) else [node]:
            for found in _names(member):
                if found in declared and found not in names:
                    names[found] = f"{names[holder]}-{_name(member)}" if member is not node else f"{names[holder]}-"
                    todo.append(found)
    if any(name != new for name, new in names.items()):
        for each in ast.walk(module):
            if isinstance(each, ast.ClassDef):
                each.name = names.get(each.name, each.name)
            elif isinstance(each, ast.Name):
                each.id = names.get(each.id, each.id)


def _name(node: ast.stmt) -> str:
    match node:
        case ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case _:
            return ""


def _names(node: ast.stmt) -> list[str]:
    return [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]


def _imports(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module] if node.module and not node.level else []
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def _declarations(body: list[ast.stmt], scope: str) -> Iterator[tuple[str, str]]:
    others: list[str] = []
    for node in body:
        if isinstance(node, ast.ClassDef):
            arguments = [ast.unparse(each) for each in [*node.bases, *node.keywords]]
            yield f"{scope}.{node.name}", f"class {node.name}({', '.join(arguments)})"
            yield from _declarations(node.body, f"{scope}.{node.name}")
        elif isinstance(node, ast.AnnAssign):
            default = f" = {_normal(node.value)}" if node.value else ""
            yield f"{scope}.{ast.unparse(node.target)}", f"{_normal(node.annotation)}{default}"
        elif isinstance(node, ast.Assign):
            yield f"{scope}.{ast.unparse(node.targets[0])}", _normal(node.value)
        elif not isinstance(node, ast.Import | ast.ImportFrom | ast.Pass) and not _is_docstring(node):
            others.append(ast.unparse(node))
    # What the generator does not write today has to be read by a person.
    yield f"{scope}.<statements>", "; ".join(others) or "none"


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _normal(expression: ast.expr) -> str:
    return ast.unparse(_Normal().visit(expression))


class _Normal(ast.NodeTransformer):
    """Removes documentation from annotations, and sorts unions."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if not (isinstance(node.value, ast.Name) and isinstance(node.slice, ast.Tuple)):
            return node
        if node.value.id == "Literal":
            return ast.Subscript(node.value, ast.Tuple(sorted(node.slice.elts, key=ast.unparse)))
        if node.value.id != "Annotated":
            return node
        annotated, *metadata = node.slice.elts
        constraints = [each for each in metadata if not _is_empty(each)]
        return ast.Subscript(node.value, ast.Tuple([annotated, *constraints])) if constraints else annotated

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if ast.unparse(node.func) == "Meta":
            node.keywords = [keyword for keyword in node.keywords if keyword.arg not in _DOCUMENTATION]
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        if not isinstance(node.op, ast.BitOr):
            self.generic_visit(node)
            return node
        members = [ast.unparse(self.visit(each)) for each in _members(node)]
        # One name with the text of the union: it is only written out, and to parse it would take most of the time.
        return ast.Name(" | ".join(sorted(members, key=lambda name: (name in _ABSENT, name))))


def _is_empty(metadata: ast.expr) -> bool:
    return isinstance(metadata, ast.Call) and not metadata.args and not metadata.keywords


def _members(node: ast.expr) -> list[ast.expr]:
    """The types of a union."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_members(node.left), *_members(node.right)]
    return [node]
