"""The page about observability names each span, attribute, metric and log field of the code, and no other."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Final

import pytest

import meshapi_video
from meshapi_video._logging import FIELDS
from meshapi_video._transport.operations import CREATE, GET, LIST
from support.cli import Output

PAGE: Final = (Path(__file__).parents[2] / "docs" / "observability.md").read_text(encoding="utf-8")
TELEMETRY: Final = Path(meshapi_video.__file__).parent / "_telemetry"
CODE: Final = "".join((TELEMETRY / f"{name}.py").read_text(encoding="utf-8") for name in ("tracing", "metrics"))
LEFT_OUT: Final = {"url.full"}
"""The page says why no span has it."""
CALLS: Final = {"create", "wait", "download", "generate", "wait_many"}


def names(text: str, prefix: str) -> set[str]:
    return set(re.findall(rf'[`"]({prefix}[a-z_.]+)[`"]', text))


def test_the_page_has_each_attribute_and_each_metric() -> None:
    own = names(PAGE, r"meshapi\.video\.") - {f"meshapi.video.{call}" for call in CALLS}
    assert own == names(CODE, r"meshapi\.video\.")
    for prefix in (r"http\.", r"server\.", r"url\.", r"error\."):
        assert names(PAGE, prefix) - LEFT_OUT == names(CODE, prefix)


def test_the_page_has_each_span() -> None:
    assert {f"`meshapi.video.{call}`" in PAGE for call in CALLS} == {True}
    for operation in (GET, CREATE, LIST):
        assert f"| `{' '.join(operation.route)}` |" in PAGE


def test_the_page_has_each_field_of_a_log_record() -> None:
    _, _, section = PAGE.partition("## Log records")
    assert tuple(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == FIELDS


def test_the_formatter_of_the_page_takes_the_records_of_other_loggers_too(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    (code,) = re.findall(r"^```python\n(import logging\n.*?defaults=.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    monkeypatch.setattr(logging.root, "handlers", [])
    exec(code, {})  # noqa: S102 - it is of our own page
    logging.getLogger("another").warning("ready")
    logging.getLogger("meshapi_video").warning("done", extra={"task_id": "task-1", "status": "completed"})
    assert capsys.readouterr().err == "None None ready\ntask-1 completed done\n"
