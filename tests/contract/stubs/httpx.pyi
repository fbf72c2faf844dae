# The part of httpx that generated code uses. With all that httpx imports, mypy would read six times as many modules.

from typing import Any, Self

class TimeoutException(Exception): ...

class Timeout:
    def __init__(self, timeout: float | None) -> None: ...

class Response:
    status_code: int
    content: bytes
    headers: dict[str, str]
    text: str
    def json(self) -> Any: ...  # noqa: ANN401 - as in httpx

class _Client:
    headers: dict[str, str]
    cookies: dict[str, str]
    timeout: Timeout | None
    def __init__(self, **settings: object) -> None: ...

class Client(_Client):
    def request(self, **settings: object) -> Response: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...

class AsyncClient(_Client):
    async def request(self, **settings: object) -> Response: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *error: object) -> None: ...
