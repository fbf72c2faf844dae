"""`python -m meshapi_video_sandbox`: a sandbox on its usual port, for when the command line is not installed."""

import sys

from meshapi_video_sandbox._server import DEFAULT_KEY, SandboxError, serve

try:
    serve(host="127.0.0.1", port=8787, db=None, keys=(DEFAULT_KEY,), say=print)
except SandboxError as error:
    sys.stderr.write(f"meshapi_video_sandbox: {error}\n")
    sys.exit(2)
