"""The one error that code generation raises."""


class CodegenError(Exception):
    """A problem that a maintainer can fix. The message says what is wrong, where, and how to fix it."""
