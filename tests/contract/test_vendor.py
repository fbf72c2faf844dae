"""Vendoring takes OpenAPI documents as they were published, merges them, or changes nothing."""

from __future__ import annotations

import datetime
import hashlib
import itertools
import json
import sys
import threading
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from codegen.document import DOCUMENT, Json, parse_mapping, read_mapping
from codegen.errors import CodegenError
from codegen.merge import dump
from codegen.vendor import main, vendor

PAGES = sorted(Path(__file__).with_name("pages").glob("*.md"))
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
class Place:
    """A folder with a document and a lock, as a checkout has them, and with sources beside them."""

    folder: Path
    document: Path = field(init=False)
    lock: Path = field(init=False)

    def __post_init__(self) -> None:
        self.document = self.folder / "openapi.yaml"
        self.lock = self.folder / "openapi.lock.yml"
        self.document.write_bytes(b"the old document")
        self.lock.write_bytes(b"the old lock")

    def source(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def vendor(self, *sources: str | Path) -> bytes:
        vendor([str(source) for source in sources], DAY, self.document, self.lock)
        return self.document.read_bytes()

    def refusal(self, *sources: str | Path) -> str:
        """The message of the error, after which every file is what it was."""
        before = self.files()
        with pytest.raises(CodegenError) as caught:
            self.vendor(*sources)
        assert self.files() == before
        return str(caught.value)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@dataclass
class Site:
    """A site on this machine: what it answers at each path, and what it was asked."""

    address: str
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict[str, tuple[int, bytes]])
    moved: dict[str, str] = field(default_factory=dict[str, str])
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


@pytest.fixture
def site() -> Generator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            running.asked.append((self.path, self.headers["Accept"]))
            status, body = running.answers.get(self.path, (404, b"# Not here"))
            if target := running.moved.get(self.path):
                self.send_response(302)
                self.send_header("Location", target)
            else:
                self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            # A client may have seen enough.
            with suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """Tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        running = Site(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()


def test_the_block_of_one_page_is_taken_to_the_byte(place: Place) -> None:
    assert place.vendor(place.source("page.md", PAGE)) == f"{PLAIN}\n".encode()


def test_line_ends_are_left_as_they_were_published(place: Place) -> None:
    page = PAGE.replace("\n", "\r\n")
    assert place.vendor(place.source("page.md", page)) == f"{PLAIN}\n".replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    "content", [PLAIN, f"# a comment\n{PLAIN}# and another", f"\ufeff{PLAIN}", PLAIN.replace("\n", "\r\n")]
)
def test_a_plain_yaml_file_is_taken_to_the_byte(content: str, place: Place) -> None:
    assert place.vendor(place.source("api.yaml", content)) == content.encode()


@pytest.mark.parametrize("published_in", ["api.json", "page.md"])
def test_json_becomes_yaml_that_says_the_same(published_in: str, place: Place) -> None:
    said = parse_mapping(PLAIN, "here")
    said["x-odd"] = ["🎬", "null", "1", 1, 1.5, True, None, {}, [], "a\n\tb\r\n", "# "]
    text = json.dumps(said, indent="\t")
    page = f"Reference: https://docs.example/page\n\n~~~json title='api'\n{text}\n~~~\n"

    written = place.vendor(place.source(published_in, text if published_in == "api.json" else page)).decode()

    assert parse_mapping(written, "there") == said
    assert written.startswith("openapi: 3.1.0\ninfo:\n  title: é\n")
    assert "  - 🎬\n  - 'null'\n  - '1'\n  - 1\n" in written


def test_blocks_inside_an_example_of_markdown_do_not_count(place: Place) -> None:
    example = f"````markdown\n```yaml\n{PLAIN}```\n````\n\n"
    assert place.vendor(place.source("page.md", example + PAGE)) == f"{PLAIN}\n".encode()


def test_a_block_that_mentions_openapi_further_in_is_not_the_document(place: Place) -> None:
    example = '```json\n{"tool": {"openapi": true}}\n```\n\n'
    assert place.vendor(place.source("page.md", example + PAGE)) == f"{PLAIN}\n".encode()


def test_the_lock_says_when_and_where_each_part_was_published_and_gives_checksums(place: Place) -> None:
    plain, page = place.source("api.yaml", PLAIN), place.source("page.md", PAGE)

    written = place.vendor(plain, page)

    assert place.lock.read_text().startswith("# Where openapi.yaml came from.")
    assert read_mapping(place.lock) == {
        "retrieved": DAY.isoformat(),
        "sha256": hashlib.sha256(written).hexdigest(),
        "sources": [
            {"address": plain, "sha256": hashlib.sha256(PLAIN.encode()).hexdigest()},
            {"address": "https://docs.example/page", "sha256": hashlib.sha256(f"{PLAIN}\n".encode()).hexdigest()},
        ],
    }


def test_pages_named_in_any_order_give_the_same_bytes(place: Place) -> None:
    results = {
        (place.vendor(*sources), place.lock.read_bytes()) for sources in itertools.permutations([DOCUMENT, *PAGES])
    }
    assert len(PAGES) == 2
    assert len(results) == 1


def test_a_merged_document_has_the_operations_and_components_of_every_page_sorted(
    place: Place, published: dict[str, Json]
) -> None:
    place.vendor(*PAGES, DOCUMENT)
    merged = read_mapping(place.document)

    assert list(merged) == ["openapi", "info", "paths", "servers", "components"]
    assert {path: list(item) for path, item in merged["paths"].items()} == {
        "/v1/video/generations": ["get", "post"],
        "/v1/video/generations/{task_id}": ["get"],
    }
    schemas = merged["components"]["schemas"]
    assert list(schemas) == sorted(schemas)
    assert {"VideoGenerationRequest", "VideoTaskList"} < set(schemas)
    assert {name: schemas[name] for name in published["components"]["schemas"]} == published["components"]["schemas"]
    assert merged["components"]["securitySchemes"] == published["components"]["securitySchemes"]


def test_a_merged_document_is_written_as_the_publisher_writes(place: Place) -> None:
    merged = place.vendor(*PAGES, DOCUMENT).decode()
    task = (
        DOCUMENT.read_text(encoding="utf-8")
        .split("    VideoTaskResponse:\n")[1]
        .split("    ValidationErrorLocItems")[0]
    )
    operation = DOCUMENT.read_text(encoding="utf-8").split("paths:\n")[1].split("servers:")[0]
    assert task in merged
    assert operation in merged


def test_the_pages_of_the_fixtures_say_that_they_are_not_vendored() -> None:
    for page in PAGES:
        assert page.read_text(encoding="utf-8").startswith("<!-- A fixture of this project's tests, not vendored:")


def test_a_source_named_twice_counts_once(place: Place) -> None:
    page = place.source("page.md", PAGE)
    assert place.vendor(page, page, place.source("copy.md", PAGE)) == f"{PLAIN}\n".encode()
    assert len(read_mapping(place.lock)["sources"]) == 1


def test_sources_that_differ_in_the_order_of_keys_alone_agree(place: Place) -> None:
    schemas = "components: {{schemas: {{S: {{{}}}}}}}\n"
    one = place.source("one.yaml", PLAIN + schemas.format("type: string, title: S"))
    two = place.source("two.yaml", PLAIN + schemas.format("title: S, type: string"))

    assert place.vendor(one, two) == place.vendor(two, one)
    assert list(read_mapping(place.document)["components"]["schemas"]["S"]) == ["type", "title"]


def test_a_status_that_is_written_as_a_number_is_the_same_as_its_string(place: Place) -> None:
    number = place.source("one.yaml", PLAIN.replace("{}", "{200: {description: y}}"))
    string = place.source("two.yaml", PLAIN.replace("{}", "{'200': {description: y}}"))
    assert b"        '200':\n" in place.vendor(number, string)


def test_anchors_of_yaml_are_written_out_in_a_merged_document(place: Place) -> None:
    shared = place.source("one.yaml", f"{PLAIN}x-one: &a {{b: [c]}}\nx-two: *a\n")
    other = place.source("two.yaml", f"{PLAIN}x-one: {{b: [c]}}\nx-two: {{b: [c]}}\n")
    assert place.vendor(shared, other).endswith(b"x-one:\n  b:\n    - c\nx-two:\n  b:\n    - c\n")


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("openapi: 3.1.0", "openapi: 3.1.1", "#/openapi"),
        ("version: '1'", "version: '2'", "#/info"),
        ("paths:", "servers: [{url: 'https://other.example'}]\npaths:", "#/servers"),
        ("paths:", "security: [{bearer: []}]\npaths:", "#/security"),
        ("responses: {}", "responses: {'200': {description: other}}", "#/paths/~1a/get"),
        ("    get:", "    parameters: [{name: other, in: query}]\n    get:", "#/paths/~1a/parameters"),
    ],
)
def test_sources_that_disagree_are_an_error_that_shows_both(one: str, other: str, said: str, place: Place) -> None:
    sources = place.source("one.yaml", PLAIN), place.source("two.yaml", PLAIN.replace(one, other))
    refusal = place.refusal(*sources)
    assert f"{said} is defined differently in two sources" in refusal
    assert all(f"In {source}:\n\n    " in refusal for source in sources)
    assert "leave one of the two out" in refusal
    assert place.refusal(*reversed(sources)) == refusal


def test_a_component_that_two_pages_define_differently_is_shown_in_both_forms(place: Place) -> None:
    listing = PAGES[1].read_text(encoding="utf-8")
    assert "completion_tokens:\n          type: integer" in listing
    older = place.source(
        "older.md",
        listing.replace("completion_tokens:\n          type: integer", "completion_tokens:\n          type: string"),
    )
    refusal = place.refusal(DOCUMENT, older)
    assert "#/components/schemas/VideoTaskUsage is defined differently in two sources" in refusal
    assert (
        f"In {DOCUMENT}:\n\n    type: object\n    properties:\n      completion_tokens:\n        type: integer\n"
        in refusal
    )
    assert (
        f"In {older}:\n\n    type: object\n    properties:\n      completion_tokens:\n        type: string\n" in refusal
    )


def test_true_and_one_and_one_point_zero_are_three_different_definitions(place: Place) -> None:
    schemas = "components: {{schemas: {{S: {{default: {}}}}}}}\n"
    sources = [place.source(f"{value}.yaml", PLAIN + schemas.format(value)) for value in ("true", "1", "1.0")]
    for pair in itertools.combinations(sources, 2):
        assert "#/components/schemas/S is defined differently" in place.refusal(*pair)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("# A page\n", "page.md holds no OpenAPI block"),
        ("", "page.md holds no OpenAPI block"),
        ("<!-- a -->\n" * 100 + "\n" * 100_000, "page.md holds no OpenAPI block"),
        (PAGE.replace("```yaml", "```python"), "page.md holds no OpenAPI block"),
        (PAGE + PAGE, "page.md holds 2 OpenAPI blocks, in lines 5 and 22. Leave one of them in"),
        (PAGE.replace("Reference", "See"), "page.md does not say where it was published"),
        (PAGE.replace("info: {", "info: {{"), "page.md is not YAML"),
        (PAGE.replace("info: {", "info: {{"), "page.md, line 7, column 7"),
        (PAGE.replace("paths:", "info: {}\npaths:"), 'found duplicate key "info"'),
        (PAGE.partition("```\n")[0], "page.md: the block that begins in line 5 has no end. Get the whole page again"),
        (PAGE.replace("3.1.0", "'2.0'"), "page.md (the block in line 5) states the OpenAPI version '2.0'"),
        (PAGE.replace("```yaml\nopenapi", "```json\nopenapi"), "page.md is not JSON"),
        ("<!DOCTYPE html>\n<p>Sign in</p>", "page.md is HTML. Name the page's Markdown"),
        ("\n<!-- made by hand -->\n<HTML lang='en'>", "page.md is HTML"),
        (PAGE.encode("latin-1"), "page.md is not UTF-8 text: see line 7. Save it in that encoding"),
    ],
)
def test_a_page_without_one_good_document_is_an_error_that_changes_nothing(
    page: str | bytes, said: str, place: Place
) -> None:
    good = place.source("good.yaml", PLAIN)
    assert said in place.refusal(good, place.source("page.md", page))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("api.yaml", "- a", "api.yaml should hold a mapping at its top, not list"),
        ("api.yaml", "", "api.yaml should hold a mapping at its top, not NoneType"),
        ("api.yaml", "a: [", "api.yaml is not YAML"),
        ("api.yaml", "a: 1\n---\nb: 2", "expected a single document"),
        ("api.yaml", "title: an overlay", "api.yaml is not OpenAPI: there is no `openapi` at its top"),
        ("api.yaml", "swagger: '2.0'", "api.yaml is not OpenAPI: there is no `openapi` at its top"),
        ("api.yaml", PLAIN.replace("3.1.0", "4.0.0"), "states the OpenAPI version '4.0.0', and this reads 3.x"),
        ("api.yaml", PLAIN.replace("3.1.0", "3.1"), "states the OpenAPI version 3.1, and this reads 3.x"),
        ("api.yaml", "openapi: 3.1.0\ninfo: {}\n", "api.yaml is not the OpenAPI of any operation: it has no `paths`"),
        ("api.yaml", "openapi: 3.1.0\npaths: [a]", "#/paths should be a mapping, not list"),
        ("api.yaml", "openapi: 3.1.0\npaths: {/a: }", "/a in #/paths should be a mapping, not NoneType"),
        ("api.yaml", f"{PLAIN}components: {{schemas: 1}}", "schemas in #/components should be a mapping, not int"),
        ("api.yaml", f"{PLAIN}true: 1", "the key True is no string"),
        ("api.yaml", f"{PLAIN}x-day: 2026-13-45", "month must be in 1..12"),
        (
            "api.yaml",
            f"{PLAIN}x-self: &a {{b: *a}}",
            "is not YAML that can be used: it is nested too deep, or within itself",
        ),
        ("api.yaml", '{"openapi": "3.1.0", "paths": {}, "x": "\\ud83d\\ude00"}', "surrogates not allowed"),
        ("api.json", "[]", "api.json should hold an object at its top, not list"),
        ("api.json", PLAIN, "api.json is not JSON that can be used: Expecting value: line 1"),
        ("api.json", '{"openapi": "3.1.0",\n"paths": {}, "paths": {}}', "an object has the key 'paths' twice"),
        ("api.json", "[" * 100_000, "is not JSON that can be used: it is nested too deep"),
        ("api.yaml", "<html>", "api.yaml is HTML"),
        ("api.yaml", b"\xff\xfe", "api.yaml is not UTF-8 text: see line 1"),
    ],
)
def test_a_plain_file_that_is_no_good_document_is_an_error_that_changes_nothing(
    name: str, content: str | bytes, said: str, place: Place
) -> None:
    assert said in place.refusal(place.source(name, content))


def test_nesting_of_any_depth_is_written_or_refused(place: Place) -> None:
    # How deep each step of reading and writing can go depends on the Python that runs it.
    for depth in range(50, 1050, 50):
        deep = place.source("api.json", f'{{"openapi": "3.1.0", "paths": {{}}, "x": {"[" * depth}{"]" * depth}}}')
        with suppress(CodegenError):
            assert place.vendor(deep).endswith(b"- []\n")


def test_a_file_that_is_missing_or_unreadable_is_an_error_that_names_it(place: Place) -> None:
    assert "missing.md cannot be read: No such file or directory" in place.refusal(place.folder / "missing.md")
    assert f"{place.folder} cannot be read: Is a directory" in place.refusal(place.folder)
    assert "ftp://docs.example/a.md cannot be read" in place.refusal("ftp://docs.example/a.md")


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("/docs/page", "/docs/page.md"),
        ("/docs/page/", "/docs/page.md"),
        ("/docs/page#example", "/docs/page.md"),
        ("/docs/page-v1.2?lang=en", "/docs/page-v1.2.md?lang=en"),
        ("/docs/page.md", "/docs/page.md"),
    ],
)
def test_a_page_at_an_address_is_read_from_its_markdown(address: str, asked: str, place: Place, site: Site) -> None:
    site.answers[asked] = 200, PAGE.encode()
    assert place.vendor(site.address + address) == f"{PLAIN}\n".encode()
    assert site.asked == [(asked, "text/markdown, application/yaml, application/json, text/plain")]
    assert read_mapping(place.lock)["sources"][0]["address"] == site.address + address


@pytest.mark.parametrize("address", ["/api.yaml", "/api.YML", "/api.yaml?version=3"])
def test_a_plain_document_at_an_address_is_read_from_there(address: str, place: Place, site: Site) -> None:
    site.answers[address] = 200, PLAIN.encode()
    assert place.vendor(site.address + address) == PLAIN.encode()


def test_json_at_an_address_becomes_yaml(place: Place, site: Site) -> None:
    site.answers["/api.json"] = 200, json.dumps(parse_mapping(PLAIN, "here")).encode()
    assert place.vendor(f"{site.address}/api.json").startswith(b"openapi: 3.1.0\ninfo:\n")


def test_a_page_that_moved_is_followed(place: Place, site: Site) -> None:
    site.moved["/old.md"] = "/new.md"
    site.answers["/new.md"] = 200, PAGE.encode()
    assert place.vendor(f"{site.address}/old") == f"{PLAIN}\n".encode()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b"", "/page.md answered with status 404, not 200. Check the address"),
        (503, PAGE.encode(), "/page.md answered with status 503, not 200"),
        (200, b"<!doctype html><title>Sign in</title>", "/page is HTML. Name the page's Markdown"),
        (200, b"# Moved", "/page holds no OpenAPI block"),
        (200, PAGE.replace("info: {", "info: {{").encode(), "/page, line 7, column 7"),
        (200, b" " * 20_000_001, "/page.md is larger than 20,000,000 bytes"),
    ],
)
def test_an_answer_that_is_no_page_is_an_error_that_changes_nothing(
    status: int, body: bytes, said: str, place: Place, site: Site
) -> None:
    site.answers["/page.md"] = status, body
    assert f"{site.address}{said}" in place.refusal(f"{site.address}/page")


def test_redirects_without_end_are_an_error(place: Place, site: Site) -> None:
    site.moved["/page.md"] = "/page.md"
    assert "cannot be reached (TooManyRedirects" in place.refusal(f"{site.address}/page")


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1/page", "http://", "http://[::1", f"http://{'a' * 70}.example/page", "http://a\x00/"]
)
def test_an_address_that_cannot_be_reached_is_an_error_that_names_it(address: str, place: Place) -> None:
    refusal = place.refusal(address)
    assert f"{address} cannot be reached (" in refusal
    assert "save the page and name the file" in refusal


def test_a_lock_that_cannot_be_written_leaves_the_document_as_it_was(place: Place) -> None:
    place.lock.unlink()
    place.lock.mkdir()
    assert "openapi.lock.yml cannot be written" in place.refusal(place.source("page.md", PAGE))
    place.document.unlink()
    place.refusal(place.folder / "page.md")
    assert not place.document.exists()


def test_a_first_vendoring_needs_no_file_to_be_there(place: Place) -> None:
    place.document.unlink()
    place.lock.unlink()
    place.vendor(place.source("page.md", PAGE))
    assert sorted(place.files()) == ["openapi.lock.yml", "openapi.yaml", "page.md"]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    """The exit code, or the message that Python prints before it leaves with 1."""
    monkeypatch.setattr(sys, "argv", ["vendor", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code


def test_asking_for_help_or_naming_nothing_prints_what_a_source_can_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--help") == 0
    helped = capsys.readouterr().out
    assert "nox -s vendor -- SOURCE" in helped
    assert "page.md " in helped
    assert run(monkeypatch) == 2
    assert capsys.readouterr().err == helped


def test_the_command_says_what_it_vendored_or_that_nothing_changed(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("codegen.vendor.vendor.__defaults__", (place.document, place.lock))
    said = str(run(monkeypatch, str(place.folder / "missing.md")))
    assert said.startswith("vendor: ")
    assert said.endswith("openapi.yaml and openapi.lock.yml are as they were.")

    monkeypatch.setattr(sys, "argv", ["vendor", place.source("page.md", PAGE)])
    main()
    assert capsys.readouterr().out == "vendored https://docs.example/page\n"
    assert place.document.read_bytes() == f"{PLAIN}\n".encode()


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " a",
            "a ",
            "a\n",
            "a\n\n",
            "\n",
            "  a\nb",
            "a \nb",
            "a\r\nb",
            "\x85",
            "a\u2028b\nc",
            "\ufeff",
            "\x07",
            "...",
        ),
        *("yes", "null", "~", "012", "0o7", "1e3", "1_0", "2026-01-02", "<<", "=", "- a", "a: b", "a #b", "x " * 200),
    ],
)
def test_every_string_is_written_so_that_it_reads_the_same(text: str) -> None:
    value = {text: text, "list": [text, {text: [text]}], "last": text}
    assert parse_mapping(dump(value), "here") == value
