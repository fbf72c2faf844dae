"""The page about a company's proxy: its code and its variables, behind a proxy that inspects TLS."""

from __future__ import annotations

import re
import runpy
import ssl
from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest
import trustme

from docs.test_docs_code import BEHIND_A_PROXY, CodeBlock
from meshapi_video import CertificateError, VideoClient
from meshapi_video._cli.commands import run
from meshapi_video_sandbox import Sandbox, Settings
from meshapi_video_sandbox._run import _running
from support.cli import Output
from support.proxy import Proxy, proxying

PAGE: Final = Path(__file__).parents[2] / "docs" / "company-network.md"
TEXT: Final = PAGE.read_text(encoding="utf-8")
ADDRESS: Final = "http://user:password@proxy.example:3128"


@pytest.fixture(scope="module")
def sandbox() -> Generator[Sandbox]:
    with _running(Settings(port=0, allowed_hosts=["api.meshapi.ai"])) as started:
        yield started


@pytest.fixture
def proxy(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Proxy]:
    """The company's proxy, in whose network the sandbox is the real API. Its authority is in `company.pem`."""
    authority, inspects = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # trustme does not state the type of a context of the standard library.
    authority.issue_cert("api.meshapi.ai").configure_cert(inspects)  # pyright: ignore[reportUnknownMemberType]
    authority.cert_pem.write_to_path(str(tmp_path / "company.pem"))
    client = authority.issue_cert("client.example")
    client.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MESHAPI_API_KEY", sandbox.api_key)
    monkeypatch.delenv("MESHAPI_BASE_URL", raising=False)
    with proxying() as started:
        started.hosts = {"api.meshapi.ai": int(sandbox.base_url.rpartition(":")[2])}
        started.inspects = inspects
        yield started


@pytest.mark.parametrize("block", BEHIND_A_PROXY, ids=lambda block: f"line {block.line}")
def test_a_block_of_the_page_runs_behind_a_proxy_that_inspects_tls(
    block: CodeBlock, proxy: Proxy, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    task = sandbox.create_task(queued_for=0, running_for=0)
    catches = "except CertificateError" in block.code
    assert catches or ADDRESS in block.code
    if catches:
        monkeypatch.setenv("HTTPS_PROXY", proxy.with_password)
    file = Path(block.name)
    code = block.code.replace(ADDRESS, proxy.with_password).replace('"task-id"', f'"{task}"')
    file.write_text(code, encoding="utf-8")
    runpy.run_path(str(file), run_name="__main__")
    printed = capsys.readouterr().out
    assert proxy.tunnels == ["api.meshapi.ai:443"]
    if catches:
        (shown,) = re.findall(r"```text\n(task .*?)```", TEXT, re.DOTALL)
        line = r"_ssl\.c:\d+"
        same = re.sub(
            line, "_ssl.c:1006", printed.replace(task, "task-id").replace(proxy.address, "http://proxy.example:3128")
        ).split()
        assert same == re.sub(line, "_ssl.c:1006", shown).split()
    else:
        assert printed.startswith("http://127.0.0.1:")


def test_the_two_variables_of_the_page_are_enough_for_a_program_and_for_the_command(
    proxy: Proxy, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    variables = re.findall(r"^export (HTTPS_PROXY|SSL_CERT_FILE)='(.*)'$", TEXT, re.MULTILINE)
    assert [name for name, _ in variables] == ["HTTPS_PROXY", "SSL_CERT_FILE"]
    for name, value in variables:
        monkeypatch.setenv(name, value.replace(ADDRESS, proxy.with_password).replace("/etc/company/", ""))
    task = sandbox.create_task(queued_for=0, running_for=0)
    with VideoClient() as client:
        assert client.wait(task).id == task
    assert run(["wait", task]) == 0
    assert capsys.readouterr().out.strip()
    assert len(proxy.tunnels) == 2
    monkeypatch.delenv("SSL_CERT_FILE")
    with VideoClient() as client, pytest.raises(CertificateError):
        client.wait(task)


def test_the_variables_for_a_gateway_over_plain_http_allow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = dict(re.findall(r"^export (MESHAPI_\w+)='(.*)'$", TEXT, re.MULTILINE))
    assert set(variables) == {"MESHAPI_BASE_URL", "MESHAPI_PRIVATE_HOSTS"}
    monkeypatch.setenv("MESHAPI_BASE_URL", variables["MESHAPI_BASE_URL"])
    with pytest.raises(ValueError, match="could read the API key") as caught:
        VideoClient("rsk_0123456789")
    assert str(caught.value).endswith(f"MESHAPI_PRIVATE_HOSTS={variables['MESHAPI_PRIVATE_HOSTS']}")
    monkeypatch.setenv("MESHAPI_PRIVATE_HOSTS", variables["MESHAPI_PRIVATE_HOSTS"])
    VideoClient("rsk_0123456789")
