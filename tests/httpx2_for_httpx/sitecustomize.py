"""Answers every import of httpx and httpcore with httpx2 and httpcore2, in each Python with this folder on its path.

Python imports this module when it starts. The session `httpx2` of noxfile.py uses it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _AtFirstImport(MetaPathFinder):
    """Imports httpx2 at the first import of httpx or httpcore.

    Not when Python starts: httpx2 imports anyio, a plugin of pytest, and pytest has to import its plugins itself.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in {"httpx", "httpcore"}:
            return None
        sys.meta_path.remove(self)
        import httpx2  # noqa: PLC0415 - see above

        httpx2.alias_httpx()
        # Otherwise Python takes the specification of the module that is there now, and executes httpx2 again.
        del sys.modules[fullname]
        found = (finder.find_spec(fullname, path, target) for finder in sys.meta_path)
        return next(filter(None, found), None)


sys.meta_path.insert(0, _AtFirstImport())
