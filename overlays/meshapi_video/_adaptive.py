"""A policy that learns how long tasks take from those that it sees end."""

from __future__ import annotations

import math
import os
import tempfile
import threading
from collections import OrderedDict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Self, TypeAlias

import msgspec
from attrs import define, field

from meshapi_video._lifetimes import BINS, LifeTable, Plan, Span, grown, span_of
from meshapi_video._policy import PollPolicy, backed_off
from meshapi_video._polling import brought
from meshapi_video._tasks import is_terminal

if TYPE_CHECKING:
    from meshapi_video._polling import Poll
    from meshapi_video_generated.models import VideoTaskResponse
    from meshapi_video_generated.types import Unset

_ENOUGH: Final = 10
"""Tasks of a kind that have to be seen to end before anything is made of it."""
_OFTEN: Final = 400
"""Tasks seen to end beyond which a plan is made anew after as many as before, rather than after more."""
_FIRST_LOOK: Final = 1.7
"""Times the fallback's initial delay after which the second look is made at the latest."""
_LATER_LOOKS: Final = 1 / 16
"""The part of a task's age by which each later delay may be longer."""
_CLOSEST: Final = 1 / 8
"""The part of the fallback's initial delay that every delay has at least."""
_FOLD: Final = 12.0
"""A change is noticed soon when ends become that many times likelier, or less likely, at any age."""
_GAIN: Final = math.log(_FOLD)
"""How much an end speaks for likelier ones, as a logarithm."""
_MORE: Final = _FOLD - 1
_LESS: Final = 1 - 1 / _FOLD
"""How much each end that was to be expected speaks against them, and for less likely ones."""
_ALARM: Final = 9.0
"""How much likelier than none, as a logarithm, a change has to be."""
_KINDS: Final = 256
"""Kinds of tasks that are told apart at once."""
_REMEMBERED: Final = 1_000
"""Tasks that ended whose ids are still known."""
_VERSION: Final = 1

Kind: TypeAlias = "tuple[str | int | None, ...]"
"""Some of a task's model, resolution and duration, in this order; nothing, for all tasks."""
_Known: TypeAlias = "tuple[str | Unset | None, str | Unset | None, int | Unset | None]"


@define
class _Group:
    """What is known of one kind of task."""

    table: LifeTable = field(factory=LifeTable)
    plan: Plan | None = None
    due: int = _ENOUGH
    """Tasks that have to be seen to end before there is a new plan."""
    likelier: float = 0.0
    unlikelier: float = 0.0
    """How much speaks for a change, of either direction (Page's test)."""

    def saw(self, span: Span, gain: float) -> None:
        """Takes in that a task was under way between two ages; `gain` is 0 unless it ended at the second."""
        if self.plan is not None:
            likelier = self.likelier + gain - _MORE * grown(self.plan.most, span)
            unlikelier = self.unlikelier - gain + _LESS * grown(self.plan.fewest, span)
            self.likelier = likelier if likelier > 0 else 0.0
            self.unlikelier = unlikelier if unlikelier > 0 else 0.0
            if likelier > _ALARM or unlikelier > _ALARM:
                self.table, self.plan, self.due = LifeTable(), None, _ENOUGH
                self.likelier = self.unlikelier = 0.0
        self.table.saw(span)
        if gain:
            self.table.saw_end(span)

    def make_plan(self, lag_weight: float) -> None:
        """Makes a plan of what is known now."""
        ends = self.table.ends
        self.plan, self.due = self.table.plan(lag_weight), ends + max(min(ends, _OFTEN) // 8, 1)


class AdaptivePolicy:
    """Looks when tasks are likely to end, as learned from those that were seen to end.

    Give one and the same policy to every wait, as `poll`: to `wait`, `updates` and `wait_many` of
    both clients, in any thread. It learns from each task that one of them finds under way and later
    over, whatever it ended with, and tells kinds of tasks apart by model, resolution and duration,
    where the server says what they are. It uses the most special kind of which it has seen ten
    tasks end; before that, it is `fallback`. What it saw lately counts for more than what it saw
    hundreds of tasks ago, and when tasks suddenly take much less or much more time than before, it
    starts anew.

    `lag_weight` is what a second between the end of a task and its being seen is worth, in looks:
    four times as much gives twice as many looks and half the lag. Whatever was learned, the next
    look comes no sooner than after an eighth of the fallback's initial delay, and no later than
    after 1.7 times that delay and a sixteenth of the task's age. Raises `ValueError` for a
    `lag_weight` that is no number more than zero.
    """

    def __init__(self, *, lag_weight: float = 2.5, fallback: PollPolicy = PollPolicy()) -> None:
        if not 0 < lag_weight < math.inf:
            raise ValueError(f"lag_weight should be a number more than zero; it is {lag_weight!r}")
        self._lag_weight = lag_weight
        self._fallback = fallback
        self._jitter = fallback.jitter
        self._soonest = _CLOSEST * fallback.initial_delay
        self._latest = _FIRST_LOOK * fallback.initial_delay
        self._groups: dict[Kind, _Group] = {(): _Group()}
        self._chains: dict[_Known, list[_Group]] = {}
        """The groups that each kind of task belongs to, the most special one first."""
        self._over = OrderedDict[str, None]()
        """The ids of those that ended last, in that order."""
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} that has seen {self.ends} tasks end>"

    @property
    def ends(self) -> int:
        """How many tasks it has seen end since it last started anew."""
        return self._groups[()].table.ends

    def delay(self, age: float, chance: float, misses: int = 0, task: VideoTaskResponse | None = None) -> float:
        """Seconds to the next look at a task of `age` seconds; `chance` is from 0 to 1, `misses` those in a row."""
        with self._lock:
            for group in self._groups_of(task):
                if group.table.ends >= group.due:
                    group.make_plan(self._lag_weight)
                if (plan := group.plan) is not None:
                    break
            else:
                return self._fallback.delay(age, chance, misses)
        age, part = age if age > 0 else 0.0, 1 - self._jitter * chance
        delay, latest = plan.next_age(age, part) - age, (self._latest + _LATER_LOOKS * age) * part
        delay = self._soonest if delay < self._soonest else min(delay, latest)
        return min(backed_off(delay, misses), max(self._fallback.max_delay, delay)) if misses else delay

    def saw(self, task: VideoTaskResponse, since: float, until: float, *, ended: bool) -> None:
        """Takes in that a task was under way from one age to another, in seconds, and whether it `ended` there.

        The clients call it after each look; call it yourself for what you know from elsewhere. The
        end of a task counts once, however many waits see it. Raises
        `ValueError` for ages that go backwards.
        """
        if not 0 <= since <= until < math.inf:
            raise ValueError(f"a task cannot have been under way from an age of {since!r} s to one of {until!r} s")
        span, gain = span_of(since, until), _GAIN if ended else 0.0
        with self._lock:
            if ended:
                if task.id in self._over:
                    return
                self._over[task.id] = None
                if len(self._over) > _REMEMBERED:
                    self._over.popitem(last=False)
            for group in self._groups_of(task):
                group.saw(span, gain)

    def to_json(self) -> str:
        """All that was learned, for `from_json`."""
        with self._lock:
            groups = [_Learned.what(kind, group.table) for kind, group in self._groups.items()]
        return msgspec.json.encode(_File(version=_VERSION, kinds=groups)).decode()

    @classmethod
    def from_json(cls, text: str | bytes, *, lag_weight: float = 2.5, fallback: PollPolicy = PollPolicy()) -> Self:
        """A policy that knows what `to_json` wrote. Raises `ValueError` for anything else, with the place."""
        policy = cls(lag_weight=lag_weight, fallback=fallback)
        try:
            policy._groups |= {tuple(kind.of): _Group(kind.table()) for kind in _read(text).kinds}
        except (ValueError, msgspec.MsgspecError, RecursionError) as error:
            raise ValueError(f"not what AdaptivePolicy.to_json wrote: {error}") from None
        return policy

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes all that was learned to the file at `path`, as a whole or not at all. Raises `OSError`.

        What is there is replaced, by a file that you alone may read.
        """
        path = Path(path)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - it is open already
                file.write(self.to_json())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, lag_weight: float = 2.5, fallback: PollPolicy = PollPolicy()
    ) -> Self:
        """A policy that knows what `save` wrote to `path`; where there is no such file, one that knows nothing yet.

        Raises `ValueError` for a file that something else wrote, and `OSError` for one that cannot be read.
        """
        try:
            text = Path(path).read_bytes()
        except FileNotFoundError:
            return cls(lag_weight=lag_weight, fallback=fallback)
        try:
            return cls.from_json(text, lag_weight=lag_weight, fallback=fallback)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)}: {error}") from None

    def _groups_of(self, task: VideoTaskResponse | None) -> list[_Group]:
        """What is known of the kinds that a task is of, the most special one first."""
        known = (None, None, None) if task is None else (task.model, task.resolution, task.duration)
        groups = self._chains.get(known)
        if groups is None:
            kinds = _kinds_of(known)
            new = [kind for kind in kinds if kind not in self._groups]
            # Those that came first go first, except for what is known of all tasks, and of this one.
            others = (kind for kind in self._groups if kind and kind not in kinds)
            for kind in [*islice(others, max(len(self._groups) + len(new) - _KINDS, 0))]:
                del self._groups[kind]
                self._chains.clear()
            groups = self._chains[known] = [self._groups.setdefault(kind, _Group()) for kind in reversed(kinds)]
        return groups


def learn(before: Poll, after: Poll, now: float) -> None:
    """Tells the policy of a wait what a look brought that ended `now`, if it learns."""
    policy, task, newer = before.policy, before.task, brought(before, after)
    # A task that was never found under way may have been over for days.
    if not isinstance(policy, AdaptivePolicy) or task is None or newer is None:
        return
    since, until = before.seen - before.born, now - before.born
    ended = is_terminal(newer)
    policy.saw(task, since, _age_at_end(newer, since, until) if ended else until, ended=ended)


def _age_at_end(task: VideoTaskResponse, since: float, until: float) -> float:
    """When a task ended that was under way at one age and over at another."""
    if isinstance(task.updated_at, int) and isinstance(task.created_at, int):
        stated = task.updated_at - task.created_at
        # What changed it last may be something else, such as the look itself.
        if since <= stated <= until:
            return stated
    return (since + until) / 2


def _kinds_of(known: _Known) -> list[Kind]:
    """The kinds of which a task is whose model, resolution and duration are these, the most special one last."""
    parts = [part if isinstance(part, str | int) else None for part in known]
    return [(), *(tuple(parts[: i + 1]) for i, part in enumerate(parts) if part is not None)]


_Count: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
_Counts: TypeAlias = Annotated[list[_Count], msgspec.Meta(max_length=BINS)]


class _Version(msgspec.Struct):
    """What the file of every release has."""

    version: int


class _Learned(msgspec.Struct, forbid_unknown_fields=True):
    """What is known of one kind of task."""

    of: Annotated[list[str | int | None], msgspec.Meta(max_length=3)]
    ends: Annotated[int, msgspec.Meta(ge=0)]
    there: _Counts
    ended: _Counts

    @classmethod
    def what(cls, kind: Kind, table: LifeTable) -> Self:
        """What is to be written down of a table."""
        there, ended = table.counts()
        used = max((i + 1 for i, counts in enumerate(zip(there, ended, strict=True)) if any(counts)), default=0)
        return cls(list(kind), table.ends, *([round(n, 4) for n in counts[:used]] for counts in (there, ended)))

    def table(self) -> LifeTable:
        """The table again."""
        if self.ends and not any(self.ended):
            raise ValueError(f"{self.ends} tasks of the kind {self.of} ended, and none of them at any age")
        return LifeTable.of(self.there, self.ended, self.ends)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """All that is known."""

    version: int
    kinds: Annotated[list[_Learned], msgspec.Meta(max_length=_KINDS)]


def _read(text: str | bytes) -> _File:
    version = msgspec.json.decode(text, type=_Version).version
    if version != _VERSION:
        raise ValueError(f"it is of version {version}, and this release reads version {_VERSION}")
    return msgspec.json.decode(text, type=_File)
