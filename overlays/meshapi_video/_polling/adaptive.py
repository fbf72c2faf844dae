"""A policy that learns from finished tasks how long tasks take."""

from __future__ import annotations

import math
import os
import tempfile
import threading
from collections import OrderedDict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeAlias

import msgspec
from attrs import define, field

from meshapi_video._files import problem_of_target
from meshapi_video._polling.adaptive_file import MAX_KINDS, VERSION, Kind, KindRecord, PolicyFile, read_policy_file
from meshapi_video._polling.life_table import LifeTable, PollPlan, Span, cumulative_hazard, span_between
from meshapi_video._polling.policy import PollPolicy, backoff
from meshapi_video._polling.state import new_task
from meshapi_video._tasks import is_terminal
from meshapi_video._validation import check_positive

if TYPE_CHECKING:
    from meshapi_video._polling.state import PollState
    from meshapi_video_generated.models import VideoTaskResponse
    from meshapi_video_generated.types import Unset

_MIN_COMPLETED: Final = 10
"""Tasks of a kind that must end before there is a plan for this kind."""
_REPLAN_CAP: Final = 400
"""The number of ended tasks up to which the steps between two plans grow."""
_LATEST_SECOND_POLL: Final = 1.7
"""The second poll is sent at the latest after this many times the fallback's initial delay."""
_DELAY_PER_AGE: Final = 1 / 16
"""The part of a task's age by which a later delay may be longer."""
_SHORTEST_DELAY: Final = 1 / 8
"""The shortest delay, as a part of the fallback's initial delay."""
_CHANGE_FACTOR: Final = 12.0
"""A change is detected soon if ends become more or less likely by this factor, at any age."""
_GAIN: Final = math.log(_CHANGE_FACTOR)
"""The evidence of one end for more likely ends, as a logarithm."""
_COST_OF_MORE: Final = _CHANGE_FACTOR - 1
"""The evidence of one expected end against more likely ends."""
_COST_OF_FEWER: Final = 1 - 1 / _CHANGE_FACTOR
"""The evidence of one expected end for less likely ends."""
_ALARM: Final = 9.0
"""The evidence at which a change is accepted, as the logarithm of a likelihood ratio."""
_REMEMBERED: Final = 1_000
"""Ended tasks whose ids are kept."""

_Features: TypeAlias = "tuple[str | Unset | None, str | Unset | None, int | Unset | None]"
"""A task's model, resolution and duration."""


@define
class _Group:
    """What is known of one kind of task."""

    table: LifeTable = field(factory=LifeTable)
    plan: PollPlan | None = None
    next_plan_at: int = _MIN_COMPLETED
    """The number of ended tasks at which the next plan is made."""
    more_likely: float = 0.0
    less_likely: float = 0.0
    """The evidence for a change, in either direction (Page's test)."""

    def observe(self, span: Span, gain: float) -> None:
        """Records that a task ran between two ages; `gain` is 0 unless it ended at the second."""
        if self.plan is not None:
            more = self.more_likely + gain - _COST_OF_MORE * cumulative_hazard(self.plan.highest, span)
            less = self.less_likely - gain + _COST_OF_FEWER * cumulative_hazard(self.plan.lowest, span)
            self.more_likely = more if more > 0 else 0.0
            self.less_likely = less if less > 0 else 0.0
            if more > _ALARM or less > _ALARM:
                self.table, self.plan, self.next_plan_at = LifeTable(), None, _MIN_COMPLETED
                self.more_likely = self.less_likely = 0.0
        self.table.observe(span)
        if gain:
            self.table.observe_end(span)

    def make_plan(self, lag_weight: float) -> None:
        """Makes a plan from the current table."""
        completed = self.table.completed
        self.plan = self.table.plan(lag_weight)
        self.next_plan_at = completed + min(completed, _REPLAN_CAP) // 8


class AdaptivePolicy:
    """Polls when tasks are likely to end, as learned from finished tasks.

    Pass one policy as `poll` to every wait: to `wait`, `updates` and `wait_many` of both clients, in
    any thread. The policy learns from each task that a wait receives first as not ended and later as
    ended, whatever the result. It distinguishes kinds of tasks by model, resolution and duration, if
    the server states them, and uses the most specific kind of which it has observed ten finished
    tasks. Before that, it uses `fallback`. Recent tasks count more than tasks that are hundreds of
    tasks old. If tasks suddenly take much more or much less time than before, the policy discards
    what it has learned.

    `lag_weight` is the cost of one second between the end of a task and the poll that finds it, in
    polls: four times the weight gives twice as many polls and half the lag. The next poll is always
    sent after at least an eighth of the fallback's initial delay, and after at most 1.7 times that
    delay plus a sixteenth of the task's age. Raises `ValueError` for a `lag_weight` that is not a
    finite number greater than zero.
    """

    def __init__(self, *, lag_weight: float = 2.5, fallback: PollPolicy = PollPolicy()) -> None:
        self._lag_weight = check_positive("lag_weight", lag_weight)
        self._fallback = fallback
        self._jitter = fallback.jitter
        self._shortest = _SHORTEST_DELAY * fallback.initial_delay
        self._longest = _LATEST_SECOND_POLL * fallback.initial_delay
        self._groups: dict[Kind, _Group] = {(): _Group()}
        self._groups_by_features: dict[_Features, list[_Group]] = {}
        """The groups of a task with these features, the most specific first."""
        self._ended_ids = OrderedDict[str, None]()
        """The ids of the tasks that ended last, in that order."""
        # A signal handler may save the policy while its own thread uses it.
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {self.completed} completed tasks>"

    @property
    def completed(self) -> int:
        """The number of ended tasks observed since the policy last discarded what it had learned."""
        return self._groups[()].table.completed

    def delay(self, age: float, rand: float, failures: int = 0, task: VideoTaskResponse | None = None) -> float:
        """Seconds until the next poll of a task of `age` seconds.

        `rand` is a random number from 0 to 1, `failures` the number of consecutive failed polls.
        """
        with self._lock:
            for group in self._groups_of(task):
                if group.table.completed >= group.next_plan_at:
                    group.make_plan(self._lag_weight)
                if (plan := group.plan) is not None:
                    break
            else:
                return self._fallback.delay(age, rand, failures)
        age, part = age if age > 0 else 0.0, 1 - self._jitter * rand
        delay, longest = plan.next_age(age, part) - age, (self._longest + _DELAY_PER_AGE * age) * part
        delay = self._shortest if delay < self._shortest else min(delay, longest)
        return min(backoff(delay, failures), max(self._fallback.max_delay, delay)) if failures else delay

    def observe(self, task: VideoTaskResponse, since: float, until: float, *, ended: bool) -> None:
        """Records that a task ran from one age to another, in seconds, and whether it `ended` there.

        The clients call this after each poll. Call it yourself for tasks that you know from another
        source. The end of a task counts once, even if several waits receive it. Raises `ValueError`
        unless both ages are finite and `0 <= since <= until`.
        """
        if not 0 <= since <= until < math.inf:
            raise ValueError(
                f"since and until should be finite ages with 0 <= since <= until; they are {since!r} and {until!r}"
            )
        span, gain = span_between(since, until), _GAIN if ended else 0.0
        with self._lock:
            if ended:
                if task.id in self._ended_ids:
                    return
                self._ended_ids[task.id] = None
                if len(self._ended_ids) > _REMEMBERED:
                    self._ended_ids.popitem(last=False)
            for group in self._groups_of(task):
                group.observe(span, gain)

    def to_json(self) -> str:
        """Everything learned, as JSON for `from_json`."""
        with self._lock:
            kinds = [KindRecord.from_table(kind, group.table) for kind, group in self._groups.items()]
        return msgspec.json.encode(PolicyFile(version=VERSION, kinds=kinds)).decode()

    @classmethod
    def from_json(cls, text: str | bytes, *, lag_weight: float = 2.5, fallback: PollPolicy = PollPolicy()) -> Self:
        """The policy that `to_json` wrote. Raises `ValueError` for any other text, with the place of the mistake."""
        policy = cls(lag_weight=lag_weight, fallback=fallback)
        try:
            records = read_policy_file(text).kinds
            policy._groups |= {tuple(record.kind): _Group(record.to_table()) for record in records}
        except (ValueError, msgspec.MsgspecError, RecursionError) as error:
            raise ValueError(f"not the JSON that AdaptivePolicy.to_json wrote: {error}") from None
        return policy

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes everything learned to the file at `path`, completely or not at all. Raises `OSError`.

        An existing file is replaced, but no symbolic link, device or pipe. Only you may read the new file.
        """
        path = Path(path)
        if problem := problem_of_target(path, overwrite=True):
            raise problem
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - it is a file descriptor
                file.write(self.to_json())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, lag_weight: float = 2.5, fallback: PollPolicy = PollPolicy()
    ) -> Self:
        """The policy that `save` wrote to `path`, or a new policy if there is no such file.

        Raises `ValueError` for a file that `save` did not write, and `OSError` for one that cannot be read.
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
        """The groups of a task, the most specific first."""
        features = (None, None, None) if task is None else (task.model, task.resolution, task.duration)
        groups = self._groups_by_features.get(features)
        if groups is None:
            kinds = _kinds_of(features)
            new = [kind for kind in kinds if kind not in self._groups]
            # The oldest kinds are discarded first, but never the group of all tasks, and no group of this task.
            others = (kind for kind in self._groups if kind not in kinds)
            for kind in [*islice(others, max(len(self._groups) + len(new) - MAX_KINDS, 0))]:
                del self._groups[kind]
                self._groups_by_features.clear()
            groups = [self._groups.setdefault(kind, _Group()) for kind in reversed(kinds)]
            self._groups_by_features[features] = groups
        return groups


def learn(before: PollState, after: PollState, now: float) -> None:
    """Gives the result of a poll that ended at `now` to the wait's policy, if the policy learns."""
    policy, task, newer = before.policy, before.task, new_task(before, after)
    # A task that was never received as running may have ended days ago.
    if not isinstance(policy, AdaptivePolicy) or task is None or newer is None:
        return
    since, until = before.last_seen_at - before.created_at, now - before.created_at
    ended = is_terminal(newer)
    policy.observe(task, since, _age_at_end(newer, since, until) if ended else until, ended=ended)


def _age_at_end(task: VideoTaskResponse, since: float, until: float) -> float:
    """The age at which the task ended: it ran at the age `since`, and had ended at the age `until`."""
    if isinstance(task.updated_at, int) and isinstance(task.created_at, int):
        stated = task.updated_at - task.created_at
        # `updated_at` may also be the time of another change, such as the poll itself.
        if since <= stated <= until:
            return stated
    return (since + until) / 2


def _kinds_of(features: _Features) -> list[Kind]:
    """The kinds of a task with these features, the most specific last."""
    parts = [part if isinstance(part, str | int) else None for part in features]
    return [(), *(tuple(parts[: i + 1]) for i, part in enumerate(parts) if part is not None)]
