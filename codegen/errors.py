"""The one error of this room."""


class CodegenError(Exception):
    """Something a maintainer can mend; the message says what, where and how."""
