"""Verifies generated code before it replaces the committed code: it imports, type-checks and decodes.

The refusals name the faults of the generators that are known. This check finds the others: it tries the code out.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from codegen.adaptation import adapt
from codegen.openapi import escape
from codegen.parsing import read_mapping
from codegen.verification.findings import Finding, refusal
from codegen.verification.names import Declared, Names, names_of
from codegen.verification.process import run_trials
from codegen.verification.trials import CLIENT, WIRE, Proof, Trials
from codegen.verification.type_check import TypeFault, type_faults


def verify(generated: Path) -> Proof:
    """Raises a `CodegenError` that names the schema, the property and the reason, if generated code is wrong."""
    document = read_mapping(generated / "openapi.json")
    adapted = adapt(document)
    names = names_of(adapted.client, adapted.wire)
    trials = Trials(document, adapted.notes, names)
    task = {"folder": str(generated.resolve()), "client": CLIENT, "wire": WIRE, "trials": trials.made}
    findings = [trials.finding(fault) for fault in run_trials(task)]
    if not findings:
        faults = type_faults(generated, [CLIENT, WIRE])
        findings = [_type_finding(generated, names, fault) for fault in faults]
    if findings:
        raise refusal(document, findings)
    return trials.proof


def sample_faults(generated: Path, samples: list[tuple[str, str, str]]) -> list[str]:
    """What is wrong with texts of which it is known how the code should take them.

    Each sample is the name of a schema, a text, and `ok` or `refused`. Samples with another word are left out.
    """
    document = read_mapping(generated / "openapi.json")
    adapted = adapt(document)
    names = names_of(adapted.client, adapted.wire)
    trials: list[dict[str, object]] = []
    for schema, text, said in samples:
        pointer = f"#/components/schemas/{escape(schema)}"
        if said not in {"ok", "refused"}:
            continue
        trials.append({"kind": "wire", "name": names.wire_of(pointer), "text": text, "valid": said == "ok"})
        if said == "ok" and names.model_of(pointer) is not None:
            trials.append({"kind": "model", "name": names.model_of(pointer), "text": text})
    task = {"folder": str(generated.resolve()), "client": CLIENT, "wire": WIRE, "trials": trials}
    faults = run_trials(task) if trials else []
    texts = [str(trials[fault.step]["text"]) if isinstance(fault.step, int) else fault.step for fault in faults]
    return [f"{text} {fault.reason}" for text, fault in zip(texts, faults, strict=True)]


def _type_finding(generated: Path, names: Names, fault: TypeFault) -> Finding:
    dotted = fault.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    source = (generated / fault.path).read_text(encoding="utf-8")
    place = names.place_of(dotted)
    declared = names.models.get(dotted.rpartition(".")[2]) if f"{CLIENT}.models." in dotted else None
    if dotted == WIRE:
        declared = _class_at(names, source, fault.line)
        place = declared.pointer if declared else place
    line = source.splitlines()[fault.line - 1] if fault.line <= source.count("\n") else ""
    words = re.findall(r"\w+", line) + re.findall(r"\w+", fault.message)
    found = next((word for word in words if declared and word in declared.properties), None)
    if declared and found:
        place = f"{declared.pointer}/properties/{escape(declared.properties[found])}"
    return Finding(place, f"mypy refuses line {fault.line} of {fault.path}: {fault.message.rstrip('.')}")


def _class_at(names: Names, source: str, line: int) -> Declared | None:
    for node in ast.parse(source).body:
        if node.lineno <= line <= (node.end_lineno or node.lineno):
            match node:
                case ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                    return names.wire.get(name)
                case _:
                    return None
    return None
