"""Each type that msgspec decodes is prepared while its module is imported, and so before threads meet it.

Otherwise the interpreter crashes if a thread meets a type that another thread is preparing.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = (ROOT / "overlays/meshapi_video", ROOT / "sandbox/meshapi_video_sandbox")

# Imports each module in a fresh process, and prints the types that are not prepared then. msgspec keeps the prepared
# form of its own structs where only the garbage collector sees it, and that of other classes in an attribute.
FIND_UNPREPARED: Final = """
import fastapi, gc, httpx, importlib, json, msgspec, os, sys, typing

def classes(type_):
    parts = typing.get_args(type_)
    return {found for part in parts for found in classes(part)} if parts else {type_}

def is_prepared(type_):
    kept = {type(found).__name__ for found in (*gc.get_referents(type_), *vars(type_).values())}
    return bool(kept & {"StructInfo", "DataclassInfo"})

for name, types in json.loads(sys.argv[1]).items():
    child = os.fork()
    if child == 0:
        module = importlib.import_module(name)
        # A parameter with one of these names is one of these types.
        of_wire = typing.Union[(*getattr(module, "_WIRE_TYPES", {}).values(), None)]
        names = {**vars(module), "expected": of_wire, "wire_type": of_wire}
        found = {type_ for text in types for type_ in classes(eval(text, names))}
        ours = {type_ for type_ in found if type_.__module__.startswith("meshapi_video")}
        print(*(f"{name}: {type_.__name__}\\n" for type_ in ours if not is_prepared(type_)), sep="", end="", flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, name
"""

# Another thread runs exactly while the first one prepares a type that is part of another type.
MEET_HALF_PREPARED: Final = """
import sys, threading, time
from meshapi_video import AdaptivePolicy, parse_task

half_prepared = threading.Event()

def pause(frame, event, _argument):
    if event == "call" and frame.f_code.co_name == "get_class_annotations":
        if frame.f_locals["obj"].__name__ in {"VideoTaskContent", "KindRecord"}:
            half_prepared.set()
            time.sleep(0.2)

def run_twice(call):
    half_prepared.clear()
    first = threading.Thread(target=lambda: print(call()))
    first.start()
    while first.is_alive() and not half_prepared.is_set():
        time.sleep(0.001)
    print(call())
    first.join()

threading.setprofile(pause)
run_twice(lambda: parse_task('{"id": "t", "status": "running", "content": {"video_url": "u"}, "seed": 5}').seed)
run_twice(lambda: AdaptivePolicy.from_json('{"version": 1, "kinds": []}').completed)
"""


def types_given_to_msgspec(tree: ast.AST) -> Iterator[str]:
    """The types in all calls of `msgspec.convert`, `msgspec.json.decode` and `msgspec.json.Decoder`."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not ast.unparse(call.func).startswith("msgspec."):
            continue
        position = {"convert": 1, "Decoder": 0}.get(ast.unparse(call.func).rpartition(".")[2], len(call.args))
        yield from map(ast.unparse, call.args[position : position + 1])
        yield from (ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg == "type")


def modules() -> Iterator[tuple[str, ast.AST]]:
    """The hand-written modules, with their code."""
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            name = ".".join(path.relative_to(package.parent).with_suffix("").parts)
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


def test_a_module_prepares_its_types_when_it_is_imported() -> None:
    types = {name: found for name, tree in modules() if (found := [*types_given_to_msgspec(tree)])}
    assert {"WireTask", "_Envelope", "_Version", "PolicyFile", "ResumeRecord"} <= {*chain(*types.values())}
    done = python(FIND_UNPREPARED, json.dumps(types))
    assert (done.stdout, done.stderr) == ("", "")


def test_a_module_uses_msgspec_by_its_full_name_so_that_the_test_above_sees_each_type() -> None:
    for name, tree in modules():
        imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not any(module.startswith("msgspec") for module in imported), name


def test_a_second_thread_may_use_a_type_while_the_first_one_uses_it_first() -> None:
    done = python(MEET_HALF_PREPARED)
    assert (done.returncode, done.stdout.split()) == (0, ["5", "5", "0", "0"])
