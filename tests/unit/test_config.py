"""Settings are checked before anything is sent, and the key shows itself nowhere."""

from __future__ import annotations

import copy
import math
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshapi_video import UNSET, AsyncVideoClient, MeshVideoError, TaskFailed, VideoClient, VideoTaskResponse, WaitToken
from meshapi_video import _errors as errors
from meshapi_video._config import DEFAULT_BASE_URL, ApiKey, Config
from meshapi_video._tasks import check_task_id
from meshapi_video._transport import environment_proxy, is_loopback

CLIENTS = (VideoClient, AsyncVideoClient)
OURS = str(Path(errors.__file__).parent)


def resolve(
    api_key: str | None = "rsk_1", base_url: str | None = None, timeout: float = 30.0, max_retries: int = 2
) -> Config:
    return Config.resolve(ApiKey(api_key), base_url, timeout, max_retries)


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


def test_a_key_that_is_no_string_is_as_good_as_none() -> None:
    with pytest.raises(MeshVideoError, match="no API key"):
        VideoClient(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - untyped callers do


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


class Unusable(str):
    __slots__ = ()

    def strip(self, _characters: str | None = None, /) -> str:
        raise ZeroDivisionError


def shown_with_locals(error: BaseException) -> str:
    """What a traceback that prints its locals shows of the SDK's own frames."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(f"{frame.name} {frame.locals}\n" for frame in report.stack if frame.filename.startswith(OURS))


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("rsk_SECRET", {"base_url": "nonsense"}),
        ("rsk_SECRET", {"base_url": Unusable("x")}),
        ("rsk_SECRET", {"timeout": 0}),
        ("rsk_SECRET", {"http_client": object()}),
        ("rsk_SECRET\nrsk_SECRET", {}),
    ],
)
@pytest.mark.parametrize("from_environment", [True, False])
def test_a_traceback_with_locals_shows_the_key_in_none_of_our_frames(
    client: type[VideoClient | AsyncVideoClient],
    key: str,
    settings: dict[str, Any],
    *,
    from_environment: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MESHAPI_API_KEY", key)
    with pytest.raises((ValueError, TypeError, MeshVideoError, ZeroDivisionError)) as caught:
        client(None if from_environment else key, **settings)
    shown = shown_with_locals(caught.value)
    assert "__init__" in shown
    assert "SECRET" not in shown
    assert "repr() failed" not in shown


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_that_is_not_finished_has_a_repr(client: type[VideoClient | AsyncVideoClient]) -> None:
    assert repr(client.__new__(client)) == f"{client.__name__}(unfinished)"


@pytest.mark.parametrize(
    ("client", "wrong"),
    [(VideoClient, httpx.AsyncClient()), (AsyncVideoClient, httpx.Client()), (VideoClient, "client")],
)
def test_a_borrowed_client_of_the_wrong_kind_is_refused_with_the_right_one(
    client: type[VideoClient | AsyncVideoClient], wrong: object
) -> None:
    settings: dict[str, Any] = {"http_client": wrong}
    with pytest.raises(TypeError, match=r"VideoClient takes an httpx\.Client, and AsyncVideoClient an httpx\.Async"):
        client("rsk_1", **settings)


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
        "https://x/?",
        "https://x\n.example",
        "https://x/\ta",
        "https://x/\x00",
        "http://exa mple.com",
        "http://exa%20mple.com",
        "http://a\\b",
        "http://a..b",
        "http://.a",
        f"http://{'a' * 64}.example",
        "http://\u2603-.example",
        "http://999.1.1.1",
        " ",
    ],
)
def test_a_base_url_that_cannot_work_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base URL should look like https"):
        resolve(base_url=url)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (" https://x.example/mesh/\n", "https://x.example/mesh"),
        ("http://[::1]:8787", "http://[::1]:8787"),
        ("http://b\u00fccher.example", "http://b\u00fccher.example"),
        ("https://my_gateway/a%20b/@me", "https://my_gateway/a%20b/@me"),
    ],
)
def test_any_other_base_url_is_taken(url: str, kept: str) -> None:
    assert resolve(base_url=url).base_url == kept


@pytest.mark.parametrize("timeout", [0, -1, math.nan, math.inf, True, None, "5", 10**400])
def test_a_request_timeout_that_cannot_work_is_refused(timeout: Any) -> None:  # noqa: ANN401 - untyped callers do
    with pytest.raises(ValueError, match="timeout"):
        resolve(timeout=timeout)


@pytest.mark.parametrize("retries", [-1, True, 1.5, math.nan, math.inf, None, "2"])
def test_a_number_of_retries_that_cannot_work_is_refused(retries: Any) -> None:  # noqa: ANN401 - untyped callers do
    with pytest.raises(ValueError, match="max_retries"):
        resolve(max_retries=retries)


@pytest.mark.parametrize("task_id", ["", ".", "..", "a/b", "a\\b", "a b", "a\n", "\ud800", "../v1/keys", "a" * 513])
def test_an_id_that_would_ask_for_something_else_is_refused(task_id: str) -> None:
    with pytest.raises(ValueError, match="not a task id") as caught:
        check_task_id(task_id)
    assert len(str(caught.value)) < 200


def test_an_id_that_is_no_string_is_refused() -> None:
    with pytest.raises(ValueError, match="should be a string; this is int"):
        check_task_id(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - untyped callers do


@pytest.mark.parametrize("task_id", ["a1b2c3d4-e5f6-7890-ab12-cd34ef567890", "cgt-2025:ä", "a?b#c%2e", "a" * 512])
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


def socksio(monkeypatch: pytest.MonkeyPatch, *, installed: bool) -> None:
    def find_spec(name: str) -> object:
        return object() if name == "socksio" and installed else None

    monkeypatch.setattr("importlib.util.find_spec", find_spec)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize(
    "address", ["ftp://proxy.example", "http://", "http://user:secret@x:port", "socks5://me:secret@x:1"]
)
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable_and_not_quoted(
    client: type[VideoClient | AsyncVideoClient], variable: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    socksio(monkeypatch, installed=False)
    monkeypatch.setenv(variable, address)
    with pytest.raises(MeshVideoError, match=f"environment variable {variable} cannot be used: ") as caught:
        client("rsk_1")
    assert "secret" not in str(caught.value)


def test_a_socks_proxy_is_taken_where_its_package_is(monkeypatch: pytest.MonkeyPatch) -> None:
    socksio(monkeypatch, installed=True)
    monkeypatch.setenv("all_proxy", "socks5://proxy.example:1080")
    proxy = environment_proxy("https://api.meshapi.ai")
    assert proxy is not None
    assert str(proxy.url) == "socks5://proxy.example:1080"


def pickled(error: TaskFailed) -> TaskFailed:
    copied: TaskFailed = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    return copied


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, pickled])
def test_what_a_task_leaves_out_is_left_out_of_its_copies(copied: Callable[[TaskFailed], TaskFailed]) -> None:
    error = TaskFailed(VideoTaskResponse(id="t", status="failed"), message="boom")
    twin = copied(error)
    assert twin.task == error.task
    assert twin.task.seed is UNSET
    assert str(twin) == "task t: failed: boom"


def test_every_error_survives_pickling_with_all_it_knows() -> None:
    last = errors.RateLimitedError(status_code=429, message="slow", retry_after=3.0, request_id="req_1", body="{}")
    token = WaitToken(task_id="t", started=1.8e9, looks=2, not_before=1.8e9)
    timeout = errors.WaitTimeout(token=token, last_task=None, last_error=last, elapsed=1.5)
    copy = pickle.loads(pickle.dumps(timeout))  # noqa: S301 - our own bytes
    assert str(copy) == str(timeout)
    assert (copy.task_id, copy.polls, copy.token, copy.last_error.retry_after) == ("t", 2, token, 3.0)
