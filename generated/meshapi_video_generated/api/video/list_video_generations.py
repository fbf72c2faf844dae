from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.http_validation_error import HTTPValidationError
from ...models.video_task_list_response import VideoTaskListResponse
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    status: list[str] | Unset = UNSET,
    model: list[str] | Unset = UNSET,
    created_after: None | str | Unset = UNSET,
    created_before: None | str | Unset = UNSET,
    limit: int | Unset = 50,
    offset: int | Unset = 0,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_status: list[str] | Unset = UNSET
    if not isinstance(status, Unset):
        json_status = status

    params["status"] = json_status

    json_model: list[str] | Unset = UNSET
    if not isinstance(model, Unset):
        json_model = model

    params["model"] = json_model

    json_created_after: None | str | Unset
    if isinstance(created_after, Unset):
        json_created_after = UNSET
    else:
        json_created_after = created_after
    params["created_after"] = json_created_after

    json_created_before: None | str | Unset
    if isinstance(created_before, Unset):
        json_created_before = UNSET
    else:
        json_created_before = created_before
    params["created_before"] = json_created_before

    params["limit"] = limit

    params["offset"] = offset

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/video/generations",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Any | HTTPValidationError | VideoTaskListResponse | None:
    if response.status_code == 200:
        response_200 = VideoTaskListResponse.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = response.json()
        return response_401

    if response.status_code == 422:
        response_422 = HTTPValidationError.from_dict(response.json())

        return response_422

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Any | HTTPValidationError | VideoTaskListResponse]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    status: list[str] | Unset = UNSET,
    model: list[str] | Unset = UNSET,
    created_after: None | str | Unset = UNSET,
    created_before: None | str | Unset = UNSET,
    limit: int | Unset = 50,
    offset: int | Unset = 0,
) -> Response[Any | HTTPValidationError | VideoTaskListResponse]:
    """List Video Generations

     List stored video generation tasks.

    Reads Mesh's DB only and never polls BytePlus, so that a status may be
    older than the one of ``GET /v1/video/generations/{task_id}``.

    Args:
        status (list[str] | Unset):
        model (list[str] | Unset):
        created_after (None | str | Unset):
        created_before (None | str | Unset):
        limit (int | Unset):  Default: 50.
        offset (int | Unset):  Default: 0.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | HTTPValidationError | VideoTaskListResponse]
    """

    kwargs = _get_kwargs(
        status=status,
        model=model,
        created_after=created_after,
        created_before=created_before,
        limit=limit,
        offset=offset,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    status: list[str] | Unset = UNSET,
    model: list[str] | Unset = UNSET,
    created_after: None | str | Unset = UNSET,
    created_before: None | str | Unset = UNSET,
    limit: int | Unset = 50,
    offset: int | Unset = 0,
) -> Any | HTTPValidationError | VideoTaskListResponse | None:
    """List Video Generations

     List stored video generation tasks.

    Reads Mesh's DB only and never polls BytePlus, so that a status may be
    older than the one of ``GET /v1/video/generations/{task_id}``.

    Args:
        status (list[str] | Unset):
        model (list[str] | Unset):
        created_after (None | str | Unset):
        created_before (None | str | Unset):
        limit (int | Unset):  Default: 50.
        offset (int | Unset):  Default: 0.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | HTTPValidationError | VideoTaskListResponse
    """

    return sync_detailed(
        client=client,
        status=status,
        model=model,
        created_after=created_after,
        created_before=created_before,
        limit=limit,
        offset=offset,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    status: list[str] | Unset = UNSET,
    model: list[str] | Unset = UNSET,
    created_after: None | str | Unset = UNSET,
    created_before: None | str | Unset = UNSET,
    limit: int | Unset = 50,
    offset: int | Unset = 0,
) -> Response[Any | HTTPValidationError | VideoTaskListResponse]:
    """List Video Generations

     List stored video generation tasks.

    Reads Mesh's DB only and never polls BytePlus, so that a status may be
    older than the one of ``GET /v1/video/generations/{task_id}``.

    Args:
        status (list[str] | Unset):
        model (list[str] | Unset):
        created_after (None | str | Unset):
        created_before (None | str | Unset):
        limit (int | Unset):  Default: 50.
        offset (int | Unset):  Default: 0.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | HTTPValidationError | VideoTaskListResponse]
    """

    kwargs = _get_kwargs(
        status=status,
        model=model,
        created_after=created_after,
        created_before=created_before,
        limit=limit,
        offset=offset,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    status: list[str] | Unset = UNSET,
    model: list[str] | Unset = UNSET,
    created_after: None | str | Unset = UNSET,
    created_before: None | str | Unset = UNSET,
    limit: int | Unset = 50,
    offset: int | Unset = 0,
) -> Any | HTTPValidationError | VideoTaskListResponse | None:
    """List Video Generations

     List stored video generation tasks.

    Reads Mesh's DB only and never polls BytePlus, so that a status may be
    older than the one of ``GET /v1/video/generations/{task_id}``.

    Args:
        status (list[str] | Unset):
        model (list[str] | Unset):
        created_after (None | str | Unset):
        created_before (None | str | Unset):
        limit (int | Unset):  Default: 50.
        offset (int | Unset):  Default: 0.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | HTTPValidationError | VideoTaskListResponse
    """

    return (
        await asyncio_detailed(
            client=client,
            status=status,
            model=model,
            created_after=created_after,
            created_before=created_before,
            limit=limit,
            offset=offset,
        )
    ).parsed
