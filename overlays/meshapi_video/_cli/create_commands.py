"""The commands that create tasks: `create`, `generate` and `journal`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from meshapi_video._cli.create_options import prompt_of, request_options, shown_body, split_fields
from meshapi_video._cli.exit_codes import ExitCode, worst_of
from meshapi_video._cli.options import (
    check_output,
    common_options,
    configure_logging,
    overwrite_option,
    private_host_option,
    read_api_key,
    settings_errors_are_usage_errors,
    validate_timeout,
)
from meshapi_video._cli.output import print_error, print_line
from meshapi_video._cli.text_files import text_file
from meshapi_video._text import printable

if TYPE_CHECKING:
    from meshapi_video._cli.create import Item
    from meshapi_video._cli.text_files import InputFile

_MANY: Final = 3
"""Videos that are created without a question. A batch of more asks, or needs --yes."""


@click.command()
@request_options
@click.option("--json", "as_json", is_flag=True, help="Print the id in one line of JSON.")
@common_options
def create(
    *,
    model: str | None,
    prompt: str | None,
    prompt_file: InputFile | None,
    extra_body: dict[str, object] | None,
    journal: str | None,
    dry_run: bool,
    as_json: bool,
    api_key_file: InputFile | None,
    api_key_stdin: bool,
    debug: bool,
    **fields: Any,  # noqa: ANN401 - the options for the fields of a request
) -> int:
    """Create a task, and print its id.

    A task costs money. The request is sent again only if it is certain that no task was made. After exit
    code 5, a task may exist: look at the printed tasks before you run the command again.
    """
    import json  # noqa: PLC0415

    from meshapi_video import AsyncVideoClient  # noqa: PLC0415
    from meshapi_video._cli.create import Creates, create_all  # noqa: PLC0415

    configure_logging(debug=debug)
    item = _single(model, prompt_of(prompt, prompt_file), extra_body, fields)
    body = item.check()
    if dry_run:
        print_line(shown_body(body.to_dict()))
        return ExitCode.SUCCESS
    creates = Creates([item], None if journal is None else Path(journal), settled_after=0)
    with settings_errors_are_usage_errors():
        client = AsyncVideoClient(read_api_key(api_key_file, from_stdin=api_key_stdin))
    for task_id in create_all(creates, client):
        print_line(json.dumps({"id": task_id}) if as_json else printable(task_id))
    return creates.exit_code


def _single(
    model: str | None, prompt: str | None, extra_body: dict[str, object] | None, fields: dict[str, Any]
) -> Item:
    """The video of the command line."""
    from meshapi_video._cli.create import Item  # noqa: PLC0415 - `--help` does not need it

    content, options = split_fields(fields)
    return Item(place="", key=None, model=model, prompt=prompt, content=content, options=options, extra_body=extra_body)


@click.command()
@request_options
@click.option(
    "-o",
    "--output",
    type=click.Path(readable=False, path_type=Path),
    metavar="PATH",
    help="Download the video to this file or folder.",
)
@overwrite_option
@click.option(
    "--batch",
    type=text_file,
    metavar="FILE",
    help="Make a video of each line of a file: JSON objects with the fields of a request and first_frame, last_frame, "
    "reference_image, reference_video, reference_audio. - is standard input.",
)
@click.option("--yes", is_flag=True, help=f"Do not ask before a batch of more than {_MANY} videos is paid for.")
@click.option(
    "--settled-after",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="In a batch: the age of a create without a response at which a task that is not in the list was not made. "
    "The default is 900.",
)
@click.option(
    "--timeout",
    type=float,
    callback=validate_timeout,
    default=900,
    show_default=True,
    metavar="SECONDS",
    help="Time limit for the wait; inf for no limit. The tasks continue after a timeout.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each task when its wait ends.")
@private_host_option
@common_options
def generate(
    *,
    batch: InputFile | None,
    output: Path | None,
    overwrite: bool,
    yes: bool,
    settled_after: float | None,
    timeout: float,
    as_json: bool,
    private_hosts: tuple[str, ...],
    journal: str | None,
    dry_run: bool,
    model: str | None,
    prompt: str | None,
    prompt_file: InputFile | None,
    extra_body: dict[str, object] | None,
    api_key_file: InputFile | None,
    api_key_stdin: bool,
    debug: bool,
    **fields: Any,  # noqa: ANN401 - the options for the fields of a request
) -> int:
    """Create a task, wait, and print its video's URL.

    A task costs money. With -o, the video is downloaded.

    With --batch, make a video of each line of a file. The journal beside the file says which videos were
    created. Run the same command again after a crash, an interruption or an error: it creates only what is
    missing, and waits for the rest. With -o DIR, the videos are downloaded into a folder.

    The task's id is printed on stderr before the wait. After an interruption, wait for it on its id; run the
    command again only with --batch.
    """
    from meshapi_video import AsyncVideoClient  # noqa: PLC0415
    from meshapi_video._cli.batch import WaitOptions, wait_for  # noqa: PLC0415
    from meshapi_video._cli.create import Creates, create_all, only_run, read_batch  # noqa: PLC0415
    from meshapi_video._create.recovery import SETTLED_AFTER  # noqa: PLC0415

    configure_logging(debug=debug)
    text = prompt_of(prompt, prompt_file)
    if batch is None:
        items = [_single(model, text, extra_body, fields)]
        items[0].check()
        file = None if journal is None else Path(journal)
    else:
        # `False` and 0 are given, too: `--no-generate-audio`, `--seed 0`.
        given = any(value is not None and value != () for value in fields.values())
        if text is not None or extra_body is not None or given:
            raise click.UsageError("with --batch, the file has the prompts and the fields; only --model is for all")
        items = read_batch(batch, model)
        file = _journal_of(batch, journal)
    if dry_run:
        for item in items:
            print_line(shown_body(item.request().to_dict()))
        return ExitCode.SUCCESS
    if output is not None and batch is None:
        check_output(output, overwrite=overwrite)
    elif output is not None:
        output.mkdir(parents=True, exist_ok=True)
    creates = Creates(items, file, SETTLED_AFTER if settled_after is None else settled_after)
    with nullcontext() if file is None or batch is None else only_run(file):
        _ask(len(creates.missing), yes=yes)
        with settings_errors_are_usage_errors():
            key = read_api_key(api_key_file, from_stdin=api_key_stdin)
            client = AsyncVideoClient(key)
            # Before anything is paid for, because it checks the hosts.
            waiting = AsyncVideoClient(key, private_hosts=private_hosts)
        task_ids = create_all(creates, client)
    wait_options = WaitOptions(
        task_ids=task_ids,
        timeout=timeout,
        folder=output,
        overwrite=overwrite,
        as_json=as_json,
        debug=debug,
        is_generated=batch is None,
    )
    unresolved = creates.unresolved
    try:
        code = wait_for(wait_options, waiting) if task_ids else None
    finally:
        # At the end, also after ctrl-C: what is printed before the wait may have scrolled away.
        if unresolved is not None:
            print_error(unresolved)
    return worst_of(filter(None, (creates.exit_code, code)))


def _journal_of(batch: InputFile, journal: str | None) -> Path:
    """The journal of a batch: without it, a second run would pay again."""
    if journal is not None:
        return Path(journal)
    if batch.is_stdin:
        raise click.UsageError("a batch from standard input needs --journal FILE: it says which videos were created")
    return Path(f"{batch.name}.journal")


def _ask(count: int, *, yes: bool) -> None:
    """Says the price of a mistake before many videos are paid for."""
    if count <= _MANY or yes:
        return
    question = f"This creates {count} videos, and each is paid for. Continue?"
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError(f"this creates {count} videos, and each is paid for: give --yes")
    click.confirm(question, abort=True, err=True)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=False, path_type=Path))
@click.option("--made", nargs=2, metavar="REQUEST_ID TASK_ID", help="Write that this create made this task.")
@click.option("--not-made", metavar="REQUEST_ID", help="Write that this create made no task.")
@click.option(
    "--settled-after",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="The age of a create at which a task that is not in the list was not made. The default is 900.",
)
@common_options
def journal(
    file: Path,
    *,
    made: tuple[str, str] | None,
    not_made: str | None,
    settled_after: float | None,
    api_key_file: InputFile | None,
    api_key_stdin: bool,
    debug: bool,
) -> int:
    """Print how the creates in a journal ended.

    Each line has the id of the request, how it ended, and the id of the task, with tabs in between.

    A create that was interrupted or had no clear response is looked for in the list at Mesh, and the end that
    is found is written into the journal. The exit code is 5 if the end of a create is still not known.
    """
    from meshapi_video import AsyncVideoClient, read_journal  # noqa: PLC0415
    from meshapi_video._cli.journal_ends import refuse_other_account, search_and_write, unresolved_text  # noqa: PLC0415
    from meshapi_video._create.journal import resolve  # noqa: PLC0415
    from meshapi_video._create.recovery import SETTLED_AFTER, is_open  # noqa: PLC0415

    configure_logging(debug=debug)
    try:
        records = read_journal(file)
        known = {record.request_id for record in records if is_open(record)}
        for request_id, task_id in ([made] if made else []) + ([(not_made, None)] if not_made else []):
            if request_id not in known:
                raise click.UsageError(f"{request_id} is no create of this journal without a known end")
            resolve(file, request_id, task_id)
        records = read_journal(file)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    unresolved, others = None, list[str]()
    if any(is_open(record) for record in records):
        with settings_errors_are_usage_errors():
            client = AsyncVideoClient(read_api_key(api_key_file, from_stdin=api_key_stdin))
        try:
            found = search_and_write(client, records, file, SETTLED_AFTER if settled_after is None else settled_after)
        except KeyboardInterrupt:
            print_error(f"the journal {file} keeps the ends that were found so far: run the same command again")
            raise
        creates = {f"create {request_id}": tasks for request_id, tasks in found.unresolved.items()}
        unresolved, others = unresolved_text(creates, file) if creates else None, found.of_another_account
        records = read_journal(file)
    for record in records:
        print_line("\t".join(printable(text) for text in (record.request_id, record.event, record.task_id or "-")))
    if unresolved is not None:
        print_error(unresolved)
    refuse_other_account(file, others)
    if unresolved is not None:
        return ExitCode.UNCERTAIN
    return ExitCode.SUCCESS
