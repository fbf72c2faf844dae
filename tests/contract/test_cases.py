"""Each case is generated rightly, or refused with its place and with remedies that make it pass."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from codegen import client_names
from codegen.adaptation.wire import wire_name
from codegen.document import DOCUMENT, GENERATOR_CONFIG, OVERLAY
from codegen.errors import CodegenError
from codegen.merge import dump
from codegen.overlay import apply_overlay
from codegen.parsing import parse_mapping, read_mapping
from codegen.refusals import check_document
from codegen.regenerate import generate_overlaid
from codegen.verification import verify
from contract.case_files import Doc, add_case, has_own_operation, pasted, read_cases, remedies, repaired

_SAMPLING = Path(__file__).parent / "sampling.py"
# A removed property may leave another place that was hidden before.
_ROUNDS = 6


_CASES = read_cases()
_RUN = [
    (name, as_body)
    for name, case in _CASES.items()
    for as_body in (False, True)
    if not (as_body and has_own_operation(case))
]


def _direction(*, as_body: bool) -> str:
    return "body" if as_body else "response"


class Outcome(NamedTuple):
    """What happened to one case."""

    refusals: list[str]
    """The message of each round, until the case passed."""
    passed: bool
    wrong: list[str]
    """The samples that the generated code reads otherwise."""


@pytest.fixture(scope="module")
def outcomes() -> dict[tuple[str, bool], Outcome]:
    with ProcessPoolExecutor(2) as executor:
        return {key: outcome for found in executor.map(_run, ("response", "body")) for key, outcome in found.items()}


@pytest.mark.parametrize(
    ("name", "as_body"), _RUN, ids=[f"{name}-{_direction(as_body=as_body)}" for name, as_body in _RUN]
)
def test_a_case_is_right_or_its_remedies_make_it_pass(
    outcomes: dict[tuple[str, bool], Outcome], name: str, *, as_body: bool
) -> None:
    outcome = outcomes[name, as_body]
    for message in outcome.refusals:
        for place in re.split(r"\n\n(?=#)", message):
            assert re.match(r"#/(paths|components)/\S.*: .+\.\n.*Paste this", place), place
        assert "0x" not in message
        assert "--" not in message
        assert "/**" not in message
    assert outcome.passed, outcome.refusals[-1]
    assert outcome.wrong == []


def _run(direction: str) -> dict[tuple[str, bool], Outcome]:
    """Asks for each case until it passes, and then generates all of them at once."""
    as_body = direction == "body"
    overlaid = apply_overlay(read_mapping(DOCUMENT), read_mapping(OVERLAY))
    together = json.loads(json.dumps(overlaid))
    cases = {name: case for name, case in _CASES.items() if (name, as_body) in _RUN}
    refusals: dict[str, list[str]] = {}
    passed: dict[str, bool] = {}
    with tempfile.TemporaryDirectory() as scratch:
        classes: Doc = {}
        actions: list[Doc] = []
        for name, case in cases.items():
            base: Doc = overlaid if case.keys() & {"task", "whole"} else {**overlaid, "paths": {}}
            document: Doc = json.loads(json.dumps(base))
            add_case(document, name, case, as_body=as_body)
            add_case(together, name, case, as_body=as_body)
            own, messages = _until_it_passes(document, [], classes, Path(scratch, name))
            refusals[name], passed[name] = messages, len(messages) < _ROUNDS
            actions += own
        actions, _messages = _until_it_passes(together, actions, classes, Path(scratch, "together"))
        generated = Path(scratch, "generated")
        generate_overlaid(generated, repaired(together, actions))
        verify(generated)
        wrong = _wrong_samples(generated, cases, refusals)
    return {(name, as_body): Outcome(refusals[name], passed[name], wrong[name]) for name in cases}


def _until_it_passes(document: Doc, actions: list[Doc], classes: Doc, settings: Path) -> tuple[list[Doc], list[str]]:
    """Pastes what each refusal offers. The actions that make the document pass, and the messages."""
    messages: list[str] = []
    for number in range(_ROUNDS):
        # The settings are read once for each path.
        path = settings.with_suffix(f".{number}.yml")
        path.write_text(dump({**read_mapping(GENERATOR_CONFIG), "class_overrides": classes}), encoding="utf-8")
        setattr(client_names, "GENERATOR_CONFIG", path)  # noqa: B010 - no public name
        try:
            check_document(repaired(document, actions))
            break
        except CodegenError as error:
            messages.append(str(error))
            more, more_classes = remedies(str(error))
            actions = [*actions, *more]
            classes |= more_classes
    return actions, messages


def test_what_a_refusal_says_can_be_pasted_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two settings and an action: the first setting makes the key, below which the second one goes."""
    document: Doc = json.loads(json.dumps(read_mapping(DOCUMENT)))
    add_case(document, "task", {"task": {"to_dict": {"type": "string"}}}, as_body=False)
    for name in ("18-schema-UUID", "18-schema-Unset"):
        add_case(document, name, _CASES[name], as_body=False)
    settings, overlay = GENERATOR_CONFIG.read_text(encoding="utf-8"), OVERLAY.read_text(encoding="utf-8")
    messages: list[str] = []
    for number in range(_ROUNDS):
        path = tmp_path / f"{number}.yml"
        path.write_text(settings, encoding="utf-8")
        monkeypatch.setattr(client_names, "GENERATOR_CONFIG", path)
        try:
            check_document(apply_overlay(document, parse_mapping(overlay, "the overlay")))
            break
        except CodegenError as error:
            messages.append(str(error))
            settings, overlay = pasted(str(error), settings, overlay)
    assert [
        sum(message.count(file) for message in messages) for file in ("into generator-config", "at the end of")
    ] == [
        2,
        1,
    ]
    assert len(messages) < _ROUNDS


def _wrong_samples(generated: Path, cases: dict[str, Doc], refusals: dict[str, list[str]]) -> dict[str, list[str]]:
    # A remedy may allow more than the document did.
    samples = [
        (name, schema, text, wanted)
        for name, case in cases.items()
        for schema, text, wanted in case.get("samples", [])
        if wanted != "refused" or not refusals[name]
    ]
    asked = [[client_names.class_name(schema), wire_name(schema), text] for _name, schema, text, _wanted in samples]
    done = subprocess.run(
        [sys.executable, str(_SAMPLING)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        cwd=generated,
        env={"PYTHONPATH": str(generated)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wrong: dict[str, list[str]] = {name: [] for name in cases}
    for (name, schema, text, wanted), (wire, model) in zip(samples, json.loads(done.stdout), strict=True):
        right = {"ok": (wire, model) == ("ok", "same"), "refused": wire == "refused"}
        if not right.get(wanted, wire == "refused" or (wire, model) == ("ok", "same")):
            wrong[name].append(f"{schema} {text}: wanted {wanted}, wire {wire}, model {model}")
    return wrong
