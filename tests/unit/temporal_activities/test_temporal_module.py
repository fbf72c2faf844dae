"""The module for Temporal and its arguments."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import meshapi_video.temporal
from meshapi_video import AsyncVideoClient
from meshapi_video.temporal import VideoActivities
from support.clients import KEY


def test_the_time_after_which_a_list_has_settled_is_a_number_of_seconds() -> None:
    client = AsyncVideoClient(KEY, base_url="http://127.0.0.1:1")
    with pytest.raises(ValueError, match="settled_after"):
        VideoActivities(client, settled_after=-1)


def test_without_the_extra_the_import_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("temporalio")]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'meshapi-video\[temporal\]'"):
        importlib.reload(meshapi_video.temporal)


def test_a_workflow_imports_the_module_without_an_http_client() -> None:
    code = (
        "import sys, meshapi_video; assert 'temporalio' not in sys.modules; import meshapi_video.temporal; "
        "assert not {'httpx', 'httpcore', 'msgspec'} & {*sys.modules}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
