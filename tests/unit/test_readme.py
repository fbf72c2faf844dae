"""What the README promises about itself."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_ci_runs_exactly_the_readmes_command_for_the_checks() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    demo, checks = re.findall(r"^```sh\n(python3 -m venv .*)\n```$", readme, re.MULTILINE)
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert script[-1] == checks
    assert demo == f"{checks} -s demo"
