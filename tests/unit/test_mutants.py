"""Mutation testing itself: a test that checks kills the mutants, and a test that only runs the code kills none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.mutants import EQUIVALENT, SDK, TESTS
from tools.mutations import mutants_of

ROOT = Path(__file__).parents[2]
RATED = """
def rated(age: int) -> str:
    if age >= 18:
        return "adult"
    return "child"
"""
GOOD_TEST = "assert [rated(age) for age in (17, 18, 19)] == ['child', 'adult', 'adult']"
USELESS_TEST = "rated(17), rated(18)"
JUDGE = """
import sys
from pathlib import Path
from tools.mutants import Module, judge
folder = Path(sys.argv[1])
module = Module("rated.py", "rated", folder / "rated.py", [folder / "test_rated.py"])
judge([module], 2)
print(module.killed, len(module.survivors))
"""


def replacements(source: str) -> list[str]:
    return [mutant.change.new for mutant in mutants_of("module.py", source.encode())]


def judge(folder: Path, check: str) -> str:
    """The output of mutation testing. In a process of its own, because it forks."""
    (folder / "rated.py").write_text(RATED, encoding="utf-8")
    test = f"from pathlib import Path\nfrom rated import rated\n\ndef test_rated():\n    {check}\n"
    (folder / "test_rated.py").write_text(test, encoding="utf-8")
    command = [sys.executable, "-c", JUDGE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout + done.stderr


def test_a_test_that_checks_the_result_kills_every_mutant(tmp_path: Path) -> None:
    assert judge(tmp_path, GOOD_TEST) == f"{len(replacements(RATED))} 0\n"


def test_the_survivors_of_a_useless_test_are_printed_as_diffs(tmp_path: Path) -> None:
    output = judge(tmp_path, USELESS_TEST)
    assert output.endswith(f"\n0 {len(replacements(RATED))}\n")
    assert "-    if age >= 18:\n+    if (age > 18):\n" in output


def test_no_mutant_is_judged_by_tests_that_fail_without_one(tmp_path: Path) -> None:
    assert judge(tmp_path, "assert not rated(17)") == "the tests of rated.py fail without a mutant\n"


def test_tests_that_fail_since_the_first_mutant_kill_none(tmp_path: Path) -> None:
    runs = f"runs = Path({str(tmp_path / 'runs')!r})"
    once = f"{runs}; assert not runs.exists(); runs.touch()"
    assert judge(tmp_path, once).endswith("the tests of rated.py fail without a mutant\n")


def test_a_problem_of_the_machine_is_no_kill(tmp_path: Path) -> None:
    output = judge(tmp_path, f"Path({str(tmp_path / 'test_rated.py')!r}).unlink()")
    assert "pytest ended with status 4 for rated.py: this machine has a problem\n" in output


@pytest.mark.parametrize(
    ("source", "mutated"),
    [
        ("x = a < b", ["x = (a <= b)", "x = (a >= b)"]),
        ("x = a and b", ["x = (a or b)", "x = b", "x = a"]),
        ("x = not a", ["x = a"]),
        ("x = max(a, b)", ["x = min(a, b)", "x = a", "x = b"]),
        ("x = a if b else c", ["x = a", "x = c"]),
        ("x = [1, 2.0, 0.0, 'a', True]", ["2", "4.0", "1.0", "''", "False"]),
        ("x = redact(text)[:9]", ["x = redact(text)", "x = redact(text[:9])", "x = redact(text)[:10]"]),
        ("f(shield=True, once=a)", ["f(once=a)", "f(shield=True)", "f(shield=False, once=a)"]),
        ("def f():\n    f()\n    return g()", ["pass", "return None"]),
        ("while a:\n    pass", ["while False:"]),
        ("try:\n    a\nexcept (B, C):\n    pass", ["except (C,):", "except (B,):"]),
        ("x = [a for a in b if a]", ["x = ([a for a in b])"]),
        ('def f(a: "int" = b) -> "int":\n    """Text."""', []),
        ("x = 'a text for people'", []),
        ("if TYPE_CHECKING:\n    x = 1", []),
    ],
)
def test_each_place_changes_as_a_mistake_would_change_it(source: str, mutated: list[str]) -> None:
    made = replacements(source)
    assert len(made) == len(mutated)
    for text in mutated:
        assert any(text in new for new in made), (text, made)


def test_every_module_and_every_test_of_mutation_testing_exists() -> None:
    assert EQUIVALENT.is_file()
    assert [name for name in TESTS if not (SDK / name).is_file()] == []
    tests = {name for names in TESTS.values() for name in names}
    assert [name for name in tests if not Path(__file__).with_name(f"test_{name}.py").is_file()] == []
