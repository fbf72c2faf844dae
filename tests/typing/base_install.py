"""Run by `nox -s wheel`, in an environment with only the wheel and its base dependencies."""

import importlib.metadata
import importlib.util
import sys

import meshapi_video

origin = meshapi_video.__file__
if "site-packages" not in origin:
    sys.exit(f"this is the checkout, not the installed wheel: {origin}")
for extra in ("click", "rich", "fastapi", "uvicorn", "trio"):
    if importlib.util.find_spec(extra):
        sys.exit(f"not a base install: {extra} is installed")
for name in meshapi_video.__all__:
    getattr(meshapi_video, name)
installed = sorted(distribution.name for distribution in importlib.metadata.distributions())
sys.stdout.write(f"meshapi-video {meshapi_video.__version__} imports with {', '.join(installed)}\n")
