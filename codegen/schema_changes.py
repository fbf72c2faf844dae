"""What a change of a schema means to a caller, who reads its values, or passes them, or both."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from codegen.document import Json, as_list, as_object, is_object
from codegen.levels import Changes, Handler, Level, short
from codegen.schemas import Direction, Types, directions_of, escape, same, types_of

# Keywords that narrow a value when they grow, and those that narrow it when they shrink.
_LOWER_BOUNDS: Final = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
_UPPER_BOUNDS: Final = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
_RULES: Final = frozenset({"pattern", "multipleOf", "uniqueItems"})

# The formats that neither generator makes a type or a check of.
_IDLE_FORMATS: Final = frozenset({None, "int32", "int64", "float", "double", "password"})

SchemaHandler = Callable[[Json, Json, str, Direction, str], None]


class SchemaComparison(Changes):
    """Compares schemas, of which it knows in which direction each component travels."""

    def __init__(self, old: dict[str, Json], new: dict[str, Json]) -> None:
        super().__init__()
        self.old, self.new = old, new
        self.directions = directions_of(old, new)

    def compare_schema(self, old: Json, new: Json, pointer: str, direction: Direction, what: str) -> None:
        """Notes what a changed schema means for `what`, the beginning of a sentence."""
        if same(old, new):
            return
        if not is_object(old) or not is_object(new):
            self.not_understood(old, new, pointer)
            return
        noted = len(self.changes)
        self._types(types_of(old), types_of(new), pointer, direction, what)

        def told_by_types(_old: Json, _new: Json, _pointer: str) -> None:
            """Nothing more: the types, compared above, say it."""

        def towards(handler: SchemaHandler) -> Handler:
            return lambda before, after, place: handler(before, after, place, direction, what)

        def title(_before: Json, _after: Json, place: str) -> None:
            self._title(old, place)

        def required(before: Json, after: Json, place: str) -> None:
            known = as_object(old.get("properties")).keys() | as_object(new.get("properties")).keys()
            if {*as_list(before)} ^ {*as_list(after)} <= known:
                return
            # Of properties that stand elsewhere, in an `allOf` for one.
            self.not_understood(before, after, place)

        handlers: dict[str, Handler] = dict.fromkeys(("$ref", "type", "nullable"), told_by_types)
        handlers |= {"format": towards(self._format), "required": required}
        handlers |= dict.fromkeys(("oneOf", "anyOf", "allOf"), towards(self._members))
        handlers |= {"properties": told_by_types}
        handlers |= dict.fromkeys(_LOWER_BOUNDS | _UPPER_BOUNDS | _RULES, towards(self._bound))
        handlers |= {"enum": towards(self._enum), "const": towards(self._const), "default": towards(self._default)}
        handlers |= {"items": towards(self._items), "additionalProperties": towards(self._additional), "title": title}
        self.each(old, new, pointer, handlers)
        self._properties(old, new, f"{pointer}/properties", direction, what)
        if len(self.changes) == noted:
            self.note(Level.COSMETIC, pointer, f"{what} is the same in Python, written in another way.")

    def _title(self, old: Json, pointer: str) -> None:
        component = re.fullmatch("#/components/schemas/[^/]+/title", pointer)
        if component or "properties" in old or "enum" in old:
            self.note(Level.BREAKING, pointer, "The class has another name: importing the old one is an ImportError.")
        else:
            self.note(Level.COSMETIC, pointer, "Words only: a title that names no class changed.")

    def _format(self, old: Json, new: Json, pointer: str, _direction: Direction, what: str) -> None:
        if {old, new} <= _IDLE_FORMATS:
            self.note(Level.COSMETIC, pointer, f"{what} is the same type in Python.")
        else:
            change = f"{short(old)} became {short(new)}"
            self.note(Level.BREAKING, pointer, f"The format of {what} is checked, or a type of its own: {change}.")

    def _members(self, old: Json, new: Json, pointer: str, direction: Direction, what: str) -> None:
        """Compares what stands inside `oneOf`, `anyOf` and `allOf`, as far as the types do not tell it all."""
        before_all, after_all = as_list(old), as_list(new)
        gone = [member for member in before_all if not _among(member, after_all)]
        come = [(index, member) for index, member in enumerate(after_all) if not _among(member, before_all)]
        if all(_is_simple(member) for member in [*gone, *(member for _, member in come)]):
            return
        pairs = list(zip(gone, come, strict=False))
        if len(gone) != len(come) or any(types_of(before) != types_of(after) for before, (_, after) in pairs):
            self.not_understood(old, new, pointer)
            return
        for before, (index, after) in pairs:
            self.compare_schema(before, after, f"{pointer}/{index}", direction, what)

    def _types(self, old: Types, new: Types, pointer: str, direction: Direction, what: str) -> None:
        if old.names != new.names:
            gained = bool(new.names - old.names) and "Any" not in old.names
            lost = bool(old.names - new.names) and "Any" not in new.names
            level = _variance(direction, widened=gained, narrowed=lost)
            self.note(level, pointer, f"{what} is {new.in_python}; it was {old.in_python}.")
        if old.nullable != new.nullable:
            level = _variance(direction, widened=new.nullable, narrowed=old.nullable)
            self.note(level, pointer, f"{what} {'may now be' if new.nullable else 'can no longer be'} None.")

    def _properties(self, old: Json, new: Json, pointer: str, direction: Direction, what: str) -> None:
        before, after = as_object(old.get("properties")), as_object(new.get("properties"))
        was, now = as_list(old.get("required")), as_list(new.get("required"))
        for name in sorted(before.keys() | after.keys()):
            place = f"{pointer}/{escape(name)}"
            member = f"{what}'s `{name}`" if not what.startswith("`") else f"`{what.strip('`')}.{name}`"
            if name not in after:
                read = Direction.RESPONSE in direction
                error = "reading it is an AttributeError" if read else "passing it is a TypeError"
                self.note(Level.BREAKING, place, f"{member} is gone: {error}.")
            elif name not in before:
                must = name in now and Direction.REQUEST in direction
                level, how = (Level.BREAKING, "must be passed") if must else (Level.ADDITIVE, "is there too")
                self.note(level, place, f"{member} {how}.")
            else:
                if (name in was) != (name in now):
                    # Left out is UNSET in Python: one more value to read, one less thing to pass.
                    level = _variance(direction, widened=name in was, narrowed=name in now)
                    read = Direction.RESPONSE in direction
                    if name in now:
                        how = "is always there and never UNSET" if read else "must be passed"
                    else:
                        how = "may be left out, and be UNSET" if read else "need not be passed"
                    self.note(level, place, f"{member} {how}.")
                self.compare_schema(before[name], after[name], place, direction, member)

    def _items(self, old: Json, new: Json, pointer: str, direction: Direction, what: str) -> None:
        self.compare_schema(old or {}, new or {}, pointer, direction, f"An item of {what[0].lower()}{what[1:]}")

    def _enum(self, old: Json, new: Json, pointer: str, direction: Direction, what: str) -> None:
        if old is None or new is None:
            how = (
                "is one of a fixed set now, an enum class"
                if old is None
                else "is any value now, and its enum class gone"
            )
            self.note(Level.BREAKING, pointer, f"{what} {how}.")
            return
        before, after = as_list(old), as_list(new)
        gained, lost = [v for v in after if not _among(v, before)], [v for v in before if not _among(v, after)]
        if any(
            _is_numbered(value) and _among(value, after) and not same(value, _at(after, n))
            for n, value in enumerate(before)
        ):
            # Which is what the generator makes of a value that begins with no letter.
            self.note(Level.BREAKING, pointer, f"{what}: members that are named by their place have other values now.")
        if gained:
            level = _variance(direction, widened=True, narrowed=False)
            self.note(level, pointer, f"{what} may be {_listed(gained)} too.")
        if lost:
            self.note(Level.BREAKING, pointer, f"{what} is never {_listed(lost)}: the enum's name is gone.")
        if not gained and not lost:
            self.note(Level.COSMETIC, pointer, f"The values of {what} stand in another order.")

    def _const(self, old: Json, new: Json, pointer: str, _direction: Direction, what: str) -> None:
        self.note(Level.BREAKING, pointer, f"{what} is always {short(new)}; it was {short(old)}.")

    def _default(self, old: Json, new: Json, pointer: str, _direction: Direction, what: str) -> None:
        if old is None and new is None:
            self.note(Level.COSMETIC, pointer, f"{what} is None by default, with these words or without.")
            return
        level = Level.ADDITIVE if old is None else Level.BREAKING
        self.note(level, pointer, f"{what}, left out, is {short(new)}; it was {short(old)}.")

    def _additional(self, old: Json, new: Json, pointer: str, direction: Direction, what: str) -> None:
        if is_object(old) and is_object(new):
            self.compare_schema(old, new, pointer, direction, f"An unnamed field of {what[0].lower()}{what[1:]}")
        elif old is False or new is False:
            level, how = (Level.ADDITIVE, "keeps") if old is False else (Level.BREAKING, "no longer keeps")
            self.note(level, pointer, f"{what} {how} fields that have no name here.")
        else:
            level = Level.COSMETIC if {short(old), short(new)} <= {"nothing", "true", "{}"} else Level.BREAKING
            self.note(level, pointer, f"The type of the unnamed fields of {what} is {short(new)}; it was {short(old)}.")

    def _bound(self, old: Json, new: Json, pointer: str, direction: Direction, what: str) -> None:
        keyword = pointer.rpartition("/")[2]
        if keyword not in _RULES and not all(value is None or _is_number(value) for value in (old, new)):
            self.not_understood(old, new, pointer)
            return
        narrowed = widened = True
        if old is None or new is None or keyword in _LOWER_BOUNDS | _UPPER_BOUNDS:
            raised = new is not None and (old is None or (new > old) == (keyword in _LOWER_BOUNDS))
            narrowed, widened = raised, not raised
        # A reader of answers gets the same Python type from a wider bound.
        level = Level.BREAKING if narrowed and Direction.REQUEST in direction else Level.ADDITIVE
        how = " and ".join(word for word, is_so in (("narrower", narrowed), ("wider", widened)) if is_so)
        self.note(level, pointer, f"The rule for {what} is {how}: {keyword} is {short(new)}, it was {short(old)}.")


def _variance(direction: Direction, *, widened: bool, narrowed: bool) -> Level:
    """More to expect breaks who reads it; less to accept breaks who passes it."""
    broken = (widened and Direction.RESPONSE in direction) or (narrowed and Direction.REQUEST in direction)
    return Level.BREAKING if broken else Level.ADDITIVE


def _among(value: Json, values: list[Json]) -> bool:
    return any(same(value, each) for each in values)


def _at(values: list[Json], index: int) -> Json:
    return values[index] if index < len(values) else None


def _is_numbered(value: Json) -> bool:
    return isinstance(value, str) and not value[:1].isalpha()


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_simple(schema: Json) -> bool:
    """Whether the types alone say all of a schema."""
    return is_object(schema) and ("$ref" in schema or not schema.keys() - {"type", "format", "title", "description"})


def _listed(values: list[Json]) -> str:
    return ", ".join(map(repr, values))
