"""Imports all modules of the generated packages."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback

from .output import Output, reason_of


class _Announcer:
    """Says which module is imported next: a package imports many modules, and one of them may hang."""

    def __init__(self, packages: tuple[str, ...], output: Output) -> None:
        self._packages, self._output = packages, output

    def find_spec(self, name: str, *_arguments: object) -> None:
        if name.partition(".")[0] in self._packages:
            self._output.begin(name)


def import_all(packages: tuple[str, ...], output: Output) -> int:
    """Imports the packages with all their modules, reports the faults, and returns their number."""
    sys.meta_path.insert(0, _Announcer(packages, output))
    faults = dict[str, str]()
    names = list(packages)
    while names:
        name = names.pop(0)
        try:
            module = importlib.import_module(name)
        # `exit()` in a module raises SystemExit.
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is reported
            faults.setdefault(_raising_module(error, packages) or name, f"the import fails with {reason_of(error)}")
            continue
        names += [f"{name}.{each.name}" for each in pkgutil.iter_modules(getattr(module, "__path__", ()))]
    for name, reason in faults.items():
        output.fault(name, reason)
    return len(faults)


def _raising_module(error: BaseException, packages: tuple[str, ...]) -> str | None:
    """The innermost generated module that the error went through."""
    names = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    return next((name for name in reversed(names) if name.partition(".")[0] in packages), None)
