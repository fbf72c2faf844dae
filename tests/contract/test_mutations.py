"""The report names every change of a document, and the code of every change is complete or not written.

The fixture `outcomes` generates code from every mutation, once. The regeneration itself tries the code out.
The judge decides the severity of each mutation by running programs of callers against the old and the new code.
Each test then reads the outcome of its mutation. The reports are in `contract-reports/`.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import re
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import griffe
import pytest

import codegen.regenerate
from codegen import verification
from codegen.diff import python_api
from codegen.diff.report import Report
from codegen.diff.severity import ApiChange, Severity
from codegen.document import OVERLAY, ROOT
from codegen.errors import CodegenError
from codegen.file_diff import unified_diff
from codegen.parsing import read_mapping
from codegen.regenerate import regenerate
from codegen.verification.trials import Proof
from contract import verification_server
from contract.generating import generate_from
from contract.judge import judge
from contract.mutations import MUTATIONS, Doc, Mutation, P, R, with_kinds

GUIDE = ROOT / "docs" / "regenerating.md"
# The fixture runs all rows, two at a time, and the first test waits for it, also on a machine that is busy.
pytestmark = pytest.mark.timeout(900)

REPORTS = ROOT / "contract-reports"
# The guide quotes the report of this cosmetic mutation.
QUOTED = "the order in oneOf … null changes"


@dataclass
class Outcome:
    """The result of one mutation."""

    folder: Path
    report: Report | None = None
    error: str = ""
    judged: Severity | None = None
    """The severity by the programs of callers; None if no program sees the change."""
    reason: str = ""


@pytest.fixture(scope="session")
def kinds_document(grown_document: Doc) -> Doc:
    """The grown document, with a property of each kind for each direction."""
    return with_kinds(grown_document)


@pytest.fixture(scope="session")
def kinds_code(kinds_document: Doc, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate_from(kinds_document, tmp_path_factory.mktemp("kinds"), supplement=False)


@pytest.fixture(scope="session")
def outcomes(kinds_document: Doc, kinds_code: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    root = tmp_path_factory.mktemp("mutations")
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir()
    runs = made_together()
    # What exists now stays. To look for garbage in it again and again would take a fourth of all time.
    with ProcessPoolExecutor(2, initializer=gc.freeze) as pool:
        made = list(pool.map(functools.partial(run, root, kinds_code, kinds_document), range(len(runs))))
    return {mutation.name: outcome for each, outcome in zip(runs, made, strict=True) for mutation in each}


def made_together() -> list[list[Mutation]]:
    """The mutations of each run: one, or a fourth of the cosmetic ones, which are cosmetic together only if each is."""
    alone, cosmetic = list[list[Mutation]](), list[Mutation]()
    for each in MUTATIONS:
        # The report names the place `#` only if no other place changes.
        if each.severity is not Severity.COSMETIC or each.refused or each.pointer == "#" or each.name == QUOTED:
            alone.append([each])
        else:
            cosmetic.append(each)
    # Neighbours in the table may change the same part, so they are in different runs.
    return [*alone, *(cosmetic[start::4] for start in range(4))]


def run(root: Path, grown_code: Path, grown_document: Doc, number: int) -> Outcome:
    """Makes the mutations of one run, regenerates the grown code from them, and judges the result."""
    mutations = made_together()[number]
    outcome = Outcome(root / f"m{number}")
    generated, document, overlay = (outcome.folder / name for name in ("generated", "openapi.json", "overlay.json"))
    shutil.copytree(grown_code, generated)
    changed = functools.reduce(lambda each, mutation: mutation.apply(each), mutations, grown_document)
    # Python reads JSON a hundred times as fast as YAML.
    document.write_text(json.dumps(changed), encoding="utf-8")
    overlay.write_text(overlay_as_json(), encoding="utf-8")
    load = python_api._load

    def load_with_cache(folder: Path) -> griffe.ModulesCollection:
        return loaded(grown_code) if folder == generated else load(folder)

    # The judge may stop before it runs the code of a breaking change. It runs all other code, and mypy over it.
    verify = verify_without_mypy if mutations[0].severity is Severity.BREAKING else mock.Mock(return_value=Proof())
    try:
        with (
            mock.patch.object(python_api, "_load", load_with_cache),
            mock.patch.object(codegen.regenerate, "verify", verify),
        ):
            outcome.report = regenerate(generated, document, overlay, None)
    except CodegenError as error:
        outcome.error = str(error)
    if outcome.report and not mutations[0].unseen:
        scratch = root / f"judge-{os.getpid()}"
        outcome.judged, outcome.reason = judge(grown_code, generated, scratch)
    text = outcome.report.markdown() if outcome.report else f"regenerate: {outcome.error}\n"
    for mutation in mutations:
        file = REPORTS.joinpath(f"{slug(mutation.name)}.md")
        file.write_text(f"<!-- {mutation.name} -->\n\n{text}", encoding="utf-8")
    return outcome


def verify_without_mypy(generated: Path) -> Proof:
    """Verifies generated code in a child of one server, which is faster than a new Python."""
    with (
        mock.patch.object(verification, "run_trials", verification_server.run_trials),
        mock.patch.object(verification, "type_faults", return_value=[]),
    ):
        return verification.verify(generated)


@functools.cache
def overlay_as_json() -> str:
    return json.dumps(read_mapping(OVERLAY))


@functools.cache
def loaded(grown_code: Path) -> griffe.ModulesCollection:
    """What griffe reads of the grown code. Each mutation begins with a copy of it, so griffe reads it only once."""
    return python_api._load(grown_code)


def slug(name: str) -> str:
    return re.sub(r"\W+", "-", name).strip("-")


@pytest.fixture(params=MUTATIONS, ids=lambda mutation: mutation.name)
def mutation(request: pytest.FixtureRequest) -> Mutation:
    chosen: Mutation = request.param
    return chosen


@pytest.fixture
def outcome(mutation: Mutation, outcomes: dict[str, Outcome]) -> Outcome:
    return outcomes[mutation.name]


def test_the_report_names_the_severity_and_the_place_of_each_change(mutation: Mutation, outcome: Outcome) -> None:
    if mutation.refused:
        assert re.search(mutation.refused, outcome.error)
        return
    assert outcome.report is not None, outcome.error
    text = outcome.report.markdown()
    changes = outcome.report.document
    assert max(change.severity for change in changes) is mutation.severity, text
    assert outcome.report.severity is mutation.severity, text
    assert any(change.pointer == mutation.pointer and change.severity is mutation.severity for change in changes), text


def test_programs_of_callers_decide_the_severity(mutation: Mutation, outcome: Outcome) -> None:
    if not mutation.refused and not mutation.unseen:
        assert outcome.judged is mutation.severity, outcome.reason


def test_a_refused_change_leaves_the_generated_code_unchanged(
    mutation: Mutation, outcome: Outcome, kinds_code: Path
) -> None:
    if mutation.refused:
        assert unified_diff(kinds_code, outcome.folder / "generated") == ""


def test_other_quoting_is_cosmetic_and_changes_no_code(kinds_document: Doc, kinds_code: Path, tmp_path: Path) -> None:
    # JSON is YAML in which everything is quoted.
    document = tmp_path / "openapi.yaml"
    document.write_text(json.dumps(kinds_document), encoding="utf-8")
    shutil.copytree(kinds_code, tmp_path / "generated")
    report = regenerate(tmp_path / "generated", document, supplement=None)
    assert report.severity is Severity.COSMETIC
    assert [change.pointer for change in report.document] == ["#"]
    assert [change.path for change in report.files] == ["openapi.json"]


def test_removing_a_name_that_the_sdk_imports_is_breaking(outcomes: dict[str, Outcome]) -> None:
    report = outcomes["a schema is renamed"].report
    assert report is not None
    meaning = "The SDK imports this name, but the generated code no longer has it"
    assert ApiChange("meshapi_video.VideoTaskUsage", meaning) in report.breaking_api


def test_the_documentation_shows_the_real_reports(outcomes: dict[str, Outcome]) -> None:
    shown = re.findall(
        r"^### (.+?)\n.*?^```markdown\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert len(shown) == 5
    for name, quoted in shown:
        report = outcomes[name if name in outcomes else name[0].lower() + name[1:]].report
        assert report is not None
        # Each release changes the current and the next version.
        assert without_versions(quoted) == without_versions(report.markdown()), name


def without_versions(text: str) -> str:
    return re.sub(r"\b\d+\.\d+\.\d+\b", "…", text).strip()


def test_the_suite_has_every_severity_for_values_that_are_read_and_that_are_passed() -> None:
    for place in (R, P):
        assert {each.severity for each in MUTATIONS if each.pointer.startswith(place)} >= {
            Severity.ADDITIVE,
            Severity.BREAKING,
        }
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 40
    assert {mutation.severity for mutation in MUTATIONS if not mutation.refused} == set(Severity)
