"""Reads the tables in docstrings, so that the tests can check them row by row."""

from __future__ import annotations


def rows_of(docstring: str | None) -> list[tuple[str, str]]:
    """The rows of a table with two columns, without the heading.

    A line with an empty left cell continues the row above it.
    """
    rows = list[tuple[str, str]]()
    for line in (docstring or "").splitlines():
        if line.startswith("|"):
            left, right = (cell.strip() for cell in line.strip("|").split("|"))
            if left:
                rows.append((left, right))
            else:
                rows[-1] = (rows[-1][0], f"{rows[-1][1]} {right}")
    return rows[2:]
