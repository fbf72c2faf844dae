"""Figure 1: requests per second against requests in flight, asynchronous."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, NamedTuple, NoReturn

import msgspec

from benchmarks import looks, pictures
from benchmarks.plan import Plan, Section
from benchmarks.processes import Answer, Failed, answer_questions, child, leave, server, used, watched
from benchmarks.tables import Claim, Column, Results, in_rounds, table, verdicts

CONTENDERS: Final[dict[str, Callable[[str], looks.AsyncLook]]] = {
    "raw `httpx.AsyncClient`": looks.raw_httpx,
    "the same with its own timeout, 5 s": looks.raw_httpx_as_it_comes,
    "Mesh's SDK": looks.mesh,
    "generated `asyncio_detailed`": looks.generated,
    "httpx behind a limit of 10": looks.httpx_behind_ten,
    "httpx over `httpx-aiohttp`": looks.httpx_over_aiohttp,
    "`httpx-aiohttp` without its limit of 100": looks.httpx_over_aiohttp_unlimited,
    "aiohttp alone": looks.aiohttp_alone,
    "`AsyncVideoClient.get`, base": looks.ours,
    "`AsyncVideoClient.get`, `[aiohttp]`": looks.ours_over_aiohttp,
}
RAW, IMPATIENT, MESH, _, _, OVER, _, _, BASE, EXTRA = CONTENDERS
PICTURE: Final = "bench-rates.svg"


class Rate(msgspec.Struct):
    """Look at tasks, so many at a time, for so long, with a new client."""

    contender: str
    base_url: str
    in_flight: int
    seconds: float


class Rated(Answer):
    """What was done in that time."""

    looks: int
    failed: int
    seconds: float
    problem: str = ""


def run(question: Rate) -> NoReturn:
    """In a child: counts until the time is up, and ends the process."""
    asyncio.run(_run(question))
    raise AssertionError("the watch has ended this process")


async def _run(question: Rate) -> None:
    look = CONTENDERS[question.contender](question.base_url)
    done, failed, problem = 0, 0, ""

    async def keep_looking(task_id: str) -> None:
        nonlocal done, failed, problem
        while True:
            try:
                await look(task_id)
            except Exception as error:  # noqa: BLE001 - counted, whatever it is
                failed += 1
                problem = f"{type(error).__name__}: {error}"
                await asyncio.sleep(0)
            else:
                done += 1

    def end() -> None:
        seconds = time.monotonic() - begun
        if question.contender == EXTRA and not looks.uses_aiohttp():
            leave(looks.NO_EXTRA)
        leave(Rated(done, failed, seconds, problem))

    begun = time.monotonic()
    watched(question.seconds, question.seconds, lambda: None, end)
    await asyncio.gather(*(keep_looking(f"task-{number}") for number in range(question.in_flight)))


class Setting(NamedTuple):
    """A column of the table."""

    in_flight: int
    seconds: float
    delay: float = 0.0
    """Seconds that the server takes to answer."""

    @property
    def name(self) -> str:
        """Its heading."""
        return f"{self.in_flight}, {self.delay * 1000:.0f} ms" if self.delay else f"{self.in_flight}"


# A pool that has collapsed answers in waves, seconds apart; the average needs several.
NEAR: Final = [Setting(1, 3), Setting(10, 3), Setting(50, 3), Setting(200, 15), Setting(500, 15)]
FAR: Final = Setting(500, 10, delay=0.2)


def measure(plan: Plan) -> Section:
    """The tables, the verdicts and the picture."""
    settings = [Setting(1, 1), Setting(50, 1), Setting(500, 4), FAR._replace(seconds=4)] if plan.quick else [*NEAR, FAR]
    asked = [(name, setting) for name in CONTENDERS for setting in settings]
    results, busiest = Results(), 0.0
    with server() as near, server(delay=FAR.delay) as far:
        for name, setting in in_rounds(asked, plan.rounds or (1 if plan.quick else 3)):
            base_url = far if setting.delay else near
            plan.say(f"figure 1: {name}, {setting.name} in flight")
            before = used(base_url)[1]
            try:
                rated = _rate(name, setting, base_url)
            except Failed as error:
                results.fail(name, str(error), setting.name)
                continue
            busiest = max(busiest, (used(base_url)[1] - before) / setting.seconds)
            # One that got no answer at all is given one: its ratios err in its favour.
            results.take(name, **{setting.name: max(rated.looks, 1) / rated.seconds})
            if rated.failed:
                results.problems[name] = f"{rated.failed} looks failed: {rated.problem}"
    columns = [Column(setting.name, setting.name, "{:.0f}") for setting in settings]
    text = f"""
{table("requests per second, in flight:", results, CONTENDERS, columns)}

The server was busy for at most {busiest:.0%} of the time.

{verdicts(_claims(results))}
"""
    if plan.quick:
        return Section(text)
    lines = {name: [results.series(name, setting.name).median for setting in NEAR] for name in CONTENDERS}
    return Section(text, {PICTURE: pictures.rates([setting.in_flight for setting in NEAR], lines)})


def _rate(name: str, setting: Setting, base_url: str) -> Rated:
    with child("benchmarks.rates") as one:
        return one.ask(Rate(name, base_url, setting.in_flight, setting.seconds), Rated, setting.seconds)


def _claims(results: Results) -> list[Claim]:
    near, far = NEAR[-1].name, FAR.name
    return [
        Claim(f"{near} in flight, base, over {RAW}", results.ratio(near, BASE, RAW), at_least=100),
        Claim(f"{near} in flight, base, over {IMPATIENT}", results.ratio(near, BASE, IMPATIENT), at_least=100),
        Claim(f"{near} in flight, base, over {MESH}", results.ratio(near, BASE, MESH), at_least=100),
        Claim(f"{near} in flight, `[aiohttp]`, over {OVER}", results.ratio(near, EXTRA, OVER), at_least=0.9),
        Claim(f"{far} in flight, base, over {OVER}", results.ratio(far, BASE, OVER), at_least=0.4),
    ]


if __name__ == "__main__":
    answer_questions(Rate, run)
