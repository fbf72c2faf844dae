"""A local Mesh API: the documented endpoint, on this machine, with tasks that end as told.

    from meshapi_video_sandbox import running_sandbox

    with running_sandbox() as sandbox:
        task_id = sandbox.create_task(queued_for=0, running_for=1)

`serve` runs it until ctrl-C, and is what `meshapi-video sandbox` calls.
"""

from meshapi_video_sandbox._server import Sandbox, SandboxError, running_sandbox, serve
from meshapi_video_sandbox._upstream import Outcome

__all__ = ["Outcome", "Sandbox", "SandboxError", "running_sandbox", "serve"]
