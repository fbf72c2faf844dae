"""Settings are checked before anything is sent, and the key shows itself nowhere."""

from __future__ import annotations

import math
import pickle

import pytest

from meshapi_video import AsyncVideoClient, MeshVideoError, VideoClient
from meshapi_video import _errors as errors
from meshapi_video._config import DEFAULT_BASE_URL, ApiKey, Config, check_task_id
from meshapi_video._transport import environment_proxy, is_loopback

CLIENTS = (VideoClient, AsyncVideoClient)


def resolve(
    api_key: str | None = "rsk_1", base_url: str | None = None, timeout: float = 30.0, max_retries: int = 2
) -> Config:
    return Config.resolve(api_key, base_url, timeout, max_retries)


def test_the_environment_names_the_key_and_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHAPI_API_KEY", " rsk_env\n")
    monkeypatch.setenv("MESHAPI_BASE_URL", "http://127.0.0.1:8787/")
    config = resolve(api_key=None)
    assert config.api_key.authorization == "Bearer rsk_env"
    assert config.base_url == "http://127.0.0.1:8787"


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHAPI_API_KEY", "rsk_env")
    monkeypatch.setenv("MESHAPI_BASE_URL", "http://127.0.0.1:8787")
    config = resolve("rsk_argument", "https://gateway.example/mesh")
    assert config.api_key.authorization == "Bearer rsk_argument"
    assert config.base_url == "https://gateway.example/mesh"


def test_the_documents_server_is_the_default() -> None:
    assert resolve().base_url == DEFAULT_BASE_URL


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("key", [None, "", "  \n"])
def test_a_missing_key_is_an_error_that_names_the_variable(
    client: type[VideoClient | AsyncVideoClient], key: str | None
) -> None:
    with pytest.raises(MeshVideoError, match="MESHAPI_API_KEY"):
        client(key)


@pytest.mark.parametrize("key", ["rsk_a\r\nX-Evil: 1", "rsk_ä", "rsk a"])
def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(MeshVideoError, match="holds a character") as caught:
        resolve(key)
    assert key not in str(caught.value)


@pytest.mark.parametrize("client", CLIENTS)
def test_no_repr_shows_the_key(client: type[VideoClient | AsyncVideoClient]) -> None:
    made = client("rsk_secret")
    shown = [repr(value) for value in (made, *vars(made).values(), ApiKey("rsk_secret"))]
    assert not [text for text in shown if "rsk_secret" in text]
    assert f"{client.__name__}(base_url='https://api.meshapi.ai')" in shown


@pytest.mark.parametrize(
    "url",
    [
        "api.meshapi.ai",
        "ftp://x",
        "https://",
        "https://x:port",
        "https://x:0",
        "http://[",
        "https://u:p@x",
        "https://x/?a=1",
        "https://x/#a",
    ],
)
def test_a_base_url_that_cannot_work_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base URL should look like https"):
        resolve(base_url=url)


@pytest.mark.parametrize("timeout", [0, -1, math.nan, True])
def test_a_request_timeout_that_cannot_work_is_refused(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        resolve(timeout=timeout)


@pytest.mark.parametrize("retries", [-1, True])
def test_a_number_of_retries_that_cannot_work_is_refused(retries: int) -> None:
    with pytest.raises(ValueError, match="max_retries"):
        resolve(max_retries=retries)


@pytest.mark.parametrize("task_id", ["", ".", "..", "a/b", "a\\b", "a b", "a\n", "\ud800", "../v1/keys"])
def test_an_id_that_would_ask_for_something_else_is_refused(task_id: str) -> None:
    with pytest.raises(ValueError, match="not a task id"):
        check_task_id(task_id)


def test_an_id_that_is_no_string_is_refused() -> None:
    with pytest.raises(ValueError, match="should be a string; this is int"):
        check_task_id(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - untyped callers do


@pytest.mark.parametrize("task_id", ["a1b2c3d4-e5f6-7890-ab12-cd34ef567890", "cgt-2025:ä", "a?b#c%2e"])
def test_any_other_id_is_taken(task_id: str) -> None:
    assert check_task_id(task_id) == task_id


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("x.example", False)],
)
def test_this_machine_is_known_by_its_names(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_the_environments_proxy_is_used_except_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment_proxy("https://api.meshapi.ai") is None
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    monkeypatch.setenv("no_proxy", "direct.example")
    proxy = environment_proxy("https://api.meshapi.ai")
    assert proxy is not None
    assert str(proxy.url) == "http://proxy.example:3128"
    assert environment_proxy("https://direct.example") is None
    assert environment_proxy("https://127.0.0.1:8787") is None
    assert environment_proxy("https://localhost") is None


def test_every_error_survives_pickling_with_all_it_knows() -> None:
    last = errors.RateLimitedError(status_code=429, message="slow", retry_after=3.0, request_id="req_1", body="{}")
    timeout = errors.WaitTimeout(task_id="t", last_task=None, last_error=last, elapsed=1.5, polls=2)
    copy = pickle.loads(pickle.dumps(timeout))  # noqa: S301 - our own bytes
    assert str(copy) == str(timeout)
    assert (copy.task_id, copy.polls, copy.last_error.retry_after) == ("t", 2, 3.0)
