"""The report names every change of the wire package, and is breaking if no change of the document explains it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

import pytest

from codegen.diff import explanations
from codegen.diff.explanations import unexplained
from codegen.diff.report import OVERLAID, compare_generated
from codegen.diff.severity import ApiChange, Change, Severity
from codegen.diff.wire import WIRE_PACKAGE, compare_wire
from codegen.document import GENERATED, Json
from codegen.regenerate import WIRE
from contract.mutations import GET, LIST, P, R

FUNCTION: Final = "get_video_generation_v_1_video_generations_task_id_get"
USAGE: Final = "#/components/schemas/VideoTaskUsage"
MODULE: Final = '''
from __future__ import annotations
from typing import Annotated, TypeAlias
from msgspec import UNSET, Meta, Struct, UnsetType

Loc: TypeAlias = Annotated[str | int, Meta(title="Loc")]

class Task(Struct):
    """A task."""
    id: Annotated[str, Meta(min_length=1, description="The name")]
    seed: Annotated[int, Meta(description="A number")] | None | UnsetType = UNSET
    usage: Usage | None = None

class Usage(Struct, kw_only=True):
    total: int

class Kind(Enum):
    one = "1"
'''


def compared(folder: Path, *changes: tuple[str, str]) -> list[ApiChange]:
    """What changes from `MODULE` to the same module with replaced parts."""
    new = MODULE
    for before, after in changes:
        assert before in new
        new = new.replace(before, after)
    for name, text in (("old", MODULE), ("new", new)):
        package = folder / name / WIRE_PACKAGE
        package.mkdir(parents=True)
        package.joinpath("__init__.py").write_text(text, encoding="utf-8")
    return compare_wire(folder / "old" / WIRE_PACKAGE, folder / "new" / WIRE_PACKAGE)


@pytest.mark.parametrize(
    ("before", "after", "name", "meaning"),
    [
        ("total: int", "total: fly", "Usage.total", "`int` became `fly`"),
        ("str | int", "str", "Loc", "`TypeAlias = int | str` became `TypeAlias = str`"),
        (
            "min_length=1",
            "min_length=2",
            "Task.id",
            "`Annotated[str, Meta(min_length=1)]` became `Annotated[",
        ),
        ("min_length=1, ", "", "Task.id", "`Annotated[str, Meta(min_length=1)]` became `str`"),
        ("= None", "= UNSET", "Task.usage", "`Usage | None = None` became `Usage | None = UNSET`"),
        ("Usage | None = None", "Usage | None", "Task.usage", "`Usage | None = None` became `Usage | None`"),
        ("Task(Struct)", "Task(Base)", "Task", "`class Task(Struct)` became `class Task(Base)`"),
        (
            "kw_only=True",
            "kw_only=False",
            "Usage",
            "`class Usage(Struct, kw_only=True)` became `class Usage(",
        ),
        ('one = "1"', "one = 1", "Kind.one", "`'1'` became `1`"),
        ("    total: int", "    total: int\n    def f(self): ...", "Usage.<statements>", "`none` became `def f(self):"),
        ("class Kind", "fly()\nclass Kind", "<statements>", "`none` became `fly()`"),
    ],
)
def test_each_declaration_of_the_wire_package_is_compared(
    before: str, after: str, name: str, meaning: str, tmp_path: Path
) -> None:
    (change,) = compared(tmp_path, (before, after))
    assert change.path == f"{WIRE_PACKAGE}.{name}"
    assert change.meaning.startswith(meaning)
    assert unexplained([change], []) == [change]


@pytest.mark.parametrize("line", ["import antigravity", "from antigravity import fly", "from os.path import join"])
def test_a_new_import_is_named_and_only_a_module_of_types_needs_no_reading(line: str, tmp_path: Path) -> None:
    changes = compared(tmp_path, ("from typing", f"{line}\nfrom uuid import UUID\nfrom typing"))
    unknown = ApiChange(WIRE_PACKAGE, f"It now imports `{line.split()[1]}`")
    assert changes == sorted([unknown, ApiChange(WIRE_PACKAGE, "It now imports `uuid`")])
    additive = Change(Severity.ADDITIVE, "#/components/schemas/Task", "The class Task was added.")
    assert unexplained(changes, [additive]) == [unknown]


def test_documentation_and_the_order_of_a_union_do_not_count(tmp_path: Path) -> None:
    changes = [
        ('Meta(title="Loc")', 'Meta(title="Place", examples=[1])'),
        (', description="The name"', ""),
        ('Annotated[int, Meta(description="A number")]', "int"),
        ("str | int", "int | str"),
        ("Usage | None", "None | Usage"),
        ("A task.", "Another task."),
        ("from typing import Annotated, TypeAlias\n", "from typing import TypeAlias\n"),
    ]
    assert compared(tmp_path, *changes) == []


@pytest.mark.parametrize(
    ("path", "pointer", "is_explained"),
    [
        (f"{WIRE}.VideoTaskResponse.seed", f"{R}/properties/seed", True),
        (f"{WIRE}.VideoTaskResponse.seed", f"{R}/properties/seed/type", True),
        (f"{WIRE}.VideoTaskResponse.seed", f"{R}/additionalProperties", True),
        (f"{WIRE}.VideoTaskResponse.seed", f"{R}/properties/model", False),
        (f"{WIRE}.VideoTaskResponse.seed", f"{P}/properties/seed", False),
        (f"{WIRE}.VideoTaskResponse.seed", "#/paths/~1v1~1video~1models/get", False),
        (f"{WIRE}.VideoTaskResponse.seed", "#/info", False),
        # A part of a name is another name.
        (f"{WIRE}.VideoTaskResponse.video_id", f"{R}/properties/id", False),
        (f"{WIRE}.VideoTaskResponse.created_at_1", f"{R}/properties/createdAt", True),
        (f"{WIRE}.VideoTaskResponse.field_1st", f"{R}/properties/1st", True),
        # An argument of the function of an operation.
        (f"client.api.video.{FUNCTION}.sync_detailed(task_id)", f"{GET}/parameters/0/schema/format", True),
        (f"client.api.video.{FUNCTION}.sync_detailed(task_id)", f"{GET.rpartition('/')[0]}/parameters/0", True),
        (f"client.api.video.{FUNCTION}.sync_detailed(task_id)", f"{LIST}/parameters/0", False),
        (f"client.api.video.{FUNCTION}.sync_detailed(task_id)", f"{P}/properties/seed", False),
        # Another component, which a property refers to.
        (f"{WIRE}.VideoTaskResponse.usage", USAGE, True),
        (f"{WIRE}.VideoTaskResponse.seed", USAGE, False),
        # Classes of objects that have no name of their own.
        (f"{WIRE}.Extra.inner", f"{R}/properties/extra/properties/inner", True),
        (f"{WIRE}.Extra.other", f"{R}/properties/extra/properties/inner", False),
        ("client.models.video_task_response_extra.VideoTaskResponseExtra.inner", f"{R}/properties/extra", True),
        ("client.models.get_task_response_200.GetTaskResponse200.class_", "#/paths/~1t/get/x/properties/class", True),
        (f"{WIRE}.VideoTaskUsage", USAGE, True),
        (f"{WIRE}.VideoTaskUsage", R, False),
    ],
)
def test_a_change_of_the_document_explains_what_it_names(
    path: str, pointer: str, published: dict[str, Json], *, is_explained: bool
) -> None:
    change = ApiChange(path, "`a` became `b`")
    for severity in (Severity.ADDITIVE, Severity.BREAKING):
        found = unexplained([change], [Change(severity, pointer, "")], published)
        assert found == ([] if is_explained else [change])
    assert unexplained([change], [Change(Severity.COSMETIC, pointer, "")], published) == [change]


def test_a_type_that_only_the_generator_changed_makes_a_report_of_additions_breaking(tmp_path: Path) -> None:
    generated = tmp_path / "generated"
    shutil.copytree(GENERATED, generated)
    overlaid = json.loads((generated / OVERLAID).read_text(encoding="utf-8"))
    overlaid["components"]["schemas"]["Extra"] = {"type": "object"}
    (generated / OVERLAID).write_text(json.dumps(overlaid), encoding="utf-8")
    assert compare_generated(GENERATED, generated).severity is Severity.ADDITIVE

    module = generated / WIRE / "__init__.py"
    text = module.read_text(encoding="utf-8").replace("    status: str\n", "    status: fly\n")
    module.write_text(text.replace("from typing", "from antigravity import fly\nfrom typing"), encoding="utf-8")
    report = compare_generated(GENERATED, generated)
    assert report.severity is Severity.BREAKING
    lines = report.markdown().splitlines()
    assert f"- `{WIRE}`: It now imports `antigravity`. **No change of the document explains it.**" in lines
    status = f"- `{WIRE}.VideoTaskResponse.status`: `str` became `fly`. **No change of the document explains it.**"
    assert status in lines
    assert [change.pointer for change in report.to_acknowledge][1:] == [WIRE, f"{WIRE}.VideoTaskResponse.status"]


def test_the_work_for_a_large_document_grows_with_its_size_and_not_with_its_square(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[object] = []
    explains = explanations._explains

    def counting(place: explanations._Place, class_name: str, member: frozenset[str] | None) -> bool:
        compared.append(place)
        return explains(place, class_name, member)

    monkeypatch.setattr(explanations, "_explains", counting)
    places = [(f"Clip{n:04}", f"part{m}") for n in range(1000) for m in range(5)]
    changes = [
        Change(Severity.BREAKING, f"#/components/schemas/{schema}/properties/{name}", "") for schema, name in places
    ]
    api = [ApiChange(f"models.{schema.lower()}.{schema}.{name}", "`str` became `int`") for schema, name in places]
    # None of the changes explains the last one.
    assert unexplained([*api, ApiChange("models.other.Other.part1", "")], changes) == [
        ApiChange("models.other.Other.part1", "")
    ]
    assert len(compared) <= 5 * len(api)


def test_the_numbers_of_inline_classes_of_the_wire_package_do_not_count(tmp_path: Path) -> None:
    module = """
class {0}(Struct):
    a: str
class {1}(Struct):
    b: int
class Task(Struct):
    inner: list[{0}]
class Usage(Struct):
    inner: {1} | None
"""
    for name, text in (("old", module.format("Inner", "Inner1")), ("new", module.format("Inner1", "Inner"))):
        package = tmp_path / name / WIRE_PACKAGE
        package.mkdir(parents=True)
        package.joinpath("__init__.py").write_text(text, encoding="utf-8")
        schemas = {"Task": {"type": "object"}, "Usage": {"type": "object"}}
        document = package.with_name("openapi.json")
        document.write_text(json.dumps({"components": {"schemas": schemas}}), encoding="utf-8")
    old, new = tmp_path / "old" / WIRE_PACKAGE, tmp_path / "new" / WIRE_PACKAGE
    assert compare_wire(old, new) == []
    changed = module.format("Inner1", "Inner").replace("b: int", "b: str")
    new.joinpath("__init__.py").write_text(changed, encoding="utf-8")
    assert compare_wire(old, new) == [ApiChange(f"{WIRE_PACKAGE}.Usage-inner.b", "`int` became `str`")]


def test_a_field_that_the_wire_package_no_longer_checks_is_named(tmp_path: Path) -> None:
    assert compared(tmp_path, ("    total: int", "    pass")) == [
        ApiChange(f"{WIRE_PACKAGE}.Usage.total", "`int` was removed")
    ]
