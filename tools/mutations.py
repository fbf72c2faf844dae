"""The changes that mutation testing makes to a module: each at one place, each small enough to be a mistake."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass

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
_PLAIN_METHODS = {"strip", "lower", "rstrip"}
"""Methods of a string without arguments, which may be left out."""


@dataclass(frozen=True)
class Mutant:
    """A module with one change."""

    module: str
    source: bytes
    line: int
    old: str
    """The lines that the change concerns, without indentation."""
    new: str

    def diff(self, original: bytes) -> str:
        """The change as a unified diff."""
        a, b = (text.decode().splitlines() for text in (original, self.source))
        return "\n".join(difflib.unified_diff(a, b, self.module, f"{self.module} (mutant)", n=1, lineterm=""))


def mutants_of(module: str, source: bytes) -> list[Mutant]:
    """All mutants of a module, in the order of its lines."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    texts = dict[bytes, int]()
    for node, replacement in _changes(ast.parse(source)):
        start, end = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
        text = ast.unparse(replacement)
        if isinstance(node, ast.expr) and not isinstance(replacement, ast.Constant | ast.Name | ast.Call):
            text = f"({text})"
        texts.setdefault(source[:start] + text.encode() + source[end:], node.lineno)
    mutants = [Mutant(module, text, line, *_changed_lines(source, text)) for text, line in texts.items()]
    return sorted(mutants, key=lambda mutant: mutant.line)


def _changed_lines(source: bytes, mutated: bytes) -> tuple[str, str]:
    a, b = (text.decode().splitlines() for text in (source, mutated))
    before = next(i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    after = next(i for i, (x, y) in enumerate(zip(a[::-1], b[::-1], strict=False)) if x != y)
    old, new = a[before : len(a) - after], b[before : len(b) - after]
    return " ".join(line.strip() for line in old), " ".join(line.strip() for line in new)


def _changes(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Each place that can change, and what replaces it."""
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    while pending:
        node, in_function = pending.pop()
        if _is_inert(node):
            continue
        yield from ((place, replacement) for place, replacement in _changes_at(node, in_function=in_function))
        in_function = in_function or isinstance(node, ast.FunctionDef)
        for name, value in ast.iter_fields(node):
            # Annotations and decorators decide nothing while the program runs.
            if name not in {"annotation", "returns", "decorator_list"}:
                children = value if isinstance(value, list) else [value]
                pending += [(child, in_function) for child in children if isinstance(child, ast.AST)]


def _is_inert(node: ast.AST) -> bool:
    match node:
        case ast.Expr(ast.Constant()):  # a docstring
            return True
        case ast.JoinedStr() | ast.ImportFrom() | ast.Import():  # a message for people
            return True
        case ast.If(ast.Name("TYPE_CHECKING")):
            return True
        case ast.AnnAssign(annotation=ast.Name("TypeAlias")) | ast.Assign([ast.Name("__slots__")]):
            return True
        case _:
            return False


def _changes_at(node: ast.AST, *, in_function: bool) -> Iterator[tuple[ast.AST, ast.AST]]:
    if isinstance(node, ast.stmt):
        if in_function:
            yield from ((node, new) for new in _statements(node))
        if isinstance(node, ast.If | ast.While):
            yield from ((node.test, ast.Constant(value)) for value in (False, True) if isinstance(node, ast.If) or not value)
    elif isinstance(node, ast.expr):
        yield from ((node, new) for new in _expressions(node))
    elif isinstance(node, ast.MatchOr):
        for i in range(len(node.patterns)):
            yield node, ast.MatchOr(node.patterns[:i] + node.patterns[i + 1 :])
    elif isinstance(node, ast.match_case) and node.guard is not None:
        yield node.guard, ast.Constant(True)
        yield node.guard, ast.Constant(False)
    elif isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Tuple):
        for i in range(len(node.type.elts)):
            yield node.type, ast.Tuple(node.type.elts[:i] + node.type.elts[i + 1 :])


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


def _expressions(node: ast.expr) -> Iterator[ast.expr]:
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
            yield body
            yield orelse
        case ast.Constant(value):
            yield from map(ast.Constant, _constants(value))
        case ast.Call():
            yield from _calls(node)
        case ast.Subscript(value, ast.Slice()):
            yield value
            match value:
                case ast.Call(function, [argument], []):
                    # The other order: first cut, then call.
                    yield ast.Call(function, [ast.Subscript(argument, node.slice, ast.Load())], [])
                case _:
                    pass
        case ast.ListComp(generators=[first]) | ast.GeneratorExp(generators=[first]) if first.ifs:
            yield type(node)(node.elt, [ast.comprehension(first.target, first.iter, [], 0)])
        case _:
            pass


def _constants(value: object) -> Iterator[object]:
    match value:
        case bool():
            yield not value
        case int():
            yield value + 1
        case float():
            yield value * 2 or 1.0
        case str() if value and " " not in value:  # a message for people has spaces
            yield ""
        case _:
            pass


def _calls(node: ast.Call) -> Iterator[ast.expr]:
    for i, keyword in enumerate(node.keywords):
        if keyword.arg is not None:
            yield ast.Call(node.func, node.args, node.keywords[:i] + node.keywords[i + 1 :])
    match node:
        case ast.Call(ast.Name("min" | "max" as name), args, []) if len(args) > 1:
            yield ast.Call(ast.Name("min" if name == "max" else "max"), args, [])
            yield from (args if len(args) == 2 else ())
        case ast.Call(ast.Attribute(receiver, method), [], []) if method in _PLAIN_METHODS:
            yield receiver
        case _:
            pass
