"""The tool that creates a video, which costs money: it asks the user first, and never pays twice for one request."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from mcp.server.elicitation import AcceptedElicitation, CancelledElicitation, DeclinedElicitation
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp.types import CallToolResult
from pydantic import BaseModel, Field

from meshapi_video._create.models import doubts
from meshapi_video._create.request import build_request
from meshapi_video._mcp.paid_once import PaidOnce, RequestFields
from meshapi_video._mcp.results import CreateResult, result_of
from meshapi_video._mcp.state import State, ToolContext, state_of
from meshapi_video._mcp.texts import escape_text

_LONGEST_SHOWN = 80
"""The characters of a value in the question."""
_BY_MODEL = "chosen by the model"
_LENGTHS = {None: _BY_MODEL, -1: "chosen by the server"}
"""How the question names a duration that is no number of seconds."""

Model = Annotated[str, Field(description="The model, such as byteplus/dreamina-seedance-2-0.")]
Prompt = Annotated[str, Field(description="The text that describes the video.")]
Duration = Annotated[int | None, Field(description="Seconds of the video. By default, the model chooses.")]
Resolution = Annotated[str | None, Field(description="480p, 720p, 1080p or 4k, depending on the model.")]
Ratio = Annotated[str | None, Field(description="16:9, 4:3, 1:1, 3:4, 9:16, 21:9 or adaptive.")]
Take = Annotated[
    int, Field(ge=1, description="Give 2 for a second video of the same request, 3 for a third one. Each costs money.")
]


class Confirmation(BaseModel):
    """The answer of the user."""

    create: bool = Field(title="Create this video", description="It costs money, also if you do not like it.")


class Known(Confirmation):
    """The task of the request is known, and nobody was asked: nothing may be created."""

    create: bool = True


Answer: TypeAlias = AcceptedElicitation[Confirmation] | DeclinedElicitation | CancelledElicitation


async def confirm(
    ctx: ToolContext,
    model: str,
    prompt: str,
    duration: int | None,
    resolution: str | None,
    ratio: str | None,
    take: int,
) -> Confirmation | Elicit[Confirmation]:
    """The question to the user. Raises the tool's error if the request is wrong, or if the client cannot ask."""
    fields = RequestFields(model=model, prompt=prompt, duration=duration, resolution=resolution, ratio=ratio, take=take)
    request = build_request(model, prompt, (), fields.options, None)
    if await PaidOnce(ctx, fields).find() is not None:
        return Known()
    if not _can_ask(ctx):
        return _without_question(state_of(ctx))
    lines = [
        "Create a video? It costs money.",
        f"Model: {_quoted(model)}",
        f"Length: {_LENGTHS.get(duration, f'{duration} seconds')}",
        f"Resolution: {_quoted(resolution) if resolution else _BY_MODEL}",
        *([f"Ratio: {_quoted(ratio)}"] if ratio else []),
        *([f"Take: {take}"] if take > 1 else []),
        # The name of the model stands above, in quotes.
        *(f"Note: {escape_text(doubt.replace(f'of {model}', 'of this model'))}." for doubt in doubts(request)),
    ]
    return Elicit("\n".join(lines), Confirmation)


def _quoted(value: str) -> str:
    """A value that a model wrote, so that it cannot look like a line or a field of the question."""
    shown = escape_text(value, _LONGEST_SHOWN).replace('"', "'")
    return f'"{shown}"'


def _can_ask(ctx: ToolContext) -> bool:
    """Whether the client can show a form to its user. An empty capability means that it can."""
    capabilities = ctx.client_capabilities
    elicitation = None if capabilities is None else capabilities.elicitation
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def _without_question(state: State) -> Confirmation:
    if not state.allow_paid:
        raise ToolError(
            "A video costs money, and this client cannot ask the user: nothing was created. The user can start this "
            "server with --allow-paid, which lets a model create videos without a question"
        )
    return Confirmation(create=True)


async def create_video(
    model: Model,
    prompt: Prompt,
    ctx: ToolContext,
    answer: Annotated[Answer, Resolve(confirm)],
    duration: Duration = None,
    resolution: Resolution = None,
    ratio: Ratio = None,
    take: Take = 1,
) -> Annotated[CallToolResult, CreateResult]:
    """Creates a video task after the user has agreed, and returns its id at once. It costs money.

    It does not wait: use wait_for_video. A second call with the same arguments creates nothing: it returns the same
    task.
    """
    if not isinstance(answer, AcceptedElicitation) or not answer.data.create:
        is_closed = isinstance(answer, CancelledElicitation)
        reason = "The user closed the question" if is_closed else "The user does not want this video"
        advice = f"{reason}: nothing was created or paid for. Ask the user how to go on."
        return result_of(CreateResult(is_new=False, next=advice))
    fields = RequestFields(model=model, prompt=prompt, duration=duration, resolution=resolution, ratio=ratio, take=take)
    task_id, is_new = await PaidOnce(ctx, fields, may_create=not isinstance(answer.data, Known)).create()
    advice = (
        "The task is created and paid for. Call wait_for_video with this task_id."
        if is_new
        else "This request was created before: nothing was paid now. Call wait_for_video with this task_id. For "
        f"another video of the same request, pass take={take + 1}, which costs money."
    )
    return result_of(CreateResult(task_id=escape_text(task_id), is_new=is_new, next=advice))
