"""Finished videos, where the upstream keeps them: at addresses that are signed and expire."""

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
_VALID_FOR: Final = 86_400
_TIME: Final = "%Y%m%dT%H%M%SZ"
# No secret: it only makes a signature that looks like one, and stays good over a restart.
_SIGNING_KEY: Final = b"meshapi-video-sandbox"


def signed(address: str, name: str, made: float) -> str:
    """The address of a video that was made at that time."""
    # Rounded up: it shall not expire before its day is over.
    date = time.strftime(_TIME, time.gmtime(math.ceil(made)))
    query = {"X-Tos-Date": date, "X-Tos-Expires": str(_VALID_FOR), "X-Tos-Signature": _signature(name, date)}
    return f"{address}/videos/{quote(name, safe='')}?{urlencode(query)}"


def _signature(name: str, date: str) -> str:
    return hmac.new(_SIGNING_KEY, f"{name}\n{date}\n{_VALID_FOR}".encode(), hashlib.sha256).hexdigest()


def add_videos(app: FastAPI, clock: Clock) -> None:
    """Serves them; a request that carries a key is refused."""

    @app.head("/videos/{name}")
    @app.get("/videos/{name}")
    async def video(
        name: str,
        date: Annotated[str, Query(alias="X-Tos-Date")] = "",
        signature: Annotated[str, Query(alias="X-Tos-Signature")] = "",
        authorization: Annotated[str | None, Header()] = None,
    ) -> FileResponse:
        if authorization is not None:
            raise HTTPException(400, "The API key must not be sent to where videos are kept")
        if not hmac.compare_digest(signature.encode(), _signature(name, date).encode()):
            raise HTTPException(403, "The address is not signed, or was changed")
        if clock.now() > timegm(time.strptime(date, _TIME)) + _VALID_FOR:
            raise HTTPException(403, "The address has expired: it was valid for 24 hours")
        if name.endswith("_last_frame.jpg"):
            return FileResponse(_MEDIA / "last_frame.jpg", media_type="image/jpeg")
        return FileResponse(_MEDIA / "video.mp4", media_type="video/mp4")
