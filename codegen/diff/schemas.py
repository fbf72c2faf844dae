"""Compares two schemas: what changes for a caller that reads their values, passes them, or does both."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from codegen.adaptation.normal import UNREAD
from codegen.diff.checks import Checks
from codegen.diff.effective import NO_EFFECT, effective, python_names
from codegen.diff.severity import DOCUMENTATION, Comparison, Handler, Severity, format_value
from codegen.document import Json, as_list, as_object, is_list, is_object
from codegen.openapi import Direction, Types, directions_of, escape, same, types_of

# A larger value of these keywords allows fewer values.
_LOWER_BOUNDS: Final = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
# A smaller value of these keywords allows fewer values.
_UPPER_BOUNDS: Final = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
_OTHER_RULES: Final = frozenset({"pattern", "multipleOf", "uniqueItems", *UNREAD, "then", "else"})

SchemaHandler = Callable[[Json, Json, str, Direction, str], None]


class SchemaComparison(Comparison):
    """Compares schemas. It knows in which direction each component travels."""

    def __init__(self, old: dict[str, Json], new: dict[str, Json]) -> None:
        super().__init__()
        self.old, self.new = old, new
        self.directions = directions_of(old, new)
        self._checks = Checks(old), Checks(new)

    def compare_schema(
        self,
        old: Json,
        new: Json,
        pointer: str,
        direction: Direction,
        subject: str,
        *,
        invariant: bool = False,
        is_component: bool = False,
    ) -> None:
        """Adds what changed in a schema. `subject` begins each sentence: "The argument `limit`".

        An item of a list is invariant: mypy accepts neither a wider nor a narrower type.
        """
        if same(old, new):
            return
        count_before = len(self.changes)
        self._words(old, new, pointer)
        old_read, new_read = (self._without_format(each, pointer, n) for n, each in enumerate((old, new)))
        before = effective(self.old, old_read, direction, is_component=is_component)
        after = effective(self.new, new_read, direction, is_component=is_component)
        if _format(old) != _format(new) and _format(before) == _format(after):
            self.add(Severity.COSMETIC, f"{pointer}/format", f"{subject} has the same type in Python.")
        if not is_object(before) or not is_object(after):
            self.add_unknown(old, new, pointer)
        elif not same(_without_words(before), _without_words(after)):
            self._types(types_of(before), types_of(after), pointer, direction, subject, invariant=invariant)
            self._keywords(_without_words(before), _without_words(after), pointer, direction, subject)
        if len(self.changes) == count_before:
            self.add(Severity.COSMETIC, pointer, f"{subject} is the same in Python; only the notation changed.")

    def _keywords(
        self, old: dict[str, Json], new: dict[str, Json], pointer: str, direction: Direction, subject: str
    ) -> None:
        def compared_already(_old: Json, _new: Json, _pointer: str) -> None:
            """Adds nothing: `_types` and `_properties` compare these keys."""

        def with_subject(handler: SchemaHandler) -> Handler:
            return lambda before, after, place: handler(before, after, place, direction, subject)

        def title(before: Json, after: Json, place: str) -> None:
            self._title(old, before, after, place)

        def required(before: Json, after: Json, place: str) -> None:
            known = as_object(old.get("properties")).keys() | as_object(new.get("properties")).keys()
            unknown = ({*as_list(before)} ^ {*as_list(after)}) - known
            if not unknown:
                return
            place_of_schema = place.rpartition("/")[0]
            if direction is Direction.RESPONSE and not any(
                each.demands(place_of_schema, unknown) for each in self._checks
            ):
                self.add(Severity.COSMETIC, place, f"No generated code demands {_join(sorted(unknown))}.")
                return
            # The properties are declared elsewhere, for example in an `allOf`.
            self.add_unknown(before, after, place)

        def default(before: Json, after: Json, place: str) -> None:
            self._default(before, after, place, direction, subject)

        handlers: dict[str, Handler] = {
            **dict.fromkeys(("$ref", "type", "nullable", "properties", "format"), compared_already),
            **dict.fromkeys(("oneOf", "anyOf", "allOf"), with_subject(self._members)),
            **dict.fromkeys(_LOWER_BOUNDS | _UPPER_BOUNDS | _OTHER_RULES, with_subject(self._rule)),
            "required": required,
            "enum": with_subject(self._enum),
            "const": with_subject(self._const),
            "default": default,
            "items": with_subject(self._items),
            "additionalProperties": with_subject(self._additional_properties),
            "discriminator": with_subject(self._discriminator),
            "title": title,
        }
        self.compare_keys(old, new, pointer, handlers)
        self._properties(old, new, f"{pointer}/properties", direction, subject)

    def _without_format(self, schema: Json, pointer: str, side: int) -> Json:
        """A schema without a format that makes no difference for the client package."""
        # A parameter may have had another place.
        if "/parameters/" in pointer or _format(schema) is None or self._checks[side].has_format(pointer):
            return schema
        return {key: value for key, value in schema.items() if key != "format"}

    def _is_unchecked(self, pointer: str) -> bool:
        """Whether the wire package checks the same, whatever the two documents say."""
        place, _, keyword = pointer.rpartition("/")
        before, after = (each.values(place, keyword) for each in self._checks)
        return before is not None and before == after

    def _words(self, old: Json, new: Json, pointer: str) -> None:
        """Adds the changes of words, and of keywords that no generated code reads."""
        if not is_object(old) or not is_object(new):
            return
        for key in sorted((old.keys() | new.keys()) & NO_EFFECT):
            if not same(old.get(key), new.get(key)):
                self.add(Severity.COSMETIC, f"{pointer}/{key}", f"No generated code reads `{key}`.")
        for key in sorted((old.keys() | new.keys()) & DOCUMENTATION):
            if (key in old) != (key in new) or not same(old.get(key), new.get(key)):
                self.add(Severity.COSMETIC, f"{pointer}/{key}", f"Documentation only: `{key}` changed.")

    def _title(self, schema: Json, _old: Json, _new: Json, pointer: str) -> None:
        if re.fullmatch("#/components/schemas/[^/]+/title", pointer):
            self.add(Severity.COSMETIC, pointer, "Documentation only: the class has the name of the component.")
        elif "properties" in schema or "enum" in schema or schema.get("type") == "object":
            self.add(Severity.BREAKING, pointer, "The class was renamed: importing the old name raises ImportError.")
        else:
            self.add(Severity.COSMETIC, pointer, "Documentation only: this title names no class.")

    def _members(self, old: Json, new: Json, pointer: str, direction: Direction, subject: str) -> None:
        """Compares the members of `oneOf`, `anyOf` and `allOf`, if their types do not show the whole change."""
        old_members, new_members = as_list(old), as_list(new)
        removed = [member for member in old_members if not _contains(new_members, member)]
        added = [(index, member) for index, member in enumerate(new_members) if not _contains(old_members, member)]
        if all(_is_simple(member) for member in [*removed, *(member for _, member in added)]):
            return
        if not removed or not added:
            # An alternative that has a type of its own shows in the types.
            others = types_of({"oneOf": old_members if added else new_members}).names
            changed = [types_of(member).names for member in [*removed, *(member for _, member in added)]]
            if "allOf" not in pointer.rpartition("/")[2] and not any(names & (others | {"dict"}) for names in changed):
                return
        pairs = list(zip(removed, added, strict=False))
        if len(removed) != len(added) or any(types_of(before) != types_of(after) for before, (_, after) in pairs):
            self.add_unknown(old, new, pointer)
            return
        for before, (index, after) in pairs:
            self.compare_schema(before, after, f"{pointer}/{index}", direction, subject)

    def _discriminator(self, old: Json, new: Json, pointer: str, direction: Direction, subject: str) -> None:
        before, after = as_object(old), as_object(new)
        tags, new_tags = as_object(before.get("mapping")), as_object(after.get("mapping"))
        if self._is_unchecked(pointer):
            meaning = f"The tags of the alternatives of {_mid_sentence(subject)} are the same in Python."
            self.add(Severity.COSMETIC, pointer, meaning)
        elif tags and before == {**after, "mapping": tags} and all(new_tags.get(tag) == tags[tag] for tag in tags):
            meaning = f"More tags tell the alternatives of {_mid_sentence(subject)} apart."
            self.add(_severity(direction, widened=True, narrowed=False), pointer, meaning)
        else:
            self.add_unknown(old, new, pointer)

    def _types(
        self, old: Types, new: Types, pointer: str, direction: Direction, subject: str, *, invariant: bool
    ) -> None:
        if invariant and "Any" not in old.names | new.names:
            direction = Direction.REQUEST | Direction.RESPONSE
        if old.names != new.names:
            # Python accepts an int in place of a float, but no list of ints in place of a list of floats.
            promoted_old = old.names | _promoted(old, invariant=invariant)
            promoted_new = new.names | _promoted(new, invariant=invariant)
            becomes_type = "Any" in old.names and "Any" not in new.names
            becomes_any = "Any" in new.names and "Any" not in old.names
            widened = becomes_any or (bool(new.names - promoted_old) and not becomes_type) or becomes_type
            narrowed = (bool(old.names - promoted_new) and not becomes_any) or becomes_type
            severity = _severity(direction, widened=widened, narrowed=narrowed)
            self.add(severity, pointer, f"{subject} is now {new.in_python}; it was {old.in_python}.")
        if old.nullable != new.nullable:
            severity = _severity(direction, widened=new.nullable, narrowed=old.nullable)
            self.add(severity, pointer, f"{subject} {'may now' if new.nullable else 'can no longer'} be None.")

    def _properties(self, old: Json, new: Json, pointer: str, direction: Direction, subject: str) -> None:
        old_properties, new_properties = as_object(old.get("properties")), as_object(new.get("properties"))
        old_required, new_required = as_list(old.get("required")), as_list(new.get("required"))
        is_read = Direction.RESPONSE in direction
        for name in sorted(old_properties.keys() | new_properties.keys()):
            place = f"{pointer}/{escape(name)}"
            member = f"`{subject.strip('`')}.{name}`" if subject.startswith("`") else f"{subject}'s `{name}`"
            if name not in new_properties:
                error = "reading it raises AttributeError" if is_read else "passing it raises TypeError"
                self.add(Severity.BREAKING, place, f"{member} was removed: {error}.")
            elif name not in old_properties:
                self._added_property(old, new, place, direction, member)
            else:
                if (name in old_required) != (name in new_required):
                    self._presence(place, direction, member, required=name in new_required)
                self.compare_schema(old_properties[name], new_properties[name], place, direction, member)
        self._attribute_names(old_properties, new_properties, pointer, subject)

    def _added_property(self, old: Json, new: Json, pointer: str, direction: Direction, member: str) -> None:
        added = as_object(as_object(new).get("properties"))
        name = next(each for each in added if pointer.endswith(f"/{escape(each)}"))
        if name in as_list(new.get("required")):
            reason = "must be passed" if Direction.REQUEST in direction else "is required, also of responses in tests"
            self.add(Severity.BREAKING, pointer, f"{member} was added and {reason}.")
        elif Direction.REQUEST in direction and _sent_default(added[name]) is not None:
            self.add(Severity.BREAKING, pointer, f"{member} was added. Its default is sent.")
        elif Direction.RESPONSE in direction and not as_object(old.get("properties")):
            meaning = f"{member} was added: it is no longer among the additional properties."
            self.add(Severity.BREAKING, pointer, meaning)
        else:
            self.add(Severity.ADDITIVE, pointer, f"{member} was added.")

    def _presence(self, pointer: str, direction: Direction, member: str, *, required: bool) -> None:
        # An absent property is UNSET in Python: one more value to read, one less value to pass.
        is_read = Direction.RESPONSE in direction
        if required:
            change = "is now required, also of responses in tests" if is_read else "must be passed"
            self.add(Severity.BREAKING, pointer, f"{member} {change}.")
        else:
            change = "may be absent, and is UNSET then" if is_read else "need not be passed"
            self.add(_severity(direction, widened=True, narrowed=False), pointer, f"{member} {change}.")

    def _attribute_names(self, old: dict[str, Json], new: dict[str, Json], pointer: str, subject: str) -> None:
        """Adds each attribute that has the value of another property now, and each property with another attribute."""
        before, after = python_names(old), python_names(new)
        properties = {attribute: name for name, attribute in after.items()}
        for name, attribute in before.items():
            if name in after and after[name] != attribute:
                taken = properties.get(attribute)
                place = f"{pointer}/{escape(taken or name)}"
                meaning = f"`{attribute}` of {_mid_sentence(subject)} is now called `{after[name]}`"
                other = f"; `{attribute}` is now the property {taken}" if taken else ""
                self.add(Severity.BREAKING, place, f"{meaning}{other}.")

    def _items(self, old: Json, new: Json, pointer: str, direction: Direction, subject: str) -> None:
        self.compare_schema(
            old or {}, new or {}, pointer, direction, f"An item of {_mid_sentence(subject)}", invariant=True
        )

    def _enum(self, old: Json, new: Json, pointer: str, direction: Direction, subject: str) -> None:
        if old is None or new is None:
            change = (
                "now has an enum class, which holds the allowed values"
                if old is None
                else "may now have any value, and its enum class was removed"
            )
            self.add(Severity.BREAKING, pointer, f"{subject} {change}.")
            return
        before, after = as_list(old), as_list(new)
        added = [value for value in after if not _contains(before, value)]
        removed = [value for value in before if not _contains(after, value)]
        # The generator names the member of a value by its position if the value does not begin with a letter.
        if any(
            _is_named_by_position(value) and _contains(after, value) and not same(value, _get(after, index))
            for index, value in enumerate(before)
        ):
            meaning = f"{subject}: enum members that are named by their position have other values now."
            self.add(Severity.BREAKING, pointer, meaning)
        if added:
            severity = _severity(direction, widened=True, narrowed=False)
            self.add(severity, pointer, f"{subject} may now also be {_join(added)}.")
        if removed:
            meaning = f"{subject} can no longer be {_join(removed)}: the enum member was removed."
            self.add(Severity.BREAKING, pointer, meaning)
        if not added and not removed:
            self.add(Severity.COSMETIC, pointer, f"The order of the values of {_mid_sentence(subject)} changed.")

    def _const(self, old: Json, new: Json, pointer: str, _direction: Direction, subject: str) -> None:
        change = f"{format_value(new)}; it was {format_value(old)}"
        self.add(Severity.BREAKING, pointer, f"The only value of {_mid_sentence(subject)} is {change}.")

    def _default(self, old: Json, new: Json, pointer: str, direction: Direction, subject: str) -> None:
        if all(_sent_default({"default": each}) is None for each in (old, new)):
            self.add(Severity.COSMETIC, pointer, f"The default of {_mid_sentence(subject)} is in no generated code.")
            return
        # Callers that leave the value out send the default. Nobody passes a value that is only read.
        is_passed = Direction.REQUEST in direction
        severity = Severity.BREAKING if is_passed or old is not None else Severity.ADDITIVE
        change = f"{format_value(new)}; it was {format_value(old)}"
        self.add(severity, pointer, f"The default of {_mid_sentence(subject)} is {change}.")

    def _additional_properties(self, old: Json, new: Json, pointer: str, direction: Direction, subject: str) -> None:
        if old is not False and new is not False:
            name = f"An additional property of {_mid_sentence(subject)}"
            self.compare_schema(old or {}, new or {}, pointer, direction, name)
        else:
            severity, change = (Severity.ADDITIVE, "now") if old is False else (Severity.BREAKING, "no longer")
            self.add(severity, pointer, f"{subject} {change} keeps properties that the document does not name.")

    def _rule(self, old: Json, new: Json, pointer: str, direction: Direction, subject: str) -> None:
        keyword = pointer.rpartition("/")[2]
        if keyword not in _OTHER_RULES and not all(value is None or _is_number(value) for value in (old, new)):
            self.add_unknown(old, new, pointer)
            return
        narrowed = widened = True
        if old is None or new is None or keyword in _LOWER_BOUNDS | _UPPER_BOUNDS:
            narrowed = new is not None and (old is None or (new > old) == (keyword in _LOWER_BOUNDS))
            widened = not narrowed
        # The wire package checks what is read. The server checks what is passed.
        severity = Severity.BREAKING if narrowed else Severity.ADDITIVE
        if Direction.REQUEST not in direction and self._is_unchecked(pointer):
            self.add(Severity.COSMETIC, pointer, f"No generated code checks `{keyword}` here, or it checks the same.")
            return
        change = " and ".join(word for word, applies in (("narrower", narrowed), ("wider", widened)) if applies)
        values = f"{keyword} is {format_value(new)}; it was {format_value(old)}"
        self.add(severity, pointer, f"The rule for {_mid_sentence(subject)} is {change}: {values}.")


def _severity(direction: Direction, *, widened: bool, narrowed: bool) -> Severity:
    """More possible values break callers that read them; fewer allowed values break callers that pass them."""
    breaks = (widened and Direction.RESPONSE in direction) or (narrowed and Direction.REQUEST in direction)
    return Severity.BREAKING if breaks else Severity.ADDITIVE


def _sent_default(schema: Json) -> Json:
    """The default that the client sends for a property that a caller leaves out: it sends no lists and no objects."""
    default: Json = as_object(schema).get("default") if is_object(schema) else None
    return None if is_list(default) or is_object(default) else default


def _format(schema: Json) -> Json:
    return schema.get("format") if is_object(schema) else None


def _promoted(types: Types, *, invariant: bool) -> set[str]:
    return {"int"} if "float" in types.names and not invariant else set()


def _without_words(schema: Json) -> Json:
    """A schema without words, at its top. In the nested schemas, words do not matter either, but they are compared."""
    return {key: value for key, value in schema.items() if key not in DOCUMENTATION} if is_object(schema) else schema


def _mid_sentence(subject: str) -> str:
    return subject[0].lower() + subject[1:]


def _contains(values: list[Json], value: Json) -> bool:
    return any(same(value, each) for each in values)


def _get(values: list[Json], index: int) -> Json:
    return values[index] if index < len(values) else None


def _is_named_by_position(value: Json) -> bool:
    return isinstance(value, str) and not value[:1].isalpha()


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_simple(schema: Json) -> bool:
    """Whether the types alone describe a schema completely."""
    return is_object(schema) and ("$ref" in schema or not schema.keys() - {"type", "format", "title", "description"})


def _join(values: list[Json]) -> str:
    return ", ".join(map(repr, values))
