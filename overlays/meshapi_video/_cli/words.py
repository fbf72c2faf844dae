"""Says in the words of the command line what the SDK says in the words of Python: options, not arguments."""

from __future__ import annotations

import re
from typing import Final

_PHRASES: Final = tuple(
    (re.compile(expression), replacement)
    for expression, replacement in {
        r"or pass api_key=": "or give --api-key-file or --api-key-stdin",
        r"Check base_url= and MESHAPI_BASE_URL": "Check MESHAPI_BASE_URL",
        r"check transport= and MESHAPI_TRANSPORT": "check MESHAPI_TRANSPORT",
        r'With transport="builtin" or ': "With ",
        r"the base URL should": "the base URL in MESHAPI_BASE_URL should",
        r"or the key that was given instead of it": "or the key that --api-key-file or --api-key-stdin read",
        r"private_hosts=\[.*\], or --private-host (\S+) on the command line": r"give --private-host \1",
        r"private_hosts should contain names": "--private-host should be a name",
        r", or pass ssl_context= \(or verify= to your own http_client\)": "",
        r"private_hosts=\[.*\], or (MESHAPI_PRIVATE_HOSTS=\S+)": r"set \1",
        r" \(`candidates\(\)`\)": ": meshapi-video list prints the stored tasks",
        r"Change the arguments that it names": "Change the options that it names",
        r", or the bytes\b": "",
        r"pass the bytes (?:of an open file: \S+|instead)": "give the file instead",
    }.items()
)
_FIELDS: Final = (
    "callback_url|camera_fixed|draft|duration|execution_expires_after|extra_body|first_frame|frames|generate_audio|"
    "last_frame|model|priority|ratio|reference_audio|reference_image|reference_video|resolution|return_last_frame|"
    "safety_identifier|seed|service_tier|watermark"
)
_FIELD_PHRASES: Final = tuple(
    (re.compile(expression, re.MULTILINE), replacement)
    for expression, replacement in {
        r"prompt and content are both missing: pass at least one of them": "PROMPT is missing: give it, or a picture, "
        "a video or a sound",
        rf"content\[\d+\], ({_FIELDS})\((.*?)\): ": r"\1 \2: ",
        r"^(- )?prompt should": r"\g<1>PROMPT should",
        r"\bcontent has\b": "the request has",
        r"the arguments have": "the options have",
        rf"\bpass ({_FIELDS})= instead": r"give \1 instead",
        r": pass ": ": give ",
    }.items()
)
_QUOTED: Final = r"""(?<!\w)(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")(?!\w)"""
# A field with an underscore is no word of a sentence. The others are one only where a mistake begins with them.
# A quoted text and a path are the user's: they stay as they are, also one whose end is cut off.
_FIELD: Final = re.compile(
    rf"{_QUOTED}|(?<![\w./\\'\"-])(?P<field>(?=\w*_)(?:{_FIELDS})|(?<=give )(?:{_FIELDS})|(?<=and )duration"
    rf"|(?:(?<=^)|(?<=^- ))(?:{_FIELDS})(?= (?:should|is|and|has)\b))(?![\w-]|\.\w|[/\\])",
    re.MULTILINE,
)


_can_overwrite = False


def set_can_overwrite(*, can_overwrite: bool) -> None:
    """Sets whether the command has the option `--overwrite`."""
    global _can_overwrite  # noqa: PLW0603 - a process runs one command
    _can_overwrite = can_overwrite


def in_terminal_words(text: str) -> str:
    """The message of an error, with options and variables in place of the arguments of the SDK."""
    advice = "give --overwrite to replace it" if _can_overwrite else "delete it, or choose another path"
    text = text.replace("already exists, and overwrite is not set", f"already exists: {advice}")
    for pattern, replacement in _PHRASES:
        text = pattern.sub(replacement, text)
    return text


def with_options(text: str) -> str:
    """The mistakes in a request that was made of options, with the names of the options. A batch has the fields."""
    text = in_terminal_words(text)
    for pattern, replacement in _FIELD_PHRASES:
        text = pattern.sub(replacement, text)
    return _FIELD.sub(lambda found: f"--{field.replace('_', '-')}" if (field := found["field"]) else found[0], text)
