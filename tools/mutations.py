"""The changes that mutation testing makes to a module: each at one place, each as small as a mistake.

No change concerns a text for people, a docstring, an annotation or a decorator.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple, TypeAlias

Place: TypeAlias = ast.expr | ast.stmt | ast.pattern

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
}
_NEED_NO_PARENTHESES = (ast.Constant, ast.Name, ast.Call, ast.Attribute, ast.Tuple)


class Change(NamedTuple):
    """A change, wherever its lines are in the module."""

    module: str
    old: str
    """The lines before the change, joined, without indentation."""
    new: str


@dataclass(frozen=True)
class Mutant:
    """A module with one change."""

    change: Change
    source: bytes

    def diff(self, original: bytes) -> str:
        """The change as a unified diff."""
        a, b = (text.decode().splitlines() for text in (original, self.source))
        name = self.change.module
        return "\n".join(difflib.unified_diff(a, b, name, f"{name} (mutant)", n=1, lineterm=""))


def mutants_of(module: str, source: bytes) -> list[Mutant]:
    """All mutants of a module, in the order of its lines."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    starts_of_texts = dict[bytes, int]()
    for place, replacement in _changes(ast.parse(source)):
        end_line, end_column = place.end_lineno or place.lineno, place.end_col_offset or 0
        start, end = starts[place.lineno - 1] + place.col_offset, starts[end_line - 1] + end_column
        text = ast.unparse(replacement)
        if isinstance(place, ast.expr) and not isinstance(replacement, _NEED_NO_PARENTHESES):
            text = f"({text})"
        starts_of_texts.setdefault(source[:start] + text.encode() + source[end:], start)
    texts = sorted(starts_of_texts, key=starts_of_texts.__getitem__)
    return [Mutant(Change(module, *_changed_lines(source, text)), text) for text in texts]


def _changed_lines(source: bytes, mutated: bytes) -> tuple[str, str]:
    a, b = (text.decode().splitlines() for text in (source, mutated))
    before = next(i for i, (x, y) in enumerate(zip_longest(a, b)) if x != y)
    after = next(i for i, (x, y) in enumerate(zip_longest(a[::-1], b[::-1])) if x != y)
    old, new = a[before : len(a) - after], b[before : len(b) - after]
    return " ".join(line.strip() for line in old), " ".join(line.strip() for line in new)


def _changes(tree: ast.Module) -> Iterator[tuple[Place, ast.AST]]:
    """Each place that can change, and what replaces it."""
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    while pending:
        node, in_function = pending.pop()
        if _is_inert(node):
            continue
        yield from _changes_of_parts(node)
        if isinstance(node, ast.expr):
            yield from ((node, new) for new in (*_operations(node), *_values(node)))
        elif isinstance(node, ast.stmt) and in_function:
            yield from ((node, new) for new in _statements(node))
        in_function = in_function or isinstance(node, ast.FunctionDef)
        inert = _annotations_and_decorators(node)
        pending += [(child, in_function) for child in ast.iter_child_nodes(node) if child not in inert]


def _annotations_and_decorators(node: ast.AST) -> list[ast.expr | None]:
    match node:
        case ast.FunctionDef():
            return [node.returns, *node.decorator_list]
        case ast.ClassDef():
            return [*node.decorator_list]
        case ast.arg() | ast.AnnAssign():
            return [node.annotation]
        case _:
            return []


def _is_inert(node: ast.AST) -> bool:
    match node:
        case ast.Expr(ast.Constant()) | ast.JoinedStr() | ast.ImportFrom() | ast.Import():
            return True
        case ast.If(ast.Name("TYPE_CHECKING")) | ast.AnnAssign(annotation=ast.Name("TypeAlias")):
            return True
        case ast.keyword("strict"):  # of zip: a check that never fails
            return True
        case _:
            return False


def _changes_of_parts(node: ast.AST) -> Iterator[tuple[Place, ast.AST]]:
    match node:
        case ast.If(test=test) | ast.match_case(guard=ast.expr() as test):
            yield test, ast.Constant(value=True)
            yield test, ast.Constant(value=False)
        case ast.While(test=test):
            yield test, ast.Constant(value=False)
        case ast.MatchOr(patterns):
            for i in range(len(patterns)):
                yield node, ast.MatchOr(patterns[:i] + patterns[i + 1 :])
        case ast.ExceptHandler(type=ast.Tuple(types) as place):
            for i in range(len(types)):
                yield place, ast.Tuple(types[:i] + types[i + 1 :], ast.Load())
        case _:
            pass


def _statements(node: ast.stmt) -> Iterator[ast.stmt]:
    match node:
        case ast.Return(value) if not isinstance(value, ast.Constant | None):
            yield ast.Return(ast.Constant(None))
        case ast.Expr() | ast.Raise() | ast.Assign() | ast.AugAssign() | ast.Delete() | ast.Break():
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case _:
            pass


def _operations(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left, ops, comparators):
            for i, op in enumerate(ops):
                for other in _COMPARISONS[type(op)]:
                    yield ast.Compare(left, [*ops[:i], other(), *ops[i + 1 :]], comparators)
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for i in range(len(values)):
                rest = values[:i] + values[i + 1 :]
                yield ast.BoolOp(op, rest) if len(rest) > 1 else rest[0]
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield operand
        case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
            yield ast.BinOp(left, _OPERATORS[type(op)](), right)
        case ast.IfExp(_, body, orelse):
            yield from (body, orelse)
        case _:
            pass


def _values(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(float() as value):
            yield ast.Constant(value * 2 or 1.0)
        case ast.Constant(str() as value) if value and " " not in value:
            yield ast.Constant("")
        case ast.Call(function, args, keywords):
            yield from _arguments(function, args, keywords)
        case ast.Subscript(ast.Call(function, [argument], []) as value, ast.Slice() as cut):
            yield value
            # The other order: first cut, then call.
            yield ast.Call(function, [ast.Subscript(argument, cut, ast.Load())], [])
        case ast.Subscript(value, ast.Slice()):
            yield value
        case ast.ListComp(element, [first]) | ast.GeneratorExp(element, [first]) if first.ifs:
            yield type(node)(element, [ast.comprehension(first.target, first.iter, [], 0)])
        case _:
            pass


def _arguments(function: ast.expr, args: list[ast.expr], keywords: list[ast.keyword]) -> Iterator[ast.expr]:
    for i, keyword in enumerate(keywords):
        if keyword.arg not in {None, "strict"}:
            yield ast.Call(function, args, keywords[:i] + keywords[i + 1 :])
    match function:
        case ast.Name("min" | "max" as name) if len(args) == 2:
            yield ast.Call(ast.Name("min" if name == "max" else "max"), args, [])
            yield from args
        case ast.Attribute(receiver, "strip" | "lower" | "rstrip") if not args:
            yield receiver
        case _:
            pass
