"""`python -m meshapi_video_sandbox`: what `meshapi-video sandbox` does, for when the command line is not installed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from meshapi_video_sandbox import SandboxError, serve

parser = argparse.ArgumentParser("meshapi_video_sandbox", description="Serve a local Mesh API until ctrl-C.")
parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
parser.add_argument("--port", type=int, default=8787, help="0 picks a free one (default: %(default)s)")
parser.add_argument("--upstream-port", type=int, default=8788, help="of the simulated BytePlus (default: %(default)s)")
parser.add_argument("--upstream", metavar="URL", help="a BytePlus to ask instead; its key is in ARK_API_KEY")
parser.add_argument("--db", type=Path, metavar="FILE", help="an SQLite file to keep the tasks in")
parser.add_argument("--key", action="append", help="an API key to accept; may be repeated (default: rsk_sandbox)")
told = parser.parse_args()
try:
    serve(
        host=told.host,
        port=told.port,
        upstream_port=told.upstream_port,
        upstream=told.upstream,
        db=told.db,
        keys=told.key or ["rsk_sandbox"],
        say=lambda line: print(line, flush=True),  # noqa: T201 - that is how it speaks
    )
except SandboxError as error:
    sys.stderr.write(f"meshapi_video_sandbox: {error}\n")
    sys.exit(2)
