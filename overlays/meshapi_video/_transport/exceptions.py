"""Turns what goes wrong with a request into this package's errors."""

from __future__ import annotations

import contextlib
import ssl
import sys
import traceback
from typing import TYPE_CHECKING, Final

from meshapi_video._errors import (
    TRUST_ADVICE,
    APIError,
    CertificateError,
    ConnectionFailed,
    ConnectionTimeout,
    InvalidResponse,
    MeshVideoError,
    format_seconds,
    proxy_refusal,
    set_advice,
)
from meshapi_video._http_libraries import errors_named
from meshapi_video._text import describe

if TYPE_CHECKING:
    from collections.abc import Generator

    from meshapi_video._settings import Settings

# `from None` everywhere: the frames of the original error hold the request's headers, and so the key.

_RENEW: Final = (
    "Check the clock of this machine. If it is right, the operator of the server, or of the proxy that inspects TLS, "
    "has to renew the certificate"
)
_WRONG_HOST: Final = "Check the host in the URL. Another server, or a proxy, responds in its place"
# The numbers are OpenSSL's.
_OTHER_ADVICE: Final = {9: _RENEW, 10: _RENEW, 62: _WRONG_HOST, 64: _WRONG_HOST}
"""The advice where another certificate authority would not help."""

CLIENT_CERTIFICATE_ADVICE: Final = (
    "The server, or a proxy, asks for a client certificate: pass ssl_context=, with the certificate loaded by "
    "load_cert_chain"
)
"""What to do about an alert that asks for a client certificate."""

_GENERATED: Final = "meshapi_video_generated"
_LONGEST_DESCRIPTION: Final = 500
"""The characters that an error keeps of an unexpected exception's message."""
_LONGEST_TRACEBACK: Final = 10_000
"""The characters that an error keeps of an unexpected exception's traceback."""


class ProxyProblem(Exception):
    """A problem with a proxy, which its message names."""

    needs_password = False
    """Whether the proxy refuses the user and the password in its address."""


@contextlib.contextmanager
def typed_errors(task_id: str | None, settings: Settings, seconds: float) -> Generator[None]:
    """Raises typed errors, about a task if there is one, for a request that may take `seconds` as a whole."""
    try:
        yield
    except MeshVideoError as error:
        with_task_id(error, task_id)
        raise
    except TimeoutError:
        message = f"no complete response from {settings.route} within {format_seconds(seconds)}"
        raise with_task_id(ConnectionTimeout(message), task_id) from None
    except Exception as error:
        # A library may raise these two for a hostile response.
        if not (isinstance(error, ValueError | RecursionError) or _is_of_parser(error)):
            raise
        # Or the body matches the contract, but the generated parser fails: the body may be nested too deeply.
        message = settings.api_key.redact(f"the response cannot be parsed: {describe(error)}")
        # The frames hold the body.
        _remove_frames(error)
        raise with_task_id(InvalidResponse(message), task_id) from None


def _is_of_parser(error: Exception) -> bool:
    """Whether generated code raised an exception itself, and not the session that it called."""
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    packages = [module.partition(".")[0] for module in modules]
    return [each for each in packages if each in {"meshapi_video", _GENERATED}][-1:] == [_GENERATED]


@contextlib.contextmanager
def map_httpx_exceptions(settings: Settings, proxy: str) -> Generator[None]:
    """Raises `ConnectionFailed` for the errors of httpx and httpx2, and `TimeoutError` for their timeouts.

    `proxy` is the name of the proxy, if there is one.
    """
    handled = sys.exception()
    try:
        yield
    except errors_named("TimeoutException"):
        raise TimeoutError from None
    except errors_named("ProxyError") as error:
        # This module is imported early, and httpcore is slow to import.
        from meshapi_video._transport.httpcore_request import named_proxy_error  # noqa: PLC0415

        raise connection_failed(settings, named_proxy_error(proxy, error), handled) from None
    except errors_named("HTTPError", "InvalidURL") as error:
        # httpx parses the location of a redirect, even if it does not follow it.
        raise connection_failed(settings, error, handled) from None
    except errors_named("StreamError"):
        raise MeshVideoError(
            "a hook of the http_client consumed the response; it should call read() or aread() to keep the body"
        ) from None


def connection_failed(settings: Settings, error: BaseException, handled: BaseException | None) -> ConnectionFailed:
    """The error for a request that failed because of the network.

    `handled` is the exception that was being handled before the request, if any.
    """
    refusal = _refused_certificate(error, handled)
    # The problem of a proxy names it itself.
    route = settings.base_url if isinstance(error, ProxyProblem) else settings.route
    message = settings.api_key.redact(f"no complete response from {route}: {root_message(refusal or error)}")
    if isinstance(error, ProxyProblem) and error.needs_password:
        return proxy_refusal(message)
    if refusal is None:
        failed = ConnectionFailed(message)
        if asks_for_certificate(message):
            set_advice(failed, CLIENT_CERTIFICATE_ADVICE)
        return failed
    failed = CertificateError(message)
    set_advice(failed, _advice_about(refusal))
    return failed


def asks_for_certificate(message: str) -> bool:
    """Whether this is the message of an alert by which a server asks for a client certificate."""
    return "ALERT_CERTIFICATE_REQUIRED" in message


def certificate_problem(error: BaseException, handled: BaseException | None) -> str | None:
    """Why a certificate was not accepted, and what to do; None for another failure. `handled` is as above."""
    refusal = _refused_certificate(error, handled)
    return None if refusal is None else f"{root_message(refusal)}. {_advice_about(refusal)}"


def _advice_about(refusal: ssl.SSLCertVerificationError) -> str:
    # Of an error that Python code raised, there may be no code.
    return _OTHER_ADVICE.get(getattr(refusal, "verify_code", 0), TRUST_ADVICE)


def _refused_certificate(
    error: BaseException | None, handled: BaseException | None
) -> ssl.SSLCertVerificationError | None:
    """The error of a failed verification, of which `error` is the consequence; None for another failure.

    `handled` is an error of other code, which the caller handles: Python makes it the context of the others.
    """
    found, seen = None, {id(handled)}
    while error is not None and id(error) not in seen:
        if isinstance(error, ssl.SSLCertVerificationError):
            # aiohttp's own error is one, too, but has another text, and no code.
            found = error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return found


def may_keep_connection(error: BaseException) -> bool:
    """Whether the connection of a response is used again after this error of its check.

    Not if the response may belong to another request: it is invalid, or it ends a wait for good.
    """
    return isinstance(error, APIError) and (error.status_code == 429 or error.status_code >= 500)


def root_message(error: BaseException) -> str:
    """The first message in a chain of errors: trio has the message about a certificate at its end."""
    root = error
    while not str(root) and (cause := root.__cause__ or root.__context__):
        root = cause
    return str(root) or type(error).__name__


def unexpected_error(error: Exception, task_id: str, settings: Settings) -> MeshVideoError:
    """The error about a task whose poll raised an exception that no code expected.

    The exception is its cause, without the frames. Their text is a note, because their local variables hold the key.
    """
    redact = settings.api_key.redact
    formatted = redact("".join(traceback.format_exception(error)))
    description = redact(traceback.format_exception_only(error)[0].strip())[:_LONGEST_DESCRIPTION]
    unexpected = MeshVideoError(
        f"the poll failed with an unexpected {description}. It is a bug in meshapi-video, or in the policy passed as "
        "`poll`: please report it. The task may still finish and has been paid for: wait again on the same id"
    )
    unexpected.add_note(formatted[-_LONGEST_TRACEBACK:])
    _remove_frames(error)
    unexpected.__cause__ = error
    return with_task_id(unexpected, task_id)


def _remove_frames(error: BaseException) -> None:
    """Removes the tracebacks of an exception and of all exceptions that it holds."""
    removed, left = set[int](), list[BaseException]([error])
    while left:
        each = left.pop()
        if id(each) not in removed:
            removed.add(id(each))
            each.__traceback__ = None
            left += [other for other in (each.__cause__, each.__context__) if other is not None]
            if isinstance(each, BaseExceptionGroup):
                left += each.exceptions  # pyright: ignore[reportUnknownMemberType] - a group of any exceptions


def with_task_id(error: MeshVideoError, task_id: str | None) -> MeshVideoError:
    """`error`, with the id of the task that it concerns, if there is one."""
    error.task_id = task_id
    return error
