"""The report names the checks that the generated code leaves out."""

from __future__ import annotations

import copy
from pathlib import Path

from codegen.diff.report import compare_generated
from codegen.document import GENERATED, Json
from contract.generating import generate_from


def test_the_report_names_what_the_generated_code_does_not_check(published: dict[str, Json], tmp_path: Path) -> None:
    document = copy.deepcopy(published)
    properties = document["components"]["schemas"]["VideoTaskResponse"]["properties"]
    properties["locale"] = {"type": "string", "pattern": r"^\p{L}+$"}
    lines = compare_generated(GENERATED, generate_from(document, tmp_path)).markdown().splitlines()
    heading = lines.index("## What the generated code leaves out")
    place = "#/components/schemas/VideoTaskResponse/properties/locale/pattern"
    meaning = "Python cannot read this pattern as JavaScript does: not checked."
    assert lines[heading + 4] == f"| `{place}` | {meaning} |"
