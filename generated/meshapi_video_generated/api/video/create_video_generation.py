from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.create_video_generation_response import CreateVideoGenerationResponse
from ...models.http_validation_error import HTTPValidationError
from ...models.video_generation_request import VideoGenerationRequest
from ...types import Response


def _get_kwargs(
    *,
    body: VideoGenerationRequest,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/video/generations",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Any | CreateVideoGenerationResponse | HTTPValidationError | None:
    if response.status_code == 200:
        response_200 = CreateVideoGenerationResponse.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = response.json()
        return response_401

    if response.status_code == 402:
        response_402 = response.json()
        return response_402

    if response.status_code == 422:
        response_422 = HTTPValidationError.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = response.json()
        return response_429

    if response.status_code == 502:
        response_502 = response.json()
        return response_502

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Any | CreateVideoGenerationResponse | HTTPValidationError]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: VideoGenerationRequest,
) -> Response[Any | CreateVideoGenerationResponse | HTTPValidationError]:
    """Create Video Generation

     Create a BytePlus Seedance video generation task.

    Returns immediately with the task's ``id``. Poll ``GET
    /v1/video/generations/{task_id}`` for the status and the result.

    Pass ``callback_url`` to receive a POST when the task status changes.

    Args:
        body (VideoGenerationRequest):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | CreateVideoGenerationResponse | HTTPValidationError]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    body: VideoGenerationRequest,
) -> Any | CreateVideoGenerationResponse | HTTPValidationError | None:
    """Create Video Generation

     Create a BytePlus Seedance video generation task.

    Returns immediately with the task's ``id``. Poll ``GET
    /v1/video/generations/{task_id}`` for the status and the result.

    Pass ``callback_url`` to receive a POST when the task status changes.

    Args:
        body (VideoGenerationRequest):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | CreateVideoGenerationResponse | HTTPValidationError
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: VideoGenerationRequest,
) -> Response[Any | CreateVideoGenerationResponse | HTTPValidationError]:
    """Create Video Generation

     Create a BytePlus Seedance video generation task.

    Returns immediately with the task's ``id``. Poll ``GET
    /v1/video/generations/{task_id}`` for the status and the result.

    Pass ``callback_url`` to receive a POST when the task status changes.

    Args:
        body (VideoGenerationRequest):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | CreateVideoGenerationResponse | HTTPValidationError]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: VideoGenerationRequest,
) -> Any | CreateVideoGenerationResponse | HTTPValidationError | None:
    """Create Video Generation

     Create a BytePlus Seedance video generation task.

    Returns immediately with the task's ``id``. Poll ``GET
    /v1/video/generations/{task_id}`` for the status and the result.

    Pass ``callback_url`` to receive a POST when the task status changes.

    Args:
        body (VideoGenerationRequest):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | CreateVideoGenerationResponse | HTTPValidationError
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
