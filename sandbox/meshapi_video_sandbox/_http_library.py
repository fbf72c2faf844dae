"""The HTTP library of the sandbox, which does not import the SDK: httpx, or its successor httpx2 where only that is."""

from typing import TYPE_CHECKING

__all__ = ["httpx"]

if TYPE_CHECKING:
    import httpx
else:
    try:
        import httpx
    except ModuleNotFoundError:
        import httpx2 as httpx
