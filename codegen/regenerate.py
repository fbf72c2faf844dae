"""Runs the two generators over the overlaid document: `python -m codegen.regenerate`.

`generate` writes both packages into any folder and is what the contract test calls too;
`regenerate` swaps its result for the committed one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from codegen.document import DOCUMENT, GENERATED, GENERATOR_CONFIG, OVERLAY, read_mapping
from codegen.errors import CodegenError
from codegen.overlay import apply_overlay
from codegen.trees import difference

CLIENT = "meshapi_video_generated"
WIRE = "meshapi_video_wire"
_HEADER = "# Generated from openapi.yaml by `nox -s regenerate`. Do not edit: change the overlay instead."


def generate(into: Path, document: Path = DOCUMENT, overlay: Path = OVERLAY) -> None:
    """Writes both generated packages into the folder `into`, which must be empty or absent.

    The result depends on the two documents, on `generator-config.yml` and on the pinned
    generators, and on nothing else: the generators run in an empty folder, so that no
    configuration file is found, and read the document from there.
    """
    into = into.resolve()
    overlaid = apply_overlay(read_mapping(document), read_mapping(overlay))
    with tempfile.TemporaryDirectory(prefix="meshapi-video-codegen-") as scratch:
        source = Path(scratch, "openapi.json")
        source.write_text(json.dumps(overlaid, ensure_ascii=False, indent=1), encoding="utf-8")
        into.mkdir(parents=True, exist_ok=True)
        _run(
            scratch,
            "openapi_python_client",
            "generate",
            f"--path={source}",
            f"--config={GENERATOR_CONFIG}",
            f"--output-path={into / CLIENT}",
            "--meta=none",
            "--fail-on-warning",
        )
        (into / WIRE).mkdir()
        _run(
            scratch,
            "datamodel_code_generator",
            f"--input={source}",
            f"--output={into / WIRE / '__init__.py'}",
            "--input-file-type=openapi",
            "--output-model-type=msgspec.Struct",
            "--target-python-version=3.11",
            "--no-formatters",
            "--strict-refs",
            "--no-allow-remote-refs",
            f"--custom-file-header={_HEADER}",
        )
        # Isolated, with a selection of our own: the nearest ruff configuration has no say, and
        # newer default rules would rewrite `*args: Any` to `object`, which mypy refuses.
        ruff = ("--isolated", "--no-cache", "--quiet", "--target-version=py311", str(into))
        _run(scratch, "ruff", "check", "--fix", "--select=F401,I", *ruff)
        _run(scratch, "ruff", "format", *ruff)
    for package in (CLIENT, WIRE):
        # `--meta none` leaves it out, and without it type checkers ignore the package's types.
        (into / package / "py.typed").touch()


def regenerate(target: Path = GENERATED) -> str:
    """Replaces the folder `target` by a fresh generation; returns the difference, empty for none.

    Nothing of the old folder stays, and a failure at any point leaves it as it was.
    """
    with tempfile.TemporaryDirectory(prefix=".regenerate-", dir=target.parent) as scratch:
        fresh, old = Path(scratch, "new"), Path(scratch, "old")
        generate(fresh)
        target.mkdir(exist_ok=True)
        changes = difference(target, fresh)
        if changes:
            target.rename(old)
            try:
                fresh.rename(target)
            except BaseException:
                old.rename(target)
                raise
    return changes


def _run(folder: str, module: str, *arguments: str) -> None:
    """Runs a generator in `folder`, with warnings as errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", module, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    # openapi-python-client also reports errors after which it leaves with 0.
    if done.returncode != 0 or done.stderr.strip():
        said = f"{done.stdout}\n{done.stderr}".strip()
        raise CodegenError(f"{module} stopped with exit code {done.returncode}:\n{said}")


def main() -> None:
    """What `nox -s regenerate` runs."""
    try:
        changes = regenerate()
    except CodegenError as problem:
        sys.exit(f"regenerate: {problem}\n{GENERATED.name}/ is as it was.")
    sys.stdout.write(changes or "no change\n")


if __name__ == "__main__":
    main()
