"""A checkout and a documentation server for the tests of vendoring."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from codegen.errors import CodegenError
from codegen.vendor import vendor

DAY = datetime.date(2026, 1, 2)
PLAIN = """\
openapi: 3.1.0
info: {title: "é", version: '1'}
paths:
  /a:
    get:
      responses: {}
"""
PAGE = f"""\
# A page

Reference: https://docs.example/page

```yaml
{PLAIN}
```

```yaml
not: the document
```
"""


@dataclass
class Checkout:
    """A folder with a document, a lock and sources."""

    folder: Path
    document: Path = field(init=False)
    lock: Path = field(init=False)

    def __post_init__(self) -> None:
        self.document = self.folder / "openapi.yaml"
        self.lock = self.folder / "openapi.lock.yml"
        self.document.write_bytes(b"the old document")
        self.lock.write_bytes(b"the old lock")

    def source(self, name: str, content: str | bytes) -> str:
        """Writes a source into the folder and returns its path."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def vendor(self, *sources: str | Path) -> bytes:
        """Vendors the sources and returns the document."""
        vendor([str(source) for source in sources], DAY, self.document, self.lock)
        return self.document.read_bytes()

    def vendor_error(self, *sources: str | Path) -> str:
        """Vendors sources that are an error. Returns its message and checks that every file is unchanged."""
        before = self.files()
        with pytest.raises(CodegenError) as caught:
            self.vendor(*sources)
        assert self.files() == before
        return str(caught.value)

    def redirect_command(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Lets the command write into this checkout."""
        monkeypatch.setattr("codegen.vendor.vendor.__defaults__", (self.document, self.lock))
        monkeypatch.setattr("codegen.vendor.DOCUMENT", self.document)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}


@dataclass
class DocsServer:
    """A documentation server on this machine: the response for each path, and the requests that it received."""

    address: str
    responses: dict[str, tuple[int, bytes]] = field(default_factory=dict[str, tuple[int, bytes]])
    redirects: dict[str, str] = field(default_factory=dict[str, str])
    requests: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


@contextmanager
def running_docs_server() -> Generator[DocsServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            docs_server.requests.append((self.path, self.headers["Accept"]))
            status, body = docs_server.responses.get(self.path, (404, b"# Not here"))
            if target := docs_server.redirects.get(self.path):
                self.send_response(302)
                self.send_header("Location", target)
            else:
                self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            # A client may close the connection before the end of a large body.
            with suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """Prints no log: tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        docs_server = DocsServer(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield docs_server
        finally:
            server.shutdown()
            thread.join()
