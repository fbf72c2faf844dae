"""Runs the two generators over the overlaid document: `python -m codegen.regenerate`.

`generate` writes both packages into any folder and is what the contract tests call too;
`regenerate` swaps its result for the committed one.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Generator
from pathlib import Path

import datamodel_code_generator
import openapi_python_client
from datamodel_code_generator import InputFileType, PythonVersion
from datamodel_code_generator.enums import DataModelType
from openapi_python_client.config import Config, ConfigFile, MetaType

from codegen.changes import SOURCE
from codegen.document import DOCUMENT, GENERATED, GENERATOR_CONFIG, OVERLAY, ROOT, Json, read_mapping
from codegen.errors import CodegenError
from codegen.names import check_names
from codegen.overlay import apply_overlay
from codegen.report import OVERLAID, Report, report
from codegen.schemas import check_references

CLIENT = "meshapi_video_generated"
WIRE = "meshapi_video_wire"
_HEADER = "# Generated from openapi.yaml by `nox -s regenerate`. Do not edit: change the overlay instead."


def generate(into: Path, document: Path = DOCUMENT, overlay: Path = OVERLAY) -> None:
    """Writes both generated packages into the folder `into`, which must be empty or absent.

    The result depends on the two documents, on `generator-config.yml` and on the pinned
    generators, and on nothing else: the generators are called as functions, which look for no
    configuration files.
    """
    overlaid = apply_overlay(read_mapping(document), read_mapping(overlay))
    # A change of the document that changes nothing else is still one that was looked at.
    overlaid[SOURCE] = hashlib.sha256(document.read_bytes()).hexdigest()
    generate_overlaid(into, overlaid)


def generate_overlaid(into: Path, overlaid: dict[str, Json]) -> None:
    """Writes both packages, and the overlaid document beside them, into the folder `into`."""
    into = into.resolve()
    check_references(overlaid)
    check_names(overlaid)
    into.mkdir(parents=True, exist_ok=True)
    source = into / OVERLAID
    # Sorted, so that the order of keys in the published document changes nothing.
    text = json.dumps(overlaid, ensure_ascii=False, indent=1, sort_keys=True)
    source.write_text(f"{text}\n", encoding="utf-8")
    with _strictly("openapi-python-client"):
        _generate_client(source, into / CLIENT)
    (into / WIRE).mkdir()
    with _strictly("datamodel-code-generator"):
        _generate_wire(source, into / WIRE / "__init__.py")
    # Isolated, with a selection of our own: the nearest ruff configuration has no say, and newer
    # default rules would rewrite `*args: Any` to `object`, which mypy refuses.
    ruff = ("--isolated", "--no-cache", "--quiet", "--target-version=py311", str(into))
    # TC006: the casts in `from_dict` build no type with each call, which is a fifth of what it takes.
    _ruff("check", "--fix", "--select=F401,I,TC006", *ruff)
    _ruff("format", *ruff)
    for package in (CLIENT, WIRE):
        # `--meta none` leaves it out, and without it type checkers ignore the package's types.
        (into / package / "py.typed").touch()


def regenerate(
    target: Path = GENERATED,
    document: Path = DOCUMENT,
    overlay: Path = OVERLAY,
    *,
    dry_run: bool = False,
    report_file: Path | None = None,
) -> Report:
    """Replaces the folder `target` by a fresh generation, unless it is the same; reports what changed.

    Nothing of the old folder stays, and a failure at any point leaves it as it was. A dry run
    leaves it as it was, too. The report is in its file before anything is replaced.
    """
    with tempfile.TemporaryDirectory(prefix=".regenerate-", dir=target.parent) as scratch:
        fresh, old, empty = Path(scratch, "new"), Path(scratch, "old"), Path(scratch, "empty")
        generate(fresh, document, overlay)
        empty.mkdir()
        changes = report(target if target.exists() else empty, fresh)
        text = changes.markdown()
        if dry_run or not changes.files:
            return changes
        if report_file is not None:
            report_file.write_text(text, encoding="utf-8")
        try:
            if target.exists():
                target.rename(old)
            fresh.rename(target)
        except BaseException:
            # A ctrl-C can come between the two, and `old` goes with the scratch folder.
            if old.exists() and not target.exists():
                old.rename(target)
            raise
    return changes


def _generate_client(source: Path, package: Path) -> None:
    settings = ConfigFile.load_from_path(GENERATOR_CONFIG)
    config = Config.from_sources(settings, MetaType.NONE, source, "utf-8", overwrite=False, output_path=package)
    errors = openapi_python_client.generate(config=config)
    if errors:
        raise CodegenError("\n".join(f"{error.header}: {error.detail}" for error in errors))


def _generate_wire(source: Path, module: Path) -> None:
    datamodel_code_generator.generate(
        source,
        output=module,
        input_file_type=InputFileType.OpenAPI,
        output_model_type=DataModelType.MsgspecStruct,
        target_python_version=PythonVersion.PY_311,
        formatters=[],
        strict_refs=True,
        allow_remote_refs=False,
        custom_file_header=_HEADER,
    )


@contextlib.contextmanager
def _strictly(generator: str) -> Generator[None]:
    """Makes a generator's warnings errors and its errors one that names it; it has nothing to print."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("error")
        try:
            yield
        # What a generator raises over a document that it cannot take is of any kind.
        except Exception as error:
            raise CodegenError(f"{generator} stopped: {error}") from error


def _ruff(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments], capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode != 0:
        raise CodegenError(f"ruff stopped with exit code {done.returncode}:\n{done.stdout}{done.stderr}")


def main() -> None:
    """What `nox -s regenerate` runs."""
    parser = argparse.ArgumentParser(
        prog="nox -s regenerate --",
        description="Make generated/ anew from openapi.yaml and its overlay, and report what that does to users.",
    )
    parser.add_argument("--dry-run", action="store_true", help="report only, and leave every file as it is")
    parser.add_argument(
        "--report", type=Path, default=ROOT / "regeneration-report.md", help="the report's file (default: %(default)s)"
    )
    arguments = parser.parse_args()
    try:
        changes = regenerate(dry_run=arguments.dry_run, report_file=arguments.report)
    except (CodegenError, OSError) as problem:
        sys.exit(f"regenerate: {problem}\n{GENERATED.name}/ is as it was.")
    except KeyboardInterrupt:
        sys.exit(f"regenerate: interrupted. {GENERATED.name}/ is whole, the old one or the new one.")
    sys.stdout.write(changes.markdown())
    if changes.files and not arguments.dry_run:
        sys.stdout.write(f"\nThe report lies in {arguments.report}\n")


if __name__ == "__main__":
    main()
