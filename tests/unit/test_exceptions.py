"""Every failure of a request becomes an error of this package, without the request that holds the key."""

from __future__ import annotations

import ssl

import httpcore
import httpx
import pytest

from meshapi_video import ConnectionFailed, ConnectionTimeout, InvalidResponse, MeshVideoError
from meshapi_video._download.request import TransferInterrupted, map_network_errors
from meshapi_video._settings import ApiKey, Settings
from meshapi_video._transport.exceptions import map_httpx_exceptions, root_message, typed_errors
from meshapi_video._transport.httpcore_request import map_httpcore_exceptions
from meshapi_video._urls import Route

KEY = "rsk_secret"
SETTINGS = Settings.resolve(ApiKey(KEY), "https://api.example", 30.0, 0)


def error_for(failure: Exception) -> MeshVideoError:
    """The error that a client raises for a failure of httpx, httpcore or Python."""
    with (
        pytest.raises(MeshVideoError) as caught,
        typed_errors("t", SETTINGS, 2.5),
        map_httpx_exceptions(SETTINGS, "of the http_client"),
        map_httpcore_exceptions(SETTINGS),
    ):
        raise failure
    assert caught.value.task_id == "t"
    return caught.value


@pytest.mark.parametrize(
    "timeout",
    [
        TimeoutError(),
        httpx.ReadTimeout("slow"),
        httpx.PoolTimeout("slow"),
        httpcore.ReadTimeout("slow"),
        httpcore.ConnectTimeout("slow"),
    ],
    ids=lambda timeout: type(timeout).__module__ + "." + type(timeout).__name__,
)
def test_every_timeout_is_a_connection_timeout(timeout: Exception) -> None:
    error = error_for(timeout)
    assert type(error) is ConnectionTimeout
    assert isinstance(error, TimeoutError)
    assert str(error) == (
        "task t: no complete response from https://api.example within 2.5 s. "
        "Check the network, any proxy, and the base URL"
    )


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError(f"refused {KEY}"),
        httpx.ReadError(f"refused {KEY}"),
        httpx.RemoteProtocolError(f"refused {KEY}"),
        httpcore.ConnectError(f"refused {KEY}"),
        httpcore.RemoteProtocolError(f"refused {KEY}"),
        httpcore.ProxyError(f"refused {KEY}"),
        ssl.SSLError(f"refused {KEY}"),
    ],
    ids=lambda failure: type(failure).__module__ + "." + type(failure).__name__,
)
def test_every_failure_of_the_network_is_a_connection_failed_with_the_key_redacted(failure: Exception) -> None:
    error = error_for(failure)
    assert type(error) is ConnectionFailed
    assert "task t: no complete response from https://api.example: " in str(error)
    assert "refused ***" in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_a_hook_that_consumed_the_response_is_an_error_that_says_what_to_do() -> None:
    error = error_for(httpx.StreamConsumed())
    assert type(error) is MeshVideoError
    assert "a hook of the http_client consumed the response; it should call read() or aread()" in str(error)


def test_a_body_that_python_cannot_parse_is_an_invalid_response_with_the_key_redacted() -> None:
    error = error_for(ValueError(f"cannot parse {KEY}"))
    assert isinstance(error, InvalidResponse)
    assert str(error) == "task t: the response cannot be parsed: cannot parse ***"


def test_an_error_of_this_package_only_gets_the_tasks_id() -> None:
    failure = InvalidResponse("wrong type", path="$.id")
    assert error_for(failure) is failure


def test_the_root_message_is_the_first_message_in_the_chain_of_errors() -> None:
    cause = OSError("certificate has expired")
    middle, outer = RuntimeError(), RuntimeError()
    middle.__context__, outer.__cause__ = cause, middle
    assert root_message(outer) == "certificate has expired"
    assert root_message(RuntimeError("its own")) == "its own"
    assert root_message(ValueError()) == "ValueError"


def test_an_error_of_the_users_own_hook_stays_as_it_is() -> None:
    with pytest.raises(KeyError), typed_errors("t", SETTINGS, 2.5):
        raise KeyError("a bug in a hook")


def test_a_server_that_asks_for_a_client_certificate_has_advice_of_its_own() -> None:
    alert = ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required (_ssl.c:1)")
    for failure in (alert, httpcore.ReadError(str(alert)), httpx.ReadError(str(alert))):
        error = error_for(failure)
        assert type(error) is ConnectionFailed
        assert str(error).endswith(
            ". The server, or a proxy, asks for a client certificate: pass ssl_context=, with the certificate loaded "
            "by load_cert_chain"
        )


def test_a_download_from_a_server_that_asks_for_a_client_certificate_has_the_same_advice() -> None:
    failure = httpcore.ReadError("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required")
    with (
        pytest.raises(TransferInterrupted, match=r"certificate required\. The server, or a proxy, asks for a client"),
        map_network_errors(Route("files.example"), 1),
    ):
        raise failure
