"""The finished videos, at URLs that are signed and expire, as in the upstream's object storage."""

from __future__ import annotations

import hashlib
import hmac
import math
import time
from calendar import timegm
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import quote, urlencode

from fastapi import Header, HTTPException, Query
from starlette.responses import FileResponse

if TYPE_CHECKING:
    from fastapi import FastAPI

    from meshapi_video_sandbox._clock import Clock

_MEDIA: Final = Path(__file__).parent
_VALID_SECONDS: Final = 86_400
_TIME_FORMAT: Final = "%Y%m%dT%H%M%SZ"
# Not a secret: it only has to give the same signature after a restart.
_SIGNING_KEY: Final = b"meshapi-video-sandbox"


def signed_url(base_url: str, name: str, created_at: float, *, valid_seconds: int = _VALID_SECONDS) -> str:
    """The URL of a video that was created at that time. It is valid for 24 hours by default."""
    # Rounded up, so that the URL does not expire before its time is over.
    date, expires = time.strftime(_TIME_FORMAT, time.gmtime(math.ceil(created_at))), str(valid_seconds)
    query = {"X-Tos-Date": date, "X-Tos-Expires": expires, "X-Tos-Signature": _signature(name, date, expires)}
    return f"{base_url}/videos/{quote(name, safe='')}?{urlencode(query)}"


def _signature(name: str, date: str, expires: str) -> str:
    return hmac.new(_SIGNING_KEY, f"{name}\n{date}\n{expires}".encode(), hashlib.sha256).hexdigest()


def add_video_routes(app: FastAPI, clock: Clock) -> None:
    """Adds the routes of the videos; a request that carries an API key is rejected."""

    @app.head("/videos/{name}")
    @app.get("/videos/{name}")
    async def video(
        name: str,
        date: Annotated[str, Query(alias="X-Tos-Date")] = "",
        expires: Annotated[str, Query(alias="X-Tos-Expires")] = "",
        signature: Annotated[str, Query(alias="X-Tos-Signature")] = "",
        authorization: Annotated[str | None, Header()] = None,
    ) -> FileResponse:
        if authorization is not None:
            raise HTTPException(400, "The API key must not be sent with a request for a video")
        if not hmac.compare_digest(signature.encode(), _signature(name, date, expires).encode()):
            raise HTTPException(403, "The signature of the URL is missing or does not match")
        if clock.now() > timegm(time.strptime(date, _TIME_FORMAT)) + int(expires):
            raise HTTPException(403, "The URL has expired: it was valid for 24 hours")
        if name.endswith("_last_frame.jpg"):
            return FileResponse(_MEDIA / "last_frame.jpg", media_type="image/jpeg")
        return FileResponse(_MEDIA / "video.mp4", media_type="video/mp4")
