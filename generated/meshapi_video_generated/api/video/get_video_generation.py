from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.http_validation_error import HTTPValidationError
from ...models.video_task_response import VideoTaskResponse
from ...types import Response


def _get_kwargs(
    task_id: str,
) -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/video/generations/{task_id}".format(
            task_id=quote(str(task_id), safe=""),
        ),
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Any | HTTPValidationError | VideoTaskResponse | None:
    if response.status_code == 200:
        response_200 = VideoTaskResponse.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = response.json()
        return response_401

    if response.status_code == 422:
        response_422 = HTTPValidationError.from_dict(response.json())

        return response_422

    if response.status_code == 502:
        response_502 = response.json()
        return response_502

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Any | HTTPValidationError | VideoTaskResponse]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    task_id: str,
    *,
    client: AuthenticatedClient,
) -> Response[Any | HTTPValidationError | VideoTaskResponse]:
    """Get Video Generation

     Retrieve the status and result of a BytePlus video generation task.

    Returns from DB when the task is in a terminal state. Otherwise polls
    BytePlus live and syncs the DB row.

    Poll until ``status`` is one of:
    ``succeeded`` — ``content.video_url`` is populated,
    ``failed`` — check ``error`` field,
    ``expired`` — task timed out.

    Args:
        task_id (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | HTTPValidationError | VideoTaskResponse]
    """

    kwargs = _get_kwargs(
        task_id=task_id,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    task_id: str,
    *,
    client: AuthenticatedClient,
) -> Any | HTTPValidationError | VideoTaskResponse | None:
    """Get Video Generation

     Retrieve the status and result of a BytePlus video generation task.

    Returns from DB when the task is in a terminal state. Otherwise polls
    BytePlus live and syncs the DB row.

    Poll until ``status`` is one of:
    ``succeeded`` — ``content.video_url`` is populated,
    ``failed`` — check ``error`` field,
    ``expired`` — task timed out.

    Args:
        task_id (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | HTTPValidationError | VideoTaskResponse
    """

    return sync_detailed(
        task_id=task_id,
        client=client,
    ).parsed


async def asyncio_detailed(
    task_id: str,
    *,
    client: AuthenticatedClient,
) -> Response[Any | HTTPValidationError | VideoTaskResponse]:
    """Get Video Generation

     Retrieve the status and result of a BytePlus video generation task.

    Returns from DB when the task is in a terminal state. Otherwise polls
    BytePlus live and syncs the DB row.

    Poll until ``status`` is one of:
    ``succeeded`` — ``content.video_url`` is populated,
    ``failed`` — check ``error`` field,
    ``expired`` — task timed out.

    Args:
        task_id (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | HTTPValidationError | VideoTaskResponse]
    """

    kwargs = _get_kwargs(
        task_id=task_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    task_id: str,
    *,
    client: AuthenticatedClient,
) -> Any | HTTPValidationError | VideoTaskResponse | None:
    """Get Video Generation

     Retrieve the status and result of a BytePlus video generation task.

    Returns from DB when the task is in a terminal state. Otherwise polls
    BytePlus live and syncs the DB row.

    Poll until ``status`` is one of:
    ``succeeded`` — ``content.video_url`` is populated,
    ``failed`` — check ``error`` field,
    ``expired`` — task timed out.

    Args:
        task_id (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | HTTPValidationError | VideoTaskResponse
    """

    return (
        await asyncio_detailed(
            task_id=task_id,
            client=client,
        )
    ).parsed
