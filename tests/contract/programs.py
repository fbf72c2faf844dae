"""Writes the program of a caller, from the signatures of a generated package."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from codegen.regenerate import CLIENT

_HEAD: Final = f"""\
import datetime
import io
import uuid
from collections.abc import Callable
from io import BytesIO
from typing import Any, Literal, assert_never
from uuid import UUID

from {CLIENT} import AuthenticatedClient, Client
from {CLIENT}.types import UNSET, File, Response, Unset

SENT: dict[str, Callable[[], object]] = {{}}
FAKES: dict[str, Callable[[], object]] = {{}}
PARSERS: dict[str, Callable[..., object]] = {{}}
"""
_VALUES: Final = {
    "str": '"text"',
    "int": "1",
    "float": "1",
    "bool": "True",
    "Any": '"anything"',
    "datetime.datetime": "datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)",
    "datetime.date": "datetime.date(2026, 1, 2)",
    "UUID": 'UUID("12345678-1234-5678-1234-567812345678")',
    "File": 'File(payload=BytesIO(b"x"), file_name="x")',
    "None": "None",
    "Unset": "UNSET",
    "bytes": 'b"x"',
}

# Schemas may contain themselves.
_DEEPEST: Final = 6


@dataclass
class Class:
    """A model or an enum."""

    name: str
    attributes: dict[str, tuple[str, bool]] = field(default_factory=dict[str, tuple[str, bool]])
    """The annotation of each argument, and whether it must be passed."""
    others: str = ""
    """The type of an additional property; empty if there are none."""
    members: list[str] = field(default_factory=list[str])
    literals: list[str] = field(default_factory=list[str])


@dataclass
class Function:
    """A generated endpoint module."""

    module: str
    arguments: dict[str, tuple[str, bool]]
    positional: list[str]
    returns: str
    parses: str
    client: str
    """The type of the client with which callers call the function."""


class Package:
    """The signatures of a generated client package."""

    def __init__(self, folder: Path) -> None:
        self.trees: dict[str, ast.Module] = {}
        self.code: dict[str, str] = {}
        self._other = self
        for path in sorted(folder.rglob("*.py")):
            module = ".".join([CLIENT, *path.relative_to(folder).with_suffix("").parts]).removesuffix(".__init__")
            self.trees[module], self.code[module] = _parsed(path.read_text(encoding="utf-8"))
        self.classes = {each.name: each for each in self._classes()}
        self.functions = list(self._functions())

    def _classes(self) -> Iterator[Class]:
        for module, tree in self.trees.items():
            if not module.startswith(f"{CLIENT}.models."):
                continue
            for node in tree.body:
                if isinstance(node, ast.ClassDef):
                    yield _class(node)
                elif isinstance(node, ast.Assign) and "Literal" in ast.unparse(node.value):
                    yield Class(ast.unparse(node.targets[0]), literals=[ast.unparse(node.value)])

    def _functions(self) -> Iterator[Function]:
        for module, tree in self.trees.items():
            defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
            if "_get_kwargs" in defined:
                sent = defined["_get_kwargs"].args
                returns = defined["sync" if "sync" in defined else "sync_detailed"].returns
                parses = defined["_parse_response"].returns
                client = _arguments(defined["sync_detailed"].args)["client"][0]
                yield Function(
                    module,
                    _arguments(sent),
                    [each.arg for each in sent.args],
                    ast.unparse(returns) if returns else "",
                    ast.unparse(parses) if parses else "",
                    client,
                )

    @cached_property
    def _reached(self) -> tuple[set[str], set[str]]:
        """The classes that callers pass, and those that callers read. A class that no function uses is both."""
        passed = self._closure(ann for each in self.functions for ann, _ in each.arguments.values())
        read = self._closure(each.parses for each in self.functions)
        unused = self.classes.keys() - passed - read
        return passed | unused, read | unused

    def _closure(self, annotations: Iterable[str]) -> set[str]:
        found: set[str] = set()
        todo = list(annotations)
        while todo:
            for name in _names(todo.pop()) & self.classes.keys() - found:
                found.add(name)
                todo += [ann for ann, _ in self.classes[name].attributes.values()]
                todo.append(self.classes[name].others)
        return found

    def vaguer(self, other: Package) -> str:
        """The first value that callers read and that may be anything in this package, but not in the other."""
        for name in sorted(self._reached[1] & other.classes.keys()):
            ours, theirs = self.classes[name], other.classes[name]
            for attribute, (annotation, _) in {**ours.attributes, "[…]": (ours.others, False)}.items():
                known = theirs.others if attribute == "[…]" else theirs.attributes.get(attribute, ("Any", False))[0]
                if known and "Any" in _names(annotation) - _names(known):
                    return f"{name}.{attribute} may be anything"
        return ""

    def program(self, other: Package) -> str:
        """A program that uses everything, in each direction in which it travels.

        Where a type is a union, the program makes a value that the other package has too.
        """
        self._other = other
        passed, read = self._reached
        lines = [_HEAD]
        if self.classes:
            lines.append(f"from {CLIENT}.models import {', '.join(sorted(self.classes))}")
        for name, each in sorted(self.classes.items()):
            if each.members:
                lines += self._enum(each, is_read=name in read)
            elif not each.literals:
                lines += self._read(each) if name in read else []
                lines += self._passed(each) if name in passed else []
        for number, function in enumerate(self.functions):
            lines += self._call(function, number)
        return "\n".join(lines) + "\n"

    def _enum(self, each: Class, *, is_read: bool) -> list[str]:
        lines = [f"def members_{each.name}() -> object:"]
        lines.append(f"    return {{{', '.join(f'{m!r}: {each.name}.{m}.value' for m in each.members)}}}")
        lines.append(f"SENT['the members of {each.name}'] = members_{each.name}")
        if is_read:
            lines += [f"def match_{each.name}(value: {each.name}) -> None:", "    match value:"]
            lines += [f"        case {each.name}.{member}:\n            pass" for member in each.members]
            lines += ["        case _:\n            assert_never(value)"]
        return lines

    def _read(self, each: Class) -> list[str]:
        lines = [f"def read_{each.name}(value: {each.name}) -> None:"]
        for number, (name, (annotation, _)) in enumerate(each.attributes.items()):
            lines.append(f"    a{number}: {annotation} = value.{name}")
            if set(annotation.split(" | ")) <= {"Any", "Unset"}:
                lines.append(f"    if not isinstance(value.{name}, Unset):")
                lines.append(f"        b{number}: list[int] = value.{name}")
                lines.append(f"        c{number}: int = value.{name}")
        if each.others:
            lines += ["    for key in value.additional_keys:", f"        other: {each.others} = value[key]"]
            if each.others == "Any":
                lines += ["        number: int = value[key]", "        items: list[int] = value[key]"]
        lines.append("    return None")
        # The tests of a caller make responses.
        lines.append(f"def fake_{each.name}() -> object:")
        lines.append(f"    return [{self._made(each, every=False)}, {self._made(each, every=True)}]")
        lines.append(f"FAKES[{each.name!r}] = fake_{each.name}")
        return lines

    def _passed(self, each: Class) -> list[str]:
        typed = ", ".join(f"{name}: {annotation}" for name, (annotation, _) in each.attributes.items())
        given = ", ".join(f"{name}={name}" for name in each.attributes)
        # The first argument is the value of an additional property.
        typed = f"other: {each.others}, {typed}" if each.others else typed
        lines = [f"def make_{each.name}({typed}) -> {each.name}:", f"    made = {each.name}({given})"]
        if each.others:
            lines.append('    made["key"] = other')
            lines += ['    made["key"] = 1', '    made["key"] = ["x"]'] if each.others == "Any" else []
        lines += ["    return made", f"def pass_{each.name}() -> object:"]
        made = [f"{self._made(each, every=every)}.to_dict()" for every in (False, True)]
        for name, (annotation, _) in each.attributes.items():
            if set(annotation.split(" | ")) <= {"Any", "Unset"}:
                # Anything can be passed. Only mypy reads these lines.
                required = [
                    f"{other}={self._value(ann, 1)}"
                    for other, (ann, must) in each.attributes.items()
                    if must and other != name
                ]
                for value in ("1", '["x"]'):
                    lines.insert(-1, f"def any_{each.name}_{name}_{len(lines)}() -> {each.name}:")
                    lines.insert(-1, f"    return {each.name}({', '.join([*required, f'{name}={value}'])})")
        lines.append(f"    return [{', '.join(made)}]")
        lines.append(f"SENT['the dict of {each.name}'] = pass_{each.name}")
        return lines

    def _call(self, function: Function, number: int) -> list[str]:
        package, _, name = function.module.rpartition(".")
        lines = [f"from {package} import {name} as f{number}"]
        typed = ", ".join(f"{argument}: {ann}" for argument, (ann, _) in function.arguments.items())
        called = "sync" if function.returns.find("Response[") != 0 else "sync_detailed"
        lines.append(f"def call_{number}(client: {function.client}, {typed}) -> None:")
        # By name, as callers may pass each argument. Below, the program passes some by position.
        given = ", ".join([*(f"{argument}={argument}" for argument in function.arguments), "client=client"])
        lines.append(f"    result: {_without_any(function.returns)} = f{number}.{called}({given})")
        for every in (False, True):
            values = [
                self._value(ann, 0) if argument in function.positional else f"{argument}={self._value(ann, 0)}"
                for argument, (ann, required) in function.arguments.items()
                if required or every
            ]
            arguments = ", ".join(values)
            suffix = "all" if every else "least"
            lines.append(f"def send_{number}_{suffix}() -> object:")
            lines.append(f"    return f{number}._get_kwargs({arguments})")
            lines.append(f"SENT['the request of {name}, {suffix}'] = send_{number}_{suffix}")
        lines.append(f"PARSERS[{name!r}] = f{number}._parse_response")
        return lines

    def _made(self, each: Class, *, every: bool, depth: int = 0) -> str:
        arguments = [
            f"{name}={self._value(annotation, depth + 1, self._known(each.name, name))}"
            for name, (annotation, required) in each.attributes.items()
            if required or (every and depth == 0)
        ]
        return f"{each.name}({', '.join(arguments)})"

    def _known(self, class_name: str, attribute: str) -> set[str]:
        known = self._other.classes.get(class_name, Class("")).attributes.get(attribute, ("", False))[0]
        return set(known.split(" | "))

    def _value(self, annotation: str, depth: int, known: Iterable[str] = ()) -> str:
        members = [ast.unparse(each) for each in _members(ast.parse(annotation, mode="eval").body)]
        plain = [each for each in members if each not in ("None", "Unset")]
        if depth > _DEEPEST and len(plain) < len(members):
            # A schema that contains itself.
            return "UNSET" if "Unset" in members else "None"
        chosen = min(plain, key=lambda each: (each not in known, each not in _VALUES, each)) if plain else members[0]
        if chosen.startswith("list["):
            return f"[{self._value(chosen[5:-1], depth + 1)}]" if depth < _DEEPEST else "[]"
        if chosen.startswith("Literal["):
            return ast.unparse(_first_literal(ast.parse(chosen, mode="eval").body))
        if chosen in self.classes:
            found = self.classes[chosen]
            return f"{chosen}.{found.members[0]}" if found.members else self._made(found, every=False, depth=depth)
        return _VALUES.get(chosen, "{}")


@functools.cache
def _parsed(text: str) -> tuple[ast.Module, str]:
    """A module without its docstrings, and its text. Most modules are the same in many packages."""
    tree = ast.parse(text)
    _drop_docstrings(tree)
    return tree, ast.unparse(tree)


def _drop_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass()]


def _class(node: ast.ClassDef) -> Class:
    made = Class(node.name)
    if any("Enum" in ast.unparse(base) for base in node.bases):
        made.members = [ast.unparse(each.targets[0]) for each in node.body if isinstance(each, ast.Assign)]
    for each in node.body:
        if isinstance(each, ast.AnnAssign):
            name, annotation = ast.unparse(each.target), ast.unparse(each.annotation)
            if name == "additional_properties":
                made.others = annotation.removeprefix("dict[str, ").removesuffix("]")
            else:
                made.attributes[name] = annotation, each.value is None
    return made


def _arguments(arguments: ast.arguments) -> dict[str, tuple[str, bool]]:
    missing = len(arguments.args) - len(arguments.defaults)
    found = {
        each.arg: (ast.unparse(each.annotation) if each.annotation else "Any", number < missing)
        for number, each in enumerate(arguments.args)
    }
    for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found[each.arg] = (ast.unparse(each.annotation) if each.annotation else "Any", default is None)
    return found


def _members(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp):
        return [*_members(node.left), *_members(node.right)]
    return [node]


def _without_any(annotation: str) -> str:
    """A union without `Any`, which would hide from mypy that another member changed."""
    node = ast.parse(annotation, mode="eval").body
    wrapped = isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Response"
    members = [each for each in map(ast.unparse, _members(node)) if each != "Any"]
    return annotation if wrapped or not {*members} - {"None"} else " | ".join(members)


def _first_literal(node: ast.expr) -> ast.expr:
    assert isinstance(node, ast.Subscript)
    return node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice


def _names(annotation: str) -> set[str]:
    tree = ast.parse(annotation or "None", mode="eval")
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
