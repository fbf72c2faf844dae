"""A wrong argument of a fixture, of the control API or of a fault says what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from meshapi_video_sandbox import Sandbox, running_sandbox
from support.sandbox_client import post

OUTCOMES = "Choose from cancelled, expired, failed, succeeded"
Call = Callable[[Any], object]

CASES: list[tuple[Call, str]] = [
    (
        lambda sandbox: sandbox.create_task("suceeded"),
        f"`outcome` cannot be 'suceeded'. Did you mean 'succeeded'? {OUTCOMES} - at `$.outcome` (HTTP 422)",
    ),
    (lambda sandbox: sandbox.create_task("CANCELED"), f"Did you mean 'cancelled'? {OUTCOMES}"),
    (lambda sandbox: sandbox.create_task(5), f"`outcome` cannot be 5. {OUTCOMES}"),
    (lambda sandbox: sandbox.create_task(queued_for="long"), "Expected `float`, got `str` - at `$.queued_for`"),
    (lambda sandbox: sandbox.create_task(running_for=-1), "Expected `float` >= 0.0 - at `$.running_for`"),
    (
        lambda sandbox: sandbox.create_task(scenario="flakey"),
        "unknown scenario 'flakey'. Did you mean 'flaky'? Choose from instant, quick, slow, endless, failed, ",
    ),
    (lambda sandbox: sandbox.create_task(durations=5), "`durations` cannot be set. Did you mean 'duration'? Choose"),
    (lambda sandbox: sandbox.create_task(status="running"), "`status` cannot be set. Choose from outcome, queued_for"),
    (lambda sandbox: sandbox.create_task(seed="x"), "got `str` - at `$.seed`"),
    (lambda sandbox: sandbox.create_task(id=5), "got `int` - at `$.id`"),
    (lambda sandbox: sandbox.create_task(key="rsk_other"), "start it with --key - at `$.key`"),
    (lambda sandbox: sandbox.create_task(faults={"status": 500}), "Expected `array`, got `object` - at `$.faults`"),
    (
        lambda sandbox: sandbox.create_task(faults=["reset"]),
        "names out of delay, status, retry_after, reset, close, body, polls, at, not 'reset' - at `$.faults[0]`",
    ),
    (
        lambda sandbox: sandbox.create_task(faults=[{}, {"statsu": 500}]),
        "mean 'status'? Choose from delay, status, retry_after, reset, close, body, polls, at - at `$.faults[1]`",
    ),
    (
        lambda sandbox: sandbox.create_task(faults=[{"at": "gatway"}]),
        "`at` cannot be 'gatway'. Did you mean 'gateway'? Choose from gateway, upstream - at `$.faults[0].at`",
    ),
    (lambda sandbox: sandbox.create_task(faults=[{"body": "htm"}]), "Did you mean 'html'? Choose from half, html, tr"),
    (lambda sandbox: sandbox.create_task(faults=[{"status": 200}]), "Expected `int` >= 300 - at `$.faults[0].status`"),
    (lambda sandbox: sandbox.plan_creates("suceeded"), f"Did you mean 'succeeded'? {OUTCOMES} - at `outcome`"),
    (lambda sandbox: sandbox.plan_creates(scenario="sunny"), "unknown scenario 'sunny'. Choose from instant, quick"),
    (lambda sandbox: sandbox.plan_creates(faults=[{"at": ""}]), "Choose from gateway, upstream - at `faults[0].at`"),
    (lambda sandbox: sandbox.plan_creates(create_faults="half"), "Expected `array`, got `str` - at `create_faults`"),
    (
        lambda sandbox: sandbox.plan_creates(create_faults=["half", "lost"]),
        "unknown fault 'lost'. Did you mean 'lost_response'? Choose from lost_response, reset_before, ",
    ),
    (
        lambda sandbox: sandbox.plan_creates(create_faults=[{"when": "befor"}]),
        "Did you mean 'before'? Choose from after, before - at `create_faults[0].when`",
    ),
    (lambda sandbox: sandbox.plan_creates(create_faults=[{"creates": [0]}]), "`int` >= 1 - at `create_faults[0]."),
    (
        lambda sandbox: sandbox.plan_creates(random_faults={"weights": {"truncate": 1}}),
        "unknown fault 'truncate'. Did you mean 'truncated'? Choose from none, lost_response, ",
    ),
    (
        lambda sandbox: sandbox.plan_creates(random_faults={"weight": {}}),
        "`weight` cannot be set. Did you mean 'weights'? Choose from weights, seed, delay - at `random_faults`",
    ),
    (lambda sandbox: sandbox.plan_creates(models="mine"), "Expected `array`, got `str` - at `$.models`"),
    (lambda sandbox: sandbox.set_list_lag(-1), "Expected `float` >= 0.0 - at `$.lag`"),
    (lambda sandbox: sandbox.advance("2h"), "Expected `float`, got `str` - at `$.advance`"),
    (lambda sandbox: sandbox.set_time(-5), "the clock can be set from 0 to 100000000000 seconds since 1970, not to -5"),
    (lambda sandbox: sandbox.inspect("nobodys"), "No such task in the database (HTTP 404)"),
]


@pytest.mark.parametrize(("call", "message"), CASES, ids=[message[:40] for _, message in CASES])
def test_a_wrong_argument_is_a_value_error_that_says_what_is_allowed(
    module_sandbox: Sandbox, call: Call, message: str
) -> None:
    with pytest.raises(ValueError, match=r"\(HTTP 4\d\d\)$") as caught:
        call(module_sandbox)
    assert message in str(caught.value)
    # Callers that look at the response catch it under the name of httpx.
    assert isinstance(caught.value, httpx.HTTPStatusError)


def test_the_control_api_says_the_same_over_http(module_sandbox: Sandbox) -> None:
    response = post(f"{module_sandbox.base_url}/_sandbox/clock", content=b'{"advence": 5}')
    message = "`advence` cannot be set. Did you mean 'advance'? Choose from now, advance - at `$`"
    assert (response.status_code, response.json()["error"]["message"]) == (422, message)


def test_a_server_that_is_no_sandbox_is_an_error_of_httpx() -> None:
    with running_sandbox() as sandbox:
        files = Sandbox(str(sandbox.upstream_url))
        with pytest.raises(httpx.HTTPStatusError, match="404"):
            files.create_task()
