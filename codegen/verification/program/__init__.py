"""Runs in a fresh process: imports generated packages, and tries out their code. It imports no code of this project.

It reads one JSON object from the standard input: `folder`, `client`, `wire`, `trials` and `timeout`. It writes one
JSON array for each step that it begins (`["begin", NUMBER or NAME]`) and for each fault
(`["fault", NUMBER or NAME, REASON]`), and at the end `["end"]`. What generated code prints does not disturb this
output: before it is imported, the standard output goes elsewhere. If one step takes longer than `timeout` seconds,
`faulthandler` writes its report to this output, and ends the process.
"""
