"""Verifies generated code before it replaces the committed code: it imports, type-checks and decodes.

The refusals name the faults of the generators that are known. This check finds the others: it tries the code out.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from codegen.adaptation import adapt
from codegen.document import as_object
from codegen.openapi import escape
from codegen.parsing import read_mapping
from codegen.verification.findings import Finding, refusal
from codegen.verification.instances import Schema
from codegen.verification.names import Declared, Names, names_of
from codegen.verification.process import Fault, run_trials
from codegen.verification.samples import Maker, Sample, shown
from codegen.verification.type_check import CACHE, TypeFault, type_faults

_CLIENT: Final = "meshapi_video_generated"
_WIRE: Final = "meshapi_video_wire"


@dataclass
class Proof:
    """What was tried out."""

    trials: int = 0
    left_out: int = 0
    """The number of instances that were to be valid, and are not."""
    unproven: dict[str, str] = field(default_factory=dict[str, str])
    """The schemas without a valid instance, or without a class, each with the reason."""


def verify(generated: Path, *, cache: Path = CACHE) -> Proof:
    """Raises a `CodegenError` that names the schema, the property and the reason, if generated code is wrong.

    `cache` is mypy's. Processes that run at the same time should have one each.
    """
    document = read_mapping(generated / "openapi.json")
    adapted = adapt(document)
    names = names_of(adapted.client, adapted.wire)
    proof = Proof()
    trials = _Trials(document, names, Maker(document, adapted.wire), proof)
    task = {"folder": str(generated.resolve()), "client": _CLIENT, "wire": _WIRE, "trials": trials.made}
    findings = [trials.finding(fault) for fault in run_trials(task)]
    if not findings:
        faults = type_faults(generated, [_CLIENT, _WIRE], cache)
        findings = [_type_finding(generated, names, fault) for fault in faults]
    if findings:
        raise refusal(document, findings)
    proof.trials = len(trials.made)
    return proof


class _Trials:
    """The trials of every component."""

    def __init__(self, document: Schema, names: Names, maker: Maker, proof: Proof) -> None:
        self.made: list[dict[str, Any]] = []
        self._samples: list[Sample] = []
        self._names = names
        for name in as_object(as_object(document.get("components")).get("schemas")):
            pointer = f"#/components/schemas/{escape(name)}"
            samples = maker.samples(pointer)
            proof.left_out += samples.left_out
            wire, model = names.wire_of(pointer), names.model_of(pointer)
            if samples.problem:
                proof.unproven[pointer] = samples.problem
            if wire is None:
                proof.unproven[pointer] = "it has no wire type"
            for sample in samples.valid:
                if wire is not None:
                    self._add(sample, kind="wire", name=wire, valid=True)
                if model is not None:
                    self._add(sample, kind="model", name=model)
            for sample in samples.invalid if wire is not None else ():
                self._add(sample, kind="wire", name=wire, valid=False)

    def _add(self, sample: Sample, **trial: object) -> None:
        self.made.append({**trial, "text": json.dumps(sample.instance)})
        self._samples.append(sample)

    def finding(self, fault: Fault) -> Finding:
        """The place and the reason of a fault."""
        if isinstance(fault.step, str):
            return Finding(_place_of(self._names, fault.step), f"`{fault.step}`: {fault.reason}")
        trial, sample = self.made[fault.step], self._samples[fault.step]
        code = f"{_WIRE}.{trial['name']}" if trial["kind"] == "wire" else f"{_CLIENT}.models.{trial['name']}"
        instance = f"the instance {shown(sample.instance)} ({sample.meaning})"
        return Finding(sample.pointer, f"`{code}`: {instance} {fault.reason}")


def _place_of(names: Names, dotted: str) -> str:
    """The schema or the operation that a module, or a wire type, is made from."""
    parts = dotted.split(".")
    if parts[0] == _WIRE:
        return names.wire[parts[1]].pointer if len(parts) > 1 and parts[1] in names.wire else "#/components/schemas"
    if parts[1:2] == ["models"] and len(parts) > 2 and parts[2] in names.models:
        return names.models[parts[2]].pointer
    if parts[1:2] == ["api"] and len(parts) > 3:
        operation = names.operations.get((parts[2], parts[3]))
        if operation is not None:
            return operation.pointer
    return "#"


def _type_finding(generated: Path, names: Names, fault: TypeFault) -> Finding:
    dotted = fault.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    source = (generated / fault.path).read_text(encoding="utf-8")
    place = _place_of(names, dotted)
    declared = names.models.get(dotted.rpartition(".")[2]) if f"{_CLIENT}.models." in dotted else None
    if dotted == _WIRE:
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
