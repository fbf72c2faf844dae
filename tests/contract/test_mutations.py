"""No change of the document goes unnoticed, and none leaves half-made code behind.

Every mutation is generated from, compared and type-checked once, in the fixture `outcomes`; each
test then reads its own outcome. The reports lie in `contract-reports/`.
"""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from codegen.document import ROOT
from codegen.errors import CodegenError
from codegen.levels import Level
from codegen.merge import dump
from codegen.python_api import ApiChange
from codegen.regenerate import CLIENT, WIRE, regenerate
from codegen.report import Report, read_overlaid
from codegen.trees import difference
from contract.instances import one_instance
from contract.mutations import MUTATIONS, Doc, Mutation, P, R

GUIDE = ROOT / "docs" / "regenerating.md"
REPORTS = ROOT / "contract-reports"


@dataclass
class Outcome:
    """What became of one mutation."""

    folder: Path
    report: Report | None = None
    error: str = ""
    trial: str = ""
    """What importing and decoding said; empty if all went well."""
    diagnostics: list[str] = field(default_factory=list[str])


@pytest.fixture(scope="session")
def outcomes(grown: Doc, base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    root = tmp_path_factory.mktemp("mutations")
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir()
    with ProcessPoolExecutor(2) as pool:
        made = list(pool.map(functools.partial(run, root, base, grown), range(len(MUTATIONS))))
    for outcome, diagnostics in zip(made, type_checked(root, made), strict=True):
        outcome.diagnostics = diagnostics
    return {mutation.name: outcome for mutation, outcome in zip(MUTATIONS, made, strict=True)}


def run(root: Path, base: Path, grown: Doc, number: int) -> Outcome:
    """Makes one mutation, regenerates from it what the base generates, and tries the result."""
    mutation = MUTATIONS[number]
    outcome = Outcome(root / f"m{number}")
    generated, document = outcome.folder / "generated", outcome.folder / "openapi.yaml"
    shutil.copytree(base, generated)
    document.write_text(dump(mutation.apply(grown)), encoding="utf-8")
    try:
        outcome.report = regenerate(generated, document)
    except CodegenError as error:
        outcome.error = str(error)
    else:
        outcome.trial = tried(generated, mutation)
    said = outcome.report.markdown() if outcome.report else f"regenerate: {outcome.error}\n"
    REPORTS.joinpath(f"{slug(mutation.name)}.md").write_text(f"<!-- {mutation.name} -->\n\n{said}", encoding="utf-8")
    return outcome


def slug(name: str) -> str:
    return re.sub(r"\W+", "-", name).strip("-")


TRIAL = r"""
import importlib, json, pkgutil, re, sys
import msgspec
import {client}, {wire}
for module in pkgutil.walk_packages({client}.__path__, "{client}."):
    importlib.import_module(module.name)
from {client} import models
name, text, task, promised = sys.argv[1:]
# Each generator has its own way round a name that Python does not like.
plain = re.sub(r"\W", "", name).lower()
def called(module):
    (found,) = [
        value for key, value in vars(module).items()
        if isinstance(value, type) and re.sub(r"^field|[_1]*$", "", key.lower()) == plain
    ]
    return found
decoded = msgspec.json.decode(text, type=called({wire}))
parsed = called(models).from_dict(json.loads(text))
assert parsed.to_dict() == json.loads(text), parsed.to_dict()
if promised == "kept":
    import meshapi_video
    for name in meshapi_video.__all__:
        getattr(meshapi_video, name)
    assert meshapi_video.parse_task(task).to_dict() == json.loads(task)
"""


def tried(generated: Path, mutation: Mutation) -> str:
    """Imports every module and decodes an instance, in a process of its own; says what went wrong."""
    document = read_overlaid(generated)
    instances = [json.dumps(one_instance(document, name)) for name in (mutation.decodes, "VideoTaskResponse")]
    script = TRIAL.format(client=CLIENT, wire=WIRE)
    done = subprocess.run(
        [sys.executable, "-c", script, mutation.decodes, *instances, "broken" if mutation.breaks_sdk else "kept"],
        env={"PYTHONPATH": f"{generated}:{ROOT / 'overlays'}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode else ""


def type_checked(root: Path, outcomes: list[Outcome]) -> Iterator[list[str]]:
    """What one run of pyright says of the files that each mutation changed, with all that they import."""
    environments = [{"root": each.folder.name, "extraPaths": [f"{each.folder.name}/generated"]} for each in outcomes]
    changed = [
        f"{each.folder.name}/generated/{change.path}"
        for each in outcomes
        for change in (each.report.files if each.report else [])
        if change.kind != "removed" and change.path.endswith(".py")
    ]
    settings = {"include": changed, "executionEnvironments": environments, "typeCheckingMode": "standard"}
    root.joinpath("pyrightconfig.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    said = json.loads(done.stdout)
    assert said["summary"]["filesAnalyzed"] >= len(changed) > len(outcomes)
    for each in outcomes:
        yield [
            f"{found['file']}:{found['range']['start']['line'] + 1}: {found['message']}"
            for found in said["generalDiagnostics"]
            if found["severity"] == "error" and Path(found["file"]).is_relative_to(each.folder)
        ]


@pytest.fixture(params=MUTATIONS, ids=lambda mutation: mutation.name)
def mutation(request: pytest.FixtureRequest) -> Mutation:
    chosen: Mutation = request.param
    return chosen


@pytest.fixture
def outcome(mutation: Mutation, outcomes: dict[str, Outcome]) -> Outcome:
    return outcomes[mutation.name]


def test_each_change_has_its_class_and_its_place(mutation: Mutation, outcome: Outcome) -> None:
    if mutation.refused:
        assert re.search(mutation.refused, outcome.error)
        return
    assert outcome.report is not None, outcome.error
    said = outcome.report.markdown()
    changes = outcome.report.document
    assert max(change.level for change in changes) is mutation.level, said
    assert outcome.report.level is mutation.level, said
    assert any(change.pointer == mutation.pointer and change.level is mutation.level for change in changes), said


def test_what_is_generated_imports_type_checks_and_decodes(mutation: Mutation, outcome: Outcome, base: Path) -> None:
    if mutation.refused:
        assert difference(base, outcome.folder / "generated") == ""
    else:
        assert outcome.trial == ""
        assert outcome.diagnostics == []


def test_other_quoting_is_cosmetic_and_changes_no_code(grown: Doc, base: Path, tmp_path: Path) -> None:
    # JSON is YAML in which everything is quoted.
    document = tmp_path / "openapi.yaml"
    document.write_text(json.dumps(grown), encoding="utf-8")
    shutil.copytree(base, tmp_path / "generated")
    changes = regenerate(tmp_path / "generated", document)
    assert changes.level is Level.COSMETIC
    assert [change.pointer for change in changes.document] == ["#"]
    assert [change.path for change in changes.files] == ["openapi.json"]


def test_what_the_sdk_itself_imports_and_is_gone_is_said_to_break_it(outcomes: dict[str, Outcome]) -> None:
    gone = outcomes["a schema is renamed"].report
    assert gone is not None
    meaning = "The SDK imports it from generated code that no longer has it"
    assert ApiChange("meshapi_video.VideoTaskUsage", meaning) in gone.breaking_api


def test_the_reports_that_the_documentation_shows_are_what_is_reported(outcomes: dict[str, Outcome]) -> None:
    shown = re.findall(
        r"^### (.+?)\n.*?^```markdown\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert len(shown) == 5
    for name, quoted in shown:
        report = outcomes[name if name in outcomes else name[0].lower() + name[1:]].report
        assert report is not None
        # The version moves on, and with it what follows it.
        assert without_versions(quoted) == without_versions(report.markdown()), name


def without_versions(text: str) -> str:
    return re.sub(r"\b\d+\.\d+\.\d+\b", "…", text).strip()


def test_the_suite_has_every_class_of_change_to_what_is_read_and_to_what_is_passed() -> None:
    for place in (R, P):
        assert {each.level for each in MUTATIONS if each.pointer.startswith(place)} >= {Level.ADDITIVE, Level.BREAKING}
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 40
    assert {mutation.level for mutation in MUTATIONS if not mutation.refused} == set(Level)
