"""The models that a task can be created with, and their limits."""

from __future__ import annotations

from typing import Final

from attrs import evolve, frozen

PREFIX: Final = "byteplus/"


@frozen(kw_only=True)
class ModelLimits:
    """What one model accepts. The defaults, for a model that the sandbox does not know, are every documented value."""

    resolutions: tuple[str, ...] = ("480p", "720p", "1080p", "4k")
    min_duration: int = 2
    """Seconds."""
    max_duration: int = 30
    """Seconds."""
    auto_duration: bool = True
    """Whether the duration may be -1: the server chooses."""
    frames: bool = True
    audio: bool = True
    """Whether `generate_audio` may be true."""
    draft: bool = True
    flex: bool = True
    camera_fixed: bool = True
    heic: bool = True
    """Whether images may be HEIC or HEIF."""
    first_frame: bool = True
    reference_images: int = 30
    reference_videos: int = 10
    reference_audios: int = 10
    references: int = 50
    """All references together."""
    audio_alone: bool = True
    """Whether audio may be the only input."""
    adaptive_frames: bool = False
    """Whether the ratio of a task with a first frame can be `adaptive` only."""


ANY: Final = ModelLimits()

_SEEDANCE_2_5: Final = ModelLimits(
    # The sources disagree about 1080p; the sandbox accepts it.
    resolutions=("480p", "720p", "1080p"),
    min_duration=4,
    frames=False,
    draft=False,
    flex=False,
    camera_fixed=False,
    adaptive_frames=True,
)
_SEEDANCE_2_0: Final = evolve(
    _SEEDANCE_2_5,
    resolutions=("480p", "720p", "1080p", "4k"),
    max_duration=15,
    reference_images=9,
    reference_videos=3,
    reference_audios=3,
    references=15,
    audio_alone=False,
    adaptive_frames=False,
)
_SEEDANCE_2_0_SMALL: Final = evolve(_SEEDANCE_2_0, resolutions=("480p", "720p"))
_SEEDANCE_1_5: Final = ModelLimits(
    resolutions=("480p", "720p", "1080p"),
    min_duration=4,
    max_duration=12,
    frames=False,
    reference_images=0,
    reference_videos=0,
    reference_audios=0,
    references=0,
    audio_alone=False,
)
_SEEDANCE_1_0: Final = evolve(
    _SEEDANCE_1_5, min_duration=2, auto_duration=False, frames=True, audio=False, draft=False, heic=False
)

MODELS: Final = {
    "dreamina-seedance-2-5-260628": _SEEDANCE_2_5,
    "dreamina-seedance-2-0": _SEEDANCE_2_0,
    "dreamina-seedance-2-0-260128": _SEEDANCE_2_0,
    "dreamina-seedance-2-0-fast-260128": _SEEDANCE_2_0_SMALL,
    "dreamina-seedance-2-0-mini-260615": _SEEDANCE_2_0_SMALL,
    "seedance-1-5-pro-251215": _SEEDANCE_1_5,
    "seedance-1-0-pro-250528": _SEEDANCE_1_0,
    "seedance-1-0-pro-fast-251015": _SEEDANCE_1_0,
    "seedance-1-0-lite-t2v-250428": evolve(_SEEDANCE_1_0, first_frame=False),
    "seedance-1-0-lite-i2v-250428": evolve(_SEEDANCE_1_0, reference_images=4, references=4),
}
"""The limits by the name that the upstream gives the model. Mesh puts `byteplus/` before it."""
