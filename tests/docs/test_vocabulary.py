"""One word for one thing: words that the project no longer uses stay out of its code and its pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
CODE: Final = ("overlays", "sandbox", "codegen", "benchmarks", "tools", "tests")
CODE_SUFFIXES: Final = {".py", ".yaml", ".yml", ".md", ".txt"}
PAGES: Final = (
    "*.md",
    "docs/*.md",
    "noxfile.py",
    "hatch_build.py",
    "pyproject.toml",
    "mkdocs.yml",
    "generator-config.yml",
    ".ci/run",
)

INSTEAD: Final = {
    # Polling
    "look(?:s|ed|ing)(?![ _](?:up|like|for|into))": "poll",
    "(?:a|each|every|one|first|second|next|last|final|of)[ _]look": "poll",
    "look at (?:the|a|each|many) tasks?": "poll, or get",
    "miss(?:es|ed)?": "failure, failed poll",
    "(?<!by[ _])chances?": "rand, or probability",
    "held off": "deferred",
    "silence": "Retry-After",
    "born": "created_at",
    "unheard_of": "unknown_statuses",
    "brought": "new_task, or a plain verb",
    "concluded?": "result",
    "(?:Pace|SPACING)": "RateLimiter, interval",
    "_Unfinished": "WaitUnfinished",
    "growth(?= ?[=:])": "multiplier",
    "\\.saw(?= ?\\()": "observe",
    # Requests and responses
    "(?:(?:a?sync)?_way|Way|WayOut)": "session, or transport",
    "borrowed": "user_client",
    "Prepared": "RequestTemplate",
    "Intake": "BodyReader",
    "forgiving": "lenient",
    "UpstreamError": "ServerError",
    "blot(?:s|ted)?": "redact",
    "(?:GLANCE|glances?)": "STOP_CHECK_INTERVAL, check",
    "(?:let_go|lets? go of)": "cancel, release",
    "tell_to_end": "cancel",
    "_GOODBYE": "SHUTDOWN_TIMEOUT",
    "(?:AT_ONCE|_A_WHILE|_MUCH)": "READ_SIZE, FLUSH_INTERVAL, WRITE_BUFFER",
    # Downloads, the command line, the sandbox
    "furthest": "max_received",
    "Board": "Display",
    "complains?": "print_error, raise",
    "in_vain": "failed",
    "upstream_asked": "upstream_polls",
    "Asker": "UpstreamClient",
    "_(?:asking|orders)": "_upstream_client, _task_requests",
    "hand_over": "assign_owner",
    # Figures of speech
    "whoever": "the noun: the caller, the user, the server",
    "rid(?:es?|den|ing) through": "continues after, retries",
    "the (?:house|rooms)": "architecture, packages",
    "(?:crosses|across) a wall": "breaks an import rule",
    "what came": "the response",
}
"""The expression for a retired word, and what to write instead."""


def as_pattern(word: str) -> re.Pattern[str]:
    """Finds `word` between characters that are not letters: `next_look` contains the word `look`."""
    # A word with a capital letter is a name, and its small letters are another word: `Prepared`, `prepared`.
    flags = re.IGNORECASE if word == word.lower() else re.NOFLAG
    return re.compile(rf"(?<![A-Za-z])(?:{word})(?![A-Za-z])", flags)


PATTERNS: Final = {as_pattern(word): instead for word, instead in INSTEAD.items()}


def retired_words(name: str, text: str) -> list[str]:
    """A line of the failure for each retired word in the name of a file and in its text."""
    # The name is line 0.
    text = f"{name}\n{text}"
    found = sorted(
        (text.count("\n", 0, match.start()), match[0], instead)
        for pattern, instead in PATTERNS.items()
        for match in pattern.finditer(text)
    )
    return [
        f"{name}:{line or ' the name of the file'}: {word!r} is a retired word: write {instead}"
        for line, word, instead in found
    ]


def files() -> Iterator[Path]:
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in CODE_SUFFIXES and path != Path(__file__):
                yield path
    for pattern in PAGES:
        yield from (path for path in sorted(ROOT.glob(pattern)) if path.name != "regeneration-report.md")


def test_no_hand_written_file_contains_a_retired_word() -> None:
    found = [
        problem
        for path in files()
        for problem in retired_words(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_every_folder_and_every_page_is_searched() -> None:
    searched = {path.relative_to(ROOT).as_posix() for path in files()}
    assert {name.split("/")[0] for name in searched} >= {folder for folder in CODE if (ROOT / folder).is_dir()}
    assert searched >= {"README.md", "docs/errors.md", "noxfile.py", "overlays/openapi.overlay.yaml"}


def test_a_failure_names_the_file_the_line_the_word_and_the_word_to_use() -> None:
    assert retired_words("module.py", "one\nnext_look = 1\n") == [
        "module.py:2: 'next_look' is a retired word: write poll"
    ]
    assert retired_words("test_looking.py", "") == [
        "test_looking.py: the name of the file: 'looking' is a retired word: write poll"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "12 looks, one of them a miss",
        "LAST_LOOK = 0.9",
        "self._async_way = Way()",
        "the key is blotted out",
        "class _Unfinished, raised as WaitTimeout",
        "it rides through a 502",
    ],
)
def test_a_retired_word_is_found_in_code_and_in_prose(text: str) -> None:
    assert retired_words("page.md", text)


@pytest.mark.parametrize(
    "text",
    [
        "look up a name; it should look like https://host; test_a_name_is_looked_up",
        "missing, dismissed, permission",
        "found by chance",
        "in this way, always, on the gateway, test_a_request_under_way",
        "a prepared statement",
    ],
)
def test_a_similar_word_stays(text: str) -> None:
    assert retired_words("page.md", text) == []
