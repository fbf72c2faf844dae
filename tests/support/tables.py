"""Reads the tables in docstrings, so that what they promise and what the tests try are the same rows."""

from __future__ import annotations


def rows_of(docstring: str | None) -> list[tuple[str, str]]:
    """The rows of a table of two columns, without its heading; a line with nothing on the left goes on with a row."""
    rows = list[tuple[str, str]]()
    for line in (docstring or "").splitlines():
        if line.startswith("|"):
            left, right = (cell.strip() for cell in line.strip("|").split("|"))
            if left:
                rows.append((left, right))
            else:
                rows[-1] = (rows[-1][0], f"{rows[-1][1]} {right}")
    return rows[2:]
