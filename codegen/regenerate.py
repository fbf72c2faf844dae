"""Runs the two generators over the overlaid document: `python -m codegen.regenerate`.

`generate` writes both packages into any folder; the contract tests call it too. `regenerate` replaces
the committed folder with a fresh generation.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.metadata
import io
import json
import subprocess
import sys
import sysconfig
import tempfile
import warnings
from collections.abc import Callable, Generator
from pathlib import Path

import openapi_python_client

from codegen.adaptation import adapt
from codegen.adaptation.bodies import binary_types
from codegen.client_names import client_config
from codegen.diff.operations import GENERATORS, SOURCE_CHECKSUM
from codegen.diff.report import OVERLAID, Report, compare_generated
from codegen.document import DOCUMENT, GENERATED, OVERLAY, ROOT, SUPPLEMENT, Json
from codegen.errors import CodegenError
from codegen.extensions import without_extensions
from codegen.file_diff import read_files
from codegen.openapi import check_version
from codegen.overlay import apply_overlay
from codegen.parsing import read_mapping
from codegen.refusals import check_document
from codegen.refusals.parsed import readable, wire_refusal
from codegen.supplement import apply_supplement
from codegen.templates import write_templates
from codegen.verification import verify
from codegen.wire_generator import generate_wire

CLIENT = "meshapi_video_generated"
WIRE = "meshapi_video_wire"
# The programs that write the code.
_PROGRAMS = ("datamodel-code-generator", "openapi-python-client", "ruff")


def generate(
    into: Path, document: Path = DOCUMENT, overlay: Path = OVERLAY, supplement: Path | None = SUPPLEMENT
) -> None:
    """Writes both generated packages into the folder `into`, which must be empty or absent.

    The supplement comes before the repairs, which then repair its operations, too. None adds nothing, as does a
    file that does not exist: the last action of a supplement is dropped with the file.
    The result depends on these documents, on `generator-config.yml` and on the pinned generators, and
    on nothing else: the generators are called as functions, and functions read no configuration files.
    """
    published = read_mapping(document)
    check_version(published, document.name)
    overlaid = without_extensions(published)
    if supplement is not None and supplement.exists():
        overlaid = apply_supplement(overlaid, read_mapping(supplement))
    overlaid = apply_overlay(overlaid, read_mapping(overlay))
    # With the checksum, every change of the document changes generated/, and so shows up in review.
    overlaid[SOURCE_CHECKSUM] = hashlib.sha256(document.read_bytes()).hexdigest()
    generate_overlaid(into, overlaid)


def generate_overlaid(into: Path, overlaid: dict[str, Json]) -> None:
    """Writes both packages, and the overlaid document beside them, into the folder `into`."""
    into = into.resolve()
    # With the versions, the report can tell a change of a generator from a change of the document.
    versions = {program: importlib.metadata.version(program) for program in _PROGRAMS}
    published = _as_text({**overlaid, GENERATORS: versions})
    # As the verification and the report read it again: then they share its forms.
    document: dict[str, Json] = json.loads(published)
    check_document(document)
    adapted = adapt(document)
    into.mkdir(parents=True, exist_ok=True)
    (into / OVERLAID).write_text(published, encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, OVERLAID)
        source.write_text(_as_text(adapted.client), encoding="utf-8")
        with _strict(lambda text: f"openapi-python-client stopped: {readable(text)}"):
            _generate_client(source, into / CLIENT, binary_types(adapted.client))
    with _strict(lambda text: wire_refusal(document, text).message()):
        wire = generate_wire(adapted.wire)
    (into / WIRE).mkdir()
    (into / WIRE / "__init__.py").write_text(wire.module, encoding="utf-8")
    # Isolated: ruff must not read the nearest configuration. The rules are named, because newer default rules would
    # rewrite `*args: Any` to `object`, and mypy refuses that.
    ruff = ("--isolated", "--no-cache", "--quiet", "--target-version=py311", str(into))
    # TC006 quotes the types of the casts in `from_dict`: building them in each call takes a fifth of its time.
    _ruff("check", "--fix", "--select=F401,I,TC006", *ruff)
    _ruff("format", *ruff)
    for package in (CLIENT, WIRE):
        # `--meta none` does not write this file, and without it type checkers ignore the types of the package.
        (into / package / "py.typed").touch()


def regenerate(
    target: Path = GENERATED,
    document: Path = DOCUMENT,
    overlay: Path = OVERLAY,
    supplement: Path | None = SUPPLEMENT,
    *,
    dry_run: bool = False,
    report_file: Path | None = None,
) -> Report:
    """Replaces the folder `target` with a fresh generation, unless both are equal, and reports the changes.

    No file of the old folder stays. A failure at any point, or a dry run, leaves the folder unchanged.
    The report is written to its file before the folder is replaced.
    """
    with tempfile.TemporaryDirectory(prefix=".regenerate-", dir=target.parent) as scratch:
        new, old, empty = Path(scratch, "new"), Path(scratch, "old"), Path(scratch, "empty")
        generate(new, document, overlay, supplement)
        empty.mkdir()
        current = target if target.exists() else empty
        # First: the error of the verification names the place in the document. Broken code cannot be compared.
        unproven = verify(new).notes if read_files(current) != read_files(new) else []
        report = compare_generated(current, new)
        report = report._replace(notes=(*report.notes, *unproven))
        if dry_run or not report.files:
            return report
        if report_file is not None:
            report_file.write_text(report.markdown(), encoding="utf-8")
        try:
            if target.exists():
                target.rename(old)
            new.rename(target)
        except BaseException:
            # Ctrl-C can interrupt between the two renames, and `old` is deleted with the scratch folder.
            if old.exists() and not target.exists():
                old.rename(target)
            raise
    return report


def _as_text(document: dict[str, Json]) -> str:
    # Sorted: the order of keys in the published document has no effect on the result.
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _generate_client(source: Path, package: Path, content_types: dict[str, str]) -> None:
    config = client_config(source, package, content_types)
    templates = source.with_name("templates")
    templates.mkdir()
    write_templates(templates)
    errors = openapi_python_client.generate(config=config, custom_template_path=templates)
    if errors:
        raise CodegenError("\n".join(f"{error.header}: {error.detail}" for error in errors))


@contextlib.contextmanager
def _strict(message: Callable[[str], str]) -> Generator[None]:
    """Turns a generator's warnings and errors into a `CodegenError` with this message, and hides its output."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("error")
        try:
            yield
        # For a document that it does not support, a generator may raise any exception.
        except Exception as error:
            raise CodegenError(message(str(error))) from error


def _ruff(*arguments: str) -> None:
    # The program itself: through `python -m ruff`, a Python starts first.
    program = str(Path(sysconfig.get_path("scripts"), "ruff"))
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, encoding="utf-8", check=False)
    except OSError as error:
        raise CodegenError(f"ruff does not start: {error}") from error
    if done.returncode != 0:
        raise CodegenError(f"ruff stopped with exit code {done.returncode}:\n{done.stdout}{done.stderr}")


def main() -> None:
    """The command that `nox -s regenerate` runs."""
    parser = argparse.ArgumentParser(
        prog="nox -s regenerate --",
        description="Generate generated/ again from openapi.yaml and its overlays, and report what changes for users.",
    )
    parser.add_argument("--dry-run", action="store_true", help="only report; change no file")
    parser.add_argument(
        "--report",
        type=Path,
        default=ROOT / "regeneration-report.md",
        help="the file for the report (default: %(default)s)",
    )
    arguments = parser.parse_args()
    try:
        report = regenerate(dry_run=arguments.dry_run, report_file=arguments.report)
    except (CodegenError, OSError) as problem:
        sys.exit(f"regenerate: {problem}\n{GENERATED.name}/ is unchanged.")
    except KeyboardInterrupt:
        sys.exit(f"regenerate: interrupted. {GENERATED.name}/ is complete: either the old version or the new one.")
    sys.stdout.write(report.markdown())
    if report.files and not arguments.dry_run:
        sys.stdout.write(f"\nThe report is in {arguments.report}\n")


if __name__ == "__main__":
    main()
