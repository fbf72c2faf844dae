"""A request is built with its files in it, or refused with every mistake in the arguments at once."""

from __future__ import annotations

import json
import os
import secrets
import tracemalloc
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshapi_video import VideoContentItem, VideoGenerationRequest
from meshapi_video._create import items, request
from meshapi_video._create.content import (
    Media,
    first_frame,
    last_frame,
    reference_audio,
    reference_image,
    reference_video,
)
from meshapi_video._create.items import LARGEST_BODY
from meshapi_video._create.media import Inspected, Kind, inspect
from meshapi_video._create.models import CreateWarning, facts_of
from meshapi_video._create.request import SEEDS, CreateOptions, build_request, warn_of_doubts

MODEL = "another-model"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
GIF = b"GIF89a" + bytes(100)
MP4 = b"\0\0\0\x18ftypisom\0\0\0\0mp42" + bytes(100)
WAV = b"RIFF\0\0\0\0WAVEfmt "
HEIC = b"\0\0\0\x10ftypheic\0\0\0\0"


def build(
    model: Any = MODEL,  # noqa: ANN401 - mistakes are under test
    prompt: Any = "a cat",  # noqa: ANN401
    content: Any = (),  # noqa: ANN401
    extra_body: Any = None,  # noqa: ANN401
    **options: Any,  # noqa: ANN401
) -> VideoGenerationRequest:
    checked = CreateOptions(**options)  # type: ignore[typeddict-item]  # mistakes are under test
    return build_request(model, prompt, content, checked, extra_body)


def body(**arguments: Any) -> dict[str, Any]:  # noqa: ANN401
    return build(**{"seed": 1, **arguments}).to_dict()


def mistake(**arguments: Any) -> str:  # noqa: ANN401
    with pytest.raises(ValueError, match="othing was sent") as caught:
        build(**arguments)
    assert type(caught.value) is ValueError
    return str(caught.value)


def draft_task() -> VideoContentItem:
    return VideoContentItem.from_dict({"type": "draft_task", "draft_task": {"id": "cgt-1"}})


def test_a_prompt_alone_is_a_request() -> None:
    assert body() == {"model": MODEL, "content": [{"type": "text", "text": "a cat"}], "seed": 1}


def test_every_option_is_sent_as_it_is() -> None:
    options: CreateOptions = {
        "callback_url": "https://example.com/callback",
        "return_last_frame": True,
        "service_tier": "default",
        "execution_expires_after": 3600,
        "generate_audio": False,
        "draft": False,
        "resolution": "720p",
        "ratio": "adaptive",
        "duration": -1,
        "seed": -1,
        "camera_fixed": False,
        "watermark": False,
        "safety_identifier": "x" * 64,
        "priority": 9,
    }
    sent = body(**options)
    assert {name: value for name, value in sent.items() if name not in {"model", "content"}} == options
    assert body(frames=29)["frames"] == 29
    assert set(CreateOptions.__annotations__) == {*options, "frames"} == set(sent) - {"model", "content"} | {"frames"}


def test_none_leaves_an_option_out() -> None:
    assert body(duration=None, ratio=None, callback_url=None, extra_body=None) == body()


def test_an_address_a_path_and_bytes_become_items_with_their_roles(tmp_path: Path) -> None:
    path = tmp_path / "cat"
    path.write_bytes(PNG)
    sent = body(content=[first_frame(path), last_frame("https://host/cat.png")])["content"]
    assert [item["type"] for item in sent] == ["text", "image_url", "image_url"]
    assert [item.get("role") for item in sent] == [None, "first_frame", "last_frame"]
    assert sent[1]["image_url"]["url"].startswith("data:image/png;base64,iVBOR")
    assert sent[2]["image_url"] == {"url": "https://host/cat.png"}


def test_each_kind_of_media_has_its_own_field() -> None:
    sent = body(prompt=None, content=[reference_image(GIF), reference_video(MP4), reference_audio("asset://a")])
    assert [sorted(item) for item in sent["content"]] == [
        ["image_url", "role", "type"],
        ["role", "type", "video_url"],
        ["audio_url", "role", "type"],
    ]


def test_content_may_come_from_any_iterable() -> None:
    items = (first_frame(PNG) for _ in range(1))
    assert len(body(prompt=None, content=items)["content"]) == 1


def test_a_generated_item_is_sent_as_it_was_when_the_request_was_built() -> None:
    item = VideoContentItem(type_="new_type")
    item["new"] = {"a": 1}
    built = build(prompt=None, content=[item])
    item["new"]["a"] = 2
    assert built.to_dict()["content"] == [{"type": "new_type", "new": {"a": 1}}]


def test_a_request_without_a_seed_gets_a_random_one(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = list[int]()

    def randbelow(limit: int) -> int:
        limits.append(limit)
        return 7

    monkeypatch.setattr(secrets, "randbelow", randbelow)
    assert build().seed == build(seed=None).seed == 7
    assert limits == [2**32, 2**32]


@pytest.mark.parametrize("seed", [-1, 0, SEEDS - 1])
def test_the_callers_seed_is_never_replaced(seed: int) -> None:
    assert build(seed=seed).seed == seed


def test_the_task_of_a_draft_gets_no_seed_because_it_takes_that_of_the_draft() -> None:
    assert build(prompt=None, content=[draft_task()]).to_dict() == {
        "model": MODEL,
        "content": [{"type": "draft_task", "draft_task": {"id": "cgt-1"}}],
    }


def test_extra_fields_are_sent_as_they_were_when_the_request_was_built() -> None:
    extra = {"output_format": "mov", "tools": [{"type": "web_search"}]}
    built = build(extra_body=extra)
    extra["tools"] = []
    sent = built.to_dict()
    assert sent["output_format"] == "mov"
    assert sent["tools"] == [{"type": "web_search"}]


def test_an_unknown_option_is_a_type_error_with_a_near_name() -> None:
    with pytest.raises(TypeError) as caught:
        build(model="", resolutoin="720p")
    assert str(caught.value) == (
        "unknown option: resolutoin (did you mean resolution?). "
        "Pass a field that is newer than this release in extra_body. Nothing was sent"
    )


def test_the_names_of_other_apis_lead_to_ours_and_all_unknown_options_are_listed() -> None:
    with pytest.raises(TypeError, match=r"unknown options: aspect_ratio \(did you mean ratio\?\), zzzzz\. Pass"):
        build(aspect_ratio=None, zzzzz=1)


WRONG: list[tuple[str, object, str]] = [
    ("priority", 10, "priority should be a whole number from 0 to 9; it is 10"),
    ("priority", -1, "it is -1"),
    ("priority", True, "it is True"),
    ("priority", 1.0, "it is 1.0"),
    ("execution_expires_after", 3599, "a whole number of seconds from 3600 to 259200; it is 3599"),
    ("execution_expires_after", 259_201, "it is 259201"),
    ("safety_identifier", "x" * 65, "a text of 1 to 64 characters"),
    ("safety_identifier", "", "it is ''"),
    ("seed", -2, "a whole number from 0 to 4294967295, or -1 to let the server choose; it is -2"),
    ("seed", 2**32, "it is 4294967296"),
    ("duration", 0, "a whole number of seconds of at least 1, or -1 to let the server choose; it is 0"),
    ("duration", -2, "it is -2"),
    ("duration", "5", "it is '5'"),
    ("frames", 0, "a whole number of at least 1; it is 0"),
    ("draft", 1, "draft should be True or False; it is 1"),
    ("generate_audio", "no", "it is 'no'"),
    ("return_last_frame", 0, "it is 0"),
    ("camera_fixed", "", "it is ''"),
    ("watermark", [], "it is []"),
    ("resolution", 720, "resolution should be a text that is not empty; it is 720"),
    ("ratio", " ", "it is ' '"),
    ("service_tier", "\ud800", "it is '\\ud800'"),
    ("model", "", "such as byteplus/dreamina-seedance-2-0; it is ''"),
    ("model", None, "it is None"),
    ("prompt", " ", "prompt should be a text that is not empty, or left out; it is ' '"),
    ("prompt", 5, "it is 5"),
    ("prompt", "\ud800", "prompt should be"),
]


@pytest.mark.parametrize(("name", "value", "problem"), WRONG)
def test_a_wrong_value_is_refused_with_the_values_that_are_right(name: str, value: object, problem: str) -> None:
    text = mistake(**{name: value})
    assert text.startswith(f"{name} should be ")
    assert problem in text


@pytest.mark.parametrize("url", ["ftp://host/", "https://", "/callback", "https://user:secret@host/", 5, ""])
def test_a_callback_to_a_bad_address_is_refused_and_not_quoted(url: object) -> None:
    assert mistake(callback_url=url) == (
        "callback_url should be a URL with http or https and a host, without a user name or a password. "
        "Nothing was sent"
    )


def test_a_long_wrong_value_is_shortened() -> None:
    assert len(mistake(seed="x" * 100_000)) < 300


FIRST, LAST, REFERENCE = first_frame(PNG), last_frame(PNG), reference_image(PNG)
TOGETHER: list[tuple[Iterable[Media | VideoContentItem], str]] = [
    ([LAST], "content has a last_frame without a first_frame: pass both, or only a first_frame"),
    ([FIRST, FIRST], "content has 2 items that are a first_frame: pass one"),
    ([FIRST, LAST, LAST], "content has 2 items that are a last_frame: pass one"),
    ([FIRST, REFERENCE], "content has first or last frames and references, which exclude each other: pass one sort"),
    (
        [FIRST, VideoContentItem.from_dict({"type": "video_url", "role": "reference_video"})],
        "content has first or last frames and references, which exclude each other: pass one sort",
    ),
    ([draft_task()], "content has a draft_task, which stands alone: leave out the prompt and the other items"),
]


@pytest.mark.parametrize(("content", "problem"), TOGETHER)
def test_items_that_exclude_each_other_are_refused(content: list[Media | VideoContentItem], problem: str) -> None:
    assert mistake(content=content) == f"{problem}. Nothing was sent"


def test_two_draft_tasks_are_refused() -> None:
    assert "draft_task, which stands alone" in mistake(prompt=None, content=[draft_task(), draft_task()])


def test_sounds_alone_are_refused_unless_the_model_is_known_to_take_them() -> None:
    content = [
        reference_audio(WAV),
        VideoContentItem.from_dict({"type": "audio_url", "audio_url": {"url": "asset://a"}}),
    ]
    assert mistake(prompt=None, content=content) == (
        "content has sounds alone: add a picture, a video or a prompt. Nothing was sent"
    )
    build("byteplus/dreamina-seedance-2-5-260628", None, content)
    build(MODEL, None, [*content, REFERENCE])
    build(MODEL, "a cat", content)


def test_frames_and_duration_exclude_each_other() -> None:
    assert (
        mistake(frames=29, duration=5) == "frames and duration exclude each other: pass one of them. Nothing was sent"
    )


def test_no_prompt_and_no_content_is_refused() -> None:
    problem = "prompt and content are both missing: pass at least one of them"
    assert mistake(prompt=None) == f"{problem}. Nothing was sent"
    assert problem in mistake(model="", prompt=None, content=[])


@pytest.mark.parametrize("content", ["cat.png", PNG, FIRST, draft_task(), {}, 5, None])
def test_content_that_is_no_list_is_refused_without_its_contents(content: object) -> None:
    assert mistake(prompt=None, content=content) == (
        "content should be a list, such as [first_frame('cat.png')]; it is of the type "
        f"{type(content).__name__}. Nothing was sent"
    )


def test_an_item_that_is_none_is_refused_with_its_place() -> None:
    text = mistake(prompt=None, content=["cat.png", first_frame(MP4), VideoContentItem(type_="")])
    assert text == (
        "the arguments have 3 mistakes, and nothing was sent:\n"
        "- content[0] should come from first_frame, last_frame, reference_image, reference_video or reference_audio, "
        "or be a VideoContentItem; it is str\n"
        "- content[2].type_ should be a text that is not empty, such as 'text'; it is ''\n"
        "- content[1], first_frame(120 bytes): it is of the type video/mp4; pass a JPEG, PNG, WebP, BMP, TIFF, GIF, "
        "HEIC or HEIF image"
    )


@pytest.mark.parametrize("name", [*CreateOptions.__annotations__, "model", "content", "prompt"])
def test_an_extra_field_that_has_an_argument_is_refused(name: str) -> None:
    assert f"extra_body has {name!r}, which this release knows: pass {name}= instead" in mistake(extra_body={name: 1})


LOOP: list[object] = []
LOOP.append(LOOP)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), b"x", {1, 2}, LOOP, {(1, 2): 3}])
def test_extra_fields_that_are_no_json_are_refused(value: object) -> None:
    assert mistake(extra_body={"x": value}).startswith("extra_body should be JSON: ")


@pytest.mark.parametrize("extra", ["{}", [("a", 1)], 5])
def test_extra_fields_that_are_no_mapping_are_refused(extra: object) -> None:
    assert mistake(extra_body=extra).startswith("extra_body should be a mapping of names to values; it is ")


def test_the_names_of_extra_fields_are_texts() -> None:
    extra: Mapping[object, object] = {1: 1}
    assert "extra_body should have only texts as names; one is 1" in mistake(extra_body=extra)


def test_all_mistakes_come_in_one_error() -> None:
    text = mistake(
        model="",
        prompt="",
        content=[first_frame("no-such-file.png"), last_frame("https://"), reference_audio(b"")],
        extra_body={"seed": 1},
        duration=0,
        frames=0,
        priority=10,
    )
    starts = [line.partition(" ")[2].split()[0] for line in text.splitlines()[1:]]
    assert starts == [
        *("model", "duration", "frames", "priority", "frames", "extra_body", "prompt"),
        *("content", "content[0],", "content[1],", "content[2],"),
    ]
    assert f"{len(starts)} mistakes" in text


def test_a_file_that_is_missing_is_named() -> None:
    assert mistake(content=[first_frame("no/cat.png")]) == (
        "content[0], first_frame('no/cat.png'): there is no such file; check the path (the current folder is "
        f"{os.fspath(Path.cwd())!r}). Nothing was sent"
    )


def test_no_file_is_read_whole_if_there_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "data_uri", None)
    assert "priority" in mistake(content=[first_frame(PNG)], priority=10)


def test_a_file_that_changes_while_the_request_is_built_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)

    def then_change(source: Path, kind: Kind) -> Inspected:
        found = inspect(source, kind)
        path.write_bytes(GIF)
        return found

    monkeypatch.setattr(items, "inspect", then_change)
    assert "the file changed while it was read" in mistake(content=[first_frame(path)])


def test_files_that_are_too_large_together_are_refused_before_one_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(PNG)
    with path.open("r+b") as file:
        file.truncate(25 * 1024**2)
    monkeypatch.setattr(items, "data_uri", None)
    text = mistake(content=[reference_image(path), reference_image(path), reference_image("asset://a")])
    assert text == (
        "content needs 69,905,125 bytes as JSON, more than the 67,108,864 that the API allows for a request: "
        "make the files smaller, or pass URLs. Nothing was sent"
    )


def test_a_request_that_is_too_large_is_refused_wherever_its_size_comes_from() -> None:
    too_many = "ä" * (LARGEST_BODY // 2)
    assert mistake(prompt=too_many).startswith("the request needs 67,1")
    assert mistake(extra_body={"x": too_many}).startswith("the request needs 67,1")


def test_a_generated_item_that_is_no_json_is_refused() -> None:
    item = VideoContentItem(type_="text", text="\ud800")
    assert mistake(prompt=None, content=[item]).startswith("content cannot be sent as JSON: 'utf-8' codec")
    item = VideoContentItem(type_="text")
    item["x"] = object()
    assert mistake(prompt=None, content=[item]) == (
        "content cannot be sent as JSON: Object of type object is not JSON serializable. Nothing was sent"
    )


def test_a_large_file_needs_less_than_three_times_its_size_in_memory(tmp_path: Path) -> None:
    path, size = tmp_path / "cat.png", 24 * 1024**2
    path.write_bytes(PNG)
    with path.open("r+b") as file:
        file.truncate(size)
    tracemalloc.start()
    try:
        built = build(content=[first_frame(path)])
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Base64 adds a third, and the URI is joined from pieces.
    assert peak < 2.9 * size
    assert kept < 1.4 * size
    assert built.content[1].image_url


def test_urls_count_for_the_size_of_a_request_and_are_sent_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    content = [first_frame(PNG), VideoContentItem.from_dict({"type": "video_url", "video_url": {"url": "https://a/ä"}})]
    built = build(content=content, extra_body={"ä": [1, None]})
    sent = httpx.Request("POST", "https://localhost", json=built.to_dict()).read()
    monkeypatch.setattr(request, "LARGEST_BODY", len(sent))
    request._check_body(built)
    assert httpx.Request("POST", "https://localhost", json=built.to_dict()).read() == sent
    monkeypatch.setattr(request, "LARGEST_BODY", len(sent) - 1)
    with pytest.raises(ValueError, match=f"the request needs {len(sent):,} bytes as JSON, more than the"):
        request._check_body(built)


def test_the_body_of_a_request_is_json() -> None:
    built = build(content=[first_frame(PNG)], extra_body={"x": [1]})
    assert VideoGenerationRequest.from_dict(json.loads(json.dumps(built.to_dict()))).to_dict() == built.to_dict()


PRO_1_0, PRO_1_5 = "byteplus/seedance-1-0-pro-250528", "byteplus/seedance-1-5-pro-251215"
FAST_2_0, V_2_0 = "dreamina-seedance-2-0-fast-260128", "byteplus/dreamina-seedance-2-0"
V_2_5, LITE = "byteplus/dreamina-seedance-2-5-260628", "seedance-1-0-lite-i2v-250428"
T2V = "seedance-1-0-lite-t2v-250428"
DOUBTS: list[tuple[str, list[Media], dict[str, Any], str]] = [
    (MODEL, [], {"ratio": "16x9"}, "ratio is '16x9', which is none of 16:9, 4:3, 1:1, 3:4, 9:16, 21:9, adaptive"),
    (MODEL, [], {"service_tier": "turbo"}, "service_tier is 'turbo', which is neither default nor flex"),
    (MODEL, [], {"draft": True, "resolution": "720p"}, "resolution is '720p', but a draft is made with 480p"),
    (MODEL, [], {"draft": True, "return_last_frame": True}, "return_last_frame is set, but a draft has no last frame"),
    (MODEL, [], {"draft": True, "service_tier": "flex"}, "service_tier is 'flex', but a draft"),
    (FAST_2_0, [], {"resolution": "1080p"}, "resolution is '1080p', which is none of 480p, 720p, as far as is known"),
    (PRO_1_5, [], {"resolution": "4k"}, "resolution is '4k'"),
    (V_2_0, [], {"duration": 16}, "duration is 16, which is not from 4 to 15 seconds"),
    (PRO_1_0, [], {"duration": -1}, "duration is -1"),
    (V_2_0, [], {"frames": 29}, "frames is not supported: pass duration"),
    (PRO_1_0, [], {"frames": 30}, "frames is 30, which is not 25 + 4n, from 29 to 289"),
    (PRO_1_0, [], {"frames": 25}, "frames is 25"),
    (PRO_1_0, [], {"generate_audio": True}, "generate_audio is set, but the model makes no sound"),
    (V_2_0, [], {"draft": True}, "draft is not supported"),
    (V_2_5, [], {"service_tier": "flex"}, "service_tier 'flex' is not supported"),
    (V_2_0, [], {"camera_fixed": True}, "camera_fixed is not supported here"),
    (LITE, [REFERENCE], {"camera_fixed": True}, "camera_fixed is not supported here"),
    (V_2_5, [FIRST], {"ratio": "16:9"}, "ratio is '16:9', but should be 'adaptive' with a first frame"),
    (PRO_1_5, [reference_video(MP4)], {}, "videos and sounds are not supported as references"),
    (V_2_0, [reference_audio(WAV)], {}, "a sound needs a picture or a video beside it"),
    (PRO_1_5, [REFERENCE], {}, "content has 1 of the role reference_image, more than 0"),
    (T2V, [FIRST], {}, "content has 1 of the role first_frame, more than 0"),
    (LITE, [REFERENCE] * 5, {}, "content has 5 of the role reference_image, more than 4"),
    (
        V_2_5,
        [*[REFERENCE] * 30, *[reference_video(MP4)] * 10, *[reference_audio(WAV)] * 11],
        {},
        "content has 51 references, more than 50",
    ),
    (PRO_1_0, [first_frame(HEIC)], {}, "HEIC and HEIF images are not supported"),
]


def test_a_prompt_of_a_megabyte_is_sent_with_a_warning() -> None:
    for content in ([], [VideoContentItem(type_="text", text="x" * 1_000_000)]):
        sent = build(prompt="a cat" if content else "x" * 1_000_000, content=content)
        with pytest.warns(CreateWarning, match=r"^a text has 1,000,000 characters, .* is it the right text\?$"):
            warn_of_doubts(sent)
        assert sent.content[-1].text == "x" * 1_000_000
    warn_of_doubts(build(prompt="x" * 10_000))


def test_an_image_of_a_generated_item_may_have_any_form() -> None:
    untyped: Any = {"url": "https://a/cat.png"}
    for model in (PRO_1_0, V_2_0):
        built = build(model, content=[VideoContentItem(type_="image_url", image_url=untyped)])
        warn_of_doubts(built)
        sent = built.to_dict()
        assert sent["content"][1] == {"type": "image_url", "image_url": untyped}


@pytest.mark.parametrize(("model", "content", "options", "doubt"), DOUBTS)
def test_what_is_not_known_of_a_model_is_a_warning_and_is_sent(
    model: str, content: list[Media], options: dict[str, Any], doubt: str
) -> None:
    built = build(model, "a cat", content, **options)
    with pytest.warns(CreateWarning) as caught:
        warn_of_doubts(built)
    sent = built.to_dict()
    assert any(str(warning.message).startswith(doubt) for warning in caught), [str(one.message) for one in caught]
    assert {name: sent[name] for name in options} == options


@pytest.mark.parametrize(
    ("model", "content", "options"),
    [
        (V_2_0, [], {"resolution": "4k", "duration": -1, "ratio": "21:9", "service_tier": "default"}),
        (V_2_0, [reference_audio(WAV), REFERENCE], {"generate_audio": True}),
        (V_2_5, [FIRST, LAST], {"ratio": "adaptive", "duration": 30}),
        (V_2_5, [reference_audio(WAV), reference_video(MP4)], {"ratio": "16:9"}),
        (V_2_5, [FIRST], {}),
        (V_2_5, [reference_audio(WAV)], {}),
        (PRO_1_5, [], {"duration": -1}),
        (T2V, [], {}),
        (PRO_1_5, [FIRST], {"draft": True, "resolution": "480p"}),
        (PRO_1_5, [first_frame(HEIC)], {"service_tier": "flex"}),
        (PRO_1_0, [FIRST], {"frames": 289, "camera_fixed": True}),
        ("seedance-9", [REFERENCE] * 60, {"resolution": "8k", "duration": 600, "frames": None}),
    ],
)
def test_what_is_known_to_be_right_or_is_not_known_at_all_gives_no_warning(
    model: str, content: list[Media], options: dict[str, Any]
) -> None:
    warn_of_doubts(build(model, "a cat", content, **options))


def test_a_variant_of_a_model_has_facts_of_its_own() -> None:
    fast, plain = facts_of(FAST_2_0), facts_of(V_2_0)
    assert fast is not None
    assert plain is not None
    assert (fast.resolutions, plain.resolutions[-1]) == (("480p", "720p"), "4k")
    assert facts_of(MODEL) is None


def test_a_warning_names_the_line_that_called_the_package() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_doubts(build(ratio="1:2"))
    first_line = test_a_warning_names_the_line_that_called_the_package.__code__.co_firstlineno
    assert (caught[0].filename, caught[0].lineno) == (__file__, first_line + 3)
