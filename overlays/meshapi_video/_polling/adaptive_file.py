"""The JSON file of an `AdaptivePolicy`: what it has observed, for each kind of task."""

from __future__ import annotations

from typing import Annotated, Final, Self, TypeAlias

import msgspec

from meshapi_video._polling.life_table import BINS, LifeTable

MAX_KINDS: Final = 256
"""Kinds of tasks that are distinguished at once."""
VERSION: Final = 1

Kind: TypeAlias = "tuple[str | int | None, ...]"
"""The beginning of a task's model, resolution and duration, in this order; empty for all tasks."""
_Count: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
_Counts: TypeAlias = Annotated[list[_Count], msgspec.Meta(max_length=BINS)]


class _Version(msgspec.Struct):
    """The field that the file of every release has."""

    version: int


class KindRecord(msgspec.Struct, forbid_unknown_fields=True):
    """What was observed of one kind of task."""

    kind: Annotated[list[str | int | None], msgspec.Meta(max_length=3)]
    completed: Annotated[int, msgspec.Meta(ge=0)]
    at_risk: _Counts
    events: _Counts

    @classmethod
    def from_table(cls, kind: Kind, table: LifeTable) -> Self:
        """The record of a table."""
        at_risk, events = table.counts()
        used = max((i + 1 for i, counts in enumerate(zip(at_risk, events, strict=True)) if any(counts)), default=0)
        rounded = ([round(n, 4) for n in counts[:used]] for counts in (at_risk, events))
        return cls(list(kind), table.completed, *rounded)

    def to_table(self) -> LifeTable:
        """The table of this record."""
        if self.completed and not any(self.events):
            raise ValueError(f"{self.completed} tasks of the kind {self.kind} ended, but at no age")
        return LifeTable.from_counts(self.at_risk, self.events, self.completed)


class PolicyFile(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file."""

    version: int
    kinds: Annotated[list[KindRecord], msgspec.Meta(max_length=MAX_KINDS)]


# Made here, and not at the first use: see `_transport.contract`.
_version_decoder: Final = msgspec.json.Decoder(_Version)
_decoder: Final = msgspec.json.Decoder(PolicyFile)


def read_policy_file(text: str | bytes) -> PolicyFile:
    """The file in `text`. Raises `ValueError` or `msgspec.MsgspecError` for any other text."""
    version = _version_decoder.decode(text).version
    if version != VERSION:
        raise ValueError(f"it has version {version}; this release reads version {VERSION}")
    return _decoder.decode(text)
