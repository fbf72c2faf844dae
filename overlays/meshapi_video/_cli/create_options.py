"""The options of `create` and `generate`: the fields of a request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeGuard, TypeVar

import click

from meshapi_video._cli.text_files import text_file
from meshapi_video._create.mistakes import shown
from meshapi_video._text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshapi_video import CreateOptions, Media
    from meshapi_video._cli.text_files import InputFile

F = TypeVar("F", bound="Callable[..., Any]")

MEDIA: Final = ("first_frame", "last_frame", "reference_image", "reference_video", "reference_audio")
"""The options and the keys of a batch that take a file or an address, and the functions that they call."""

_LONGEST_SHOWN: Final = 100
"""Characters that `--dry-run` shows of a data URI."""


def json_object(text: str) -> dict[str, Any]:
    """The JSON object in a text. Raises `ValueError` for anything else."""
    try:
        parsed: object = json.loads(text)
    except ValueError as error:
        raise ValueError(f"this is not JSON: {error}") from None
    if not is_object(parsed):
        raise ValueError("this should be a JSON object")
    return parsed


def _read_extra(_ctx: click.Context, _param: click.Parameter, value: str | None) -> dict[str, object] | None:
    if value is None:
        return None
    try:
        return json_object(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


_FIELDS: Final = (
    click.option("--duration", type=int, metavar="SECONDS", help="Seconds of the video; -1: the server chooses."),
    click.option("--frames", type=int, metavar="N", help="Number of frames, in place of --duration."),
    click.option("--resolution", metavar="HEIGHT", help="480p, 720p, 1080p or 4k, depending on the model."),
    click.option("--ratio", metavar="W:H", help="16:9, 4:3, 1:1, 3:4, 9:16, 21:9 or adaptive."),
    click.option("--seed", type=int, metavar="N", help="Default: a random one; -1: the server chooses."),
    click.option("--generate-audio/--no-generate-audio", default=None, help="Whether the video has sound."),
    click.option("--camera-fixed/--no-camera-fixed", default=None, help="Whether the camera stands still."),
    click.option("--watermark/--no-watermark", default=None, help="Whether the video has a watermark."),
    click.option("--draft/--no-draft", default=None, help="Whether to make a cheap preview."),
    click.option("--return-last-frame/--no-return-last-frame", default=None, help="Whether to get its last frame."),
    click.option("--service-tier", metavar="TIER", help="default, or flex: cheaper and slower."),
    click.option("--priority", type=int, metavar="N", help="0 to 9; a higher one is more urgent."),
    click.option("--execution-expires-after", type=int, metavar="SECONDS", help="Expiry of the task: 3600 to 259200."),
    click.option("--callback-url", metavar="URL", help="Mesh posts the task to this URL when its status changes."),
    click.option("--safety-identifier", metavar="TEXT", help="A hash that stands for your user."),
)
_CONTENT: Final = (
    click.argument("prompt", required=False),
    click.option("--model", metavar="MODEL", help="The model, such as byteplus/dreamina-seedance-2-0."),
    click.option("--prompt-file", type=text_file, metavar="FILE", help="Read the prompt from a file; - is stdin."),
    click.option("--first-frame", metavar="FILE", help="The picture with which the video begins: a file or a URL."),
    click.option("--last-frame", metavar="FILE", help="The picture with which the video ends."),
    click.option("--reference-image", multiple=True, metavar="FILE", help="A picture to use. Several are possible."),
    click.option("--reference-video", multiple=True, metavar="FILE", help="A video to use. Several are possible."),
    click.option("--reference-audio", multiple=True, metavar="FILE", help="A sound to use. Several are possible."),
)
_REST: Final = (
    click.option("--extra-body", callback=_read_extra, metavar="JSON", help="Fields that are newer than this release."),
    click.option(
        "--journal",
        type=click.Path(dir_okay=False),
        metavar="FILE",
        help="Write each create to this file before it is sent and after it: see `meshapi-video journal --help`.",
    ),
    click.option("--dry-run", is_flag=True, help="Only check the request and print its body. Nothing is sent."),
)


def request_options(command: F) -> F:
    """Adds the options for the fields of a request, and the prompt."""
    for option in reversed((*_CONTENT, *_FIELDS, *_REST)):
        command = option(command)
    return command


def prompt_of(prompt: str | None, file: InputFile | None) -> str | None:
    """The prompt from the argument or the file."""
    if prompt is not None and file is not None:
        raise click.UsageError("give PROMPT or --prompt-file, not both")
    return prompt if file is None else file.text().strip()


def split_fields(given: dict[str, Any]) -> tuple[list[Media], CreateOptions]:
    """The content and the options, from the values of the command's options or the keys of a batch's line."""
    import meshapi_video  # noqa: PLC0415 - `--help` does not need it

    content: list[Media] = []
    for name in MEDIA:
        values = given.pop(name, None)
        make: Callable[[str], Media] = getattr(meshapi_video, name)
        listed = values if is_list(values) else [] if values is None else [values]
        for value in listed:
            if not isinstance(value, str):
                raise TypeError(f"{name} takes the path or the URL of a file, as text, not {shown(value)}")
            content.append(make(value))
    # The names are those of the request; `build_request` refuses any other one.
    options: CreateOptions = given  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType] - see above
    return content, options


def shown_body(body: Any) -> str:  # noqa: ANN401 - JSON
    """The body of a request as JSON, with data URIs cut."""
    return json.dumps(_cut(body), indent=2, ensure_ascii=False)


def _cut(value: Any) -> Any:  # noqa: ANN401 - JSON
    if is_object(value):
        return {key: _cut(each) for key, each in value.items()}
    if is_list(value):
        return [_cut(each) for each in value]
    return one_line(value, _LONGEST_SHOWN) if isinstance(value, str) and value.startswith("data:") else value


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a parsed value is a JSON object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether a parsed value is a JSON list."""
    return isinstance(value, list | tuple)
