"""Generated functions of operations that do not exist yet send through the clients' own sessions, unchanged."""

from __future__ import annotations

import ast
import http.server
import importlib
import io
import json
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, NoReturn

import anyio
import httpx
import pytest

from codegen.document import Json
from codegen.regenerate import CLIENT, generate_overlaid
from contract.generating import imported_as
from meshapi_video import AsyncVideoClient, InvalidResponse, ServerError, VideoClient
from meshapi_video._transport.generated import ExpectedResponse, generated_async_client, generated_client
from meshapi_video._transport.request import RequestOptions
from support.clients import KEY

Transport = Literal["sync", "sync user client", "asyncio", "trio", "aiohttp", "asyncio user client", "trio user client"]
TRANSPORTS: Final[tuple[Transport, ...]] = (
    "sync",
    "sync user client",
    "asyncio",
    "trio",
    "aiohttp",
    "asyncio user client",
    "trio user client",
)


def operation(name: str, response: Json, **more: Json) -> Json:
    return {"operationId": name, "tags": ["clips"], "responses": response, **more}


def body_of(media_type: str, schema: Json) -> Json:
    return {"required": True, "content": {media_type: {"schema": schema}}}


CLIP_REF: Final[Json] = {"$ref": "#/components/schemas/Clip"}
CLIP: Final[Json] = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
RETURNS_CLIP: Final[Json] = {"200": {"description": "A clip", "content": {"application/json": {"schema": CLIP_REF}}}}
UPLOAD: Final[Json] = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "format": "binary"}},
}
FORM: Final[Json] = {"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}}
GROWN: Final[dict[str, Json]] = {
    "openapi": "3.1.0",
    "info": {"title": "Grown", "version": "1"},
    "paths": {
        "/v1/clips": {
            "get": operation(
                "find_clips",
                RETURNS_CLIP,
                parameters=[
                    {"name": "status", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                    {"name": "limit", "in": "query", "schema": {"type": "integer"}},
                    {"name": "x-trace", "in": "header", "schema": {"type": "string"}},
                    {"name": "locale", "in": "cookie", "schema": {"type": "string"}},
                ],
            ),
            "post": operation("create_clip", RETURNS_CLIP, requestBody=body_of("application/json", CLIP_REF)),
        },
        "/v1/clips/{clip_id}": {
            "delete": operation(
                "delete_clip",
                {"204": {"description": "Deleted"}},
                parameters=[{"name": "clip_id", "in": "path", "required": True, "schema": {"type": "string"}}],
            ),
            "parameters": [],
        },
        "/v1/form": {
            "post": operation("send_form", RETURNS_CLIP, requestBody=body_of("application/x-www-form-urlencoded", FORM))
        },
        "/v1/files": {
            "post": operation("send_files", RETURNS_CLIP, requestBody=body_of("multipart/form-data", UPLOAD)),
            "put": operation(
                "send_bytes",
                RETURNS_CLIP,
                requestBody=body_of("application/octet-stream", {"type": "string", "format": "binary"}),
            ),
        },
    },
    "components": {"schemas": {"Clip": CLIP}},
}


@dataclass
class Received:
    method: str
    target: str
    # They hold the key, and a traceback with local variables shows this object.
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = b""


@dataclass
class ClipServer:
    """A real HTTP server that records each request, and returns a clip or nothing."""

    base_url: str = ""
    received: list[Received] = field(default_factory=list[Received])
    status: int = 200
    body: bytes = b'{"id": "c1"}'


@pytest.fixture
def clip_server() -> Generator[ClipServer]:
    state = ClipServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.received.append(Received(self.command, self.path, headers, body))
            self.send_response(204 if self.command == "DELETE" else state.status)
            if self.command != "DELETE":
                self.send_header("content-length", str(len(state.body)))
            self.end_headers()
            if self.command != "DELETE":
                self.wfile.write(state.body)

        do_GET = do_POST = do_PUT = do_DELETE = respond  # noqa: N815 - http.server calls these names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own signature
            """Prints nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        state.base_url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def grown_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grown-session")
    generate_overlaid(folder, GROWN)
    return folder


@pytest.fixture(scope="module")
def clips(grown_folder: Path) -> Generator[Callable[[str], ModuleType]]:
    """Imports a module of the grown package."""
    with imported_as("grown_clips", grown_folder):
        yield lambda name: importlib.import_module(f"grown_clips.{name}")


def parse_clip(body: bytes) -> object:
    clip = json.loads(body)
    if "id" not in clip:
        raise InvalidResponse("a clip has an id", path="$.id")
    return clip


def check_empty(body: bytes) -> object:
    assert body == b""
    return None


A_CLIP: Final = ExpectedResponse(parse_clip)
NOTHING: Final = ExpectedResponse(check_empty, status=204)


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Transport:
    chosen: Transport = request.param
    monkeypatch.setattr("meshapi_video._async.session.HAS_AIOHTTP", chosen == "aiohttp")
    return chosen


# The grown module exists only while the test runs, so its functions and models have no types here.
def send(
    transport: Transport,
    server: ClipServer,
    function: ModuleType,
    expected: ExpectedResponse,
    **arguments: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """The response of a generated function that sends through a client's own session."""
    uses_user_client = transport.endswith("user client")
    if transport.startswith("sync"):
        with (
            httpx.Client(trust_env=False) as http_client,
            VideoClient(
                KEY, base_url=f"{server.base_url}/mesh", http_client=http_client if uses_user_client else None
            ) as client,
        ):
            session = client._session.expecting(expected)
            return function.sync_detailed(client=generated_client(server.base_url, session), **arguments)

    async def main() -> object:
        async with (
            httpx.AsyncClient(trust_env=False) as http_client,
            AsyncVideoClient(
                KEY, base_url=f"{server.base_url}/mesh", http_client=http_client if uses_user_client else None
            ) as client,
        ):
            session = client._session.expecting(expected)
            return await function.asyncio_detailed(client=generated_async_client(server.base_url, session), **arguments)

    return anyio.run(main, backend="trio" if transport.startswith("trio") else "asyncio")


def the_request(server: ClipServer) -> Received:
    (received,) = server.received
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert received.headers["user-agent"].startswith("meshapi-video/")
    return received


Clips = Callable[[str], ModuleType]


def test_a_get_sends_its_query_array_its_header_and_its_cookie(
    transport: Transport, clip_server: ClipServer, clips: Clips
) -> None:
    function = clips("api.clips.find_clips")
    response = send(
        transport, clip_server, function, A_CLIP, status=["queued", "a b&c"], limit=5, x_trace="t-1", locale="de"
    )
    received = the_request(clip_server)
    assert (received.method, received.target) == ("GET", "/mesh/v1/clips?status=queued&status=a+b%26c&limit=5")
    assert received.headers["x-trace"] == "t-1"
    assert received.headers["cookie"] == "locale=de"
    assert received.body == b""
    assert response.parsed.id == "c1"


def test_a_post_sends_its_json_body(transport: Transport, clip_server: ClipServer, clips: Clips) -> None:
    clip = clips("models").Clip(id="ü")
    response = send(transport, clip_server, clips("api.clips.create_clip"), A_CLIP, body=clip)
    received = the_request(clip_server)
    assert (received.method, received.target) == ("POST", "/mesh/v1/clips")
    assert received.headers["content-type"] == "application/json"
    assert json.loads(received.body) == {"id": "ü"}
    assert response.parsed.id == "c1"


def test_a_delete_sends_no_body_and_accepts_an_empty_response(
    transport: Transport, clip_server: ClipServer, clips: Clips
) -> None:
    response = send(transport, clip_server, clips("api.clips.delete_clip"), NOTHING, clip_id="a/b")
    received = the_request(clip_server)
    assert (received.method, received.target, received.body) == ("DELETE", "/mesh/v1/clips/a%2Fb", b"")
    assert response.status_code == 204


def test_a_form_is_sent_as_a_form(transport: Transport, clip_server: ClipServer, clips: Clips) -> None:
    form = clips("models").SendFormBody(title="a b")
    send(transport, clip_server, clips("api.clips.send_form"), A_CLIP, body=form)
    received = the_request(clip_server)
    assert received.headers["content-type"] == "application/x-www-form-urlencoded"
    assert received.body == b"title=a+b"


def test_files_are_sent_as_multipart(transport: Transport, clip_server: ClipServer, clips: Clips) -> None:
    file = clips("types").File(payload=io.BytesIO(b"\x00frame"), file_name="f.jpg", mime_type="image/jpeg")
    send(transport, clip_server, clips("api.clips.send_files"), A_CLIP, body=clips("models").SendFilesBody(file=file))
    received = the_request(clip_server)
    assert received.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'filename="f.jpg"' in received.body
    assert b"\x00frame" in received.body


def test_bytes_are_sent_as_they_are(transport: Transport, clip_server: ClipServer, clips: Clips) -> None:
    file = clips("types").File(payload=io.BytesIO(b"\x00frame"))
    send(transport, clip_server, clips("api.clips.send_bytes"), A_CLIP, body=file)
    received = the_request(clip_server)
    assert (received.method, received.body) == ("PUT", b"\x00frame")
    assert received.headers["content-type"] == "application/octet-stream"


def test_a_response_that_breaks_the_contract_raises_before_the_generated_parser_runs(
    transport: Transport, clip_server: ClipServer, clips: Clips
) -> None:
    clip_server.body = b'{"no": "id"}'
    with pytest.raises(InvalidResponse, match=r"a clip has an id \(at \$\.id\)"):
        send(transport, clip_server, clips("api.clips.create_clip"), A_CLIP, body=clips("models").Clip(id="c"))


def test_an_error_response_raises_a_typed_error(transport: Transport, clip_server: ClipServer, clips: Clips) -> None:
    clip_server.status = 503
    with pytest.raises(ServerError, match="HTTP 503"):
        send(transport, clip_server, clips("api.clips.find_clips"), A_CLIP)


def test_an_option_that_no_session_supports_is_a_clear_error_at_the_first_call(
    transport: Transport, clip_server: ClipServer
) -> None:
    class Future(ModuleType):
        """A function of another generator release, which also passes `follow_redirects`."""

        @staticmethod
        def sync_detailed(client: Any) -> NoReturn:  # noqa: ANN401
            client.get_httpx_client().request(method="get", url="/v1/clips", follow_redirects=True)
            pytest.fail("the session ignored the option")

        @staticmethod
        async def asyncio_detailed(client: Any) -> NoReturn:  # noqa: ANN401
            await client.get_async_httpx_client().request(method="get", url="/v1/clips", follow_redirects=True)
            pytest.fail("the session ignored the option")

    with pytest.raises(TypeError, match="passes follow_redirects=, which requests to the API do not support"):
        send(transport, clip_server, Future("future"), A_CLIP)
    assert clip_server.received == []


def test_generated_functions_use_nothing_else_of_a_client(fresh_code: Path, grown_folder: Path) -> None:
    options = RequestOptions.__optional_keys__ | {"method", "url"}
    uses_of_client = set[str]()
    for folder in (fresh_code, grown_folder):
        for module in (folder / CLIENT / "api").rglob("*.py"):
            tree = ast.parse(module.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                match node:
                    case ast.Attribute(value=ast.Name(id="client"), attr=attribute):
                        uses_of_client.add(attribute)
                    case ast.Attribute(value=ast.Call(func=ast.Attribute(attr=getter)), attr=method) if getter in {
                        "get_httpx_client",
                        "get_async_httpx_client",
                    }:
                        assert method == "request", module
                    case ast.Subscript(value=ast.Name(id="_kwargs"), slice=ast.Constant(value=option)):
                        assert option in options, module
                    case _:
                        pass
    assert uses_of_client == {"get_httpx_client", "get_async_httpx_client", "raise_on_unexpected_status"}
