"""The nouns of the project: what comes in, what is kept, what is said.

Everything here is frozen, slotted and free of behaviour. `t_us` is always integer microseconds on the session's own
timeline, which begins at 0; a tap assigns it once, and nothing behind a tap reads a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float32]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
ByteArray: TypeAlias = npt.NDArray[np.uint8]

SAMPLE_RATE_HZ = 16_000
"""Rate of all audio behind the taps."""

Hypothesis: TypeAlias = Literal["face_manipulated", "voice_synthetic", "av_mismatch", "feed_injected"]
HYPOTHESES: tuple[Hypothesis, ...] = ("face_manipulated", "voice_synthetic", "av_mismatch", "feed_injected")
GapReason: TypeAlias = Literal["shed", "lost", "muted", "no_face", "ended", "late"]
Track: TypeAlias = Literal["video", "audio"]


# --- what a tap delivers -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FeedInfo:
    """What a tap knows about its feed before the first sample.

    `live` says that time stamps come from a clock at capture, so that their jitter means something; `still` that one picture
    is all there is.
    """

    name: str
    tracks: frozenset[Track] = frozenset(("video", "audio"))
    live: bool = False
    seconds: float | None = None
    device_label: str = ""
    still: bool = False


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One picture: `image` (h, w, 3) uint8 RGB, upright."""

    t_us: int
    image: ByteArray


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """Sound: `pcm` (n,) float32 mono at 16 kHz in [-1, 1]; `t_us` is the time of its first sample."""

    t_us: int
    pcm: FloatArray


@dataclass(frozen=True, slots=True)
class Cue:
    """A stimulus that the person really saw or heard at `t_us`."""

    t_us: int
    name: str
    params: Mapping[str, float | int | str] = field(default_factory=dict)


LASTS: Final = "lasts_us"
"""The parameter of a cue that says for how long the person is asked to do something."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Which of several calls something is said about: its session, and the participant as whoever publishes has named it.

    `simulation`: the attack that the participant's page says it plays, to try the guard out.
    """

    session: str
    participant: str
    simulation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What all events have in common. `origin` is None where only one feed is guarded, and within the core."""

    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Gap(Said):
    """Data of one track that is missing between `start_us` and `end_us`, and why.

    `late`: it came too far behind the other track; such gaps are the timeline's own, and stand in windows only.
    """

    kind: Track
    start_us: int
    end_us: int
    reason: GapReason


TapSample: TypeAlias = VideoFrame | AudioChunk | Cue | Gap


# --- what is kept of a picture -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in pixels of the full picture."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class FaceSample:
    """One face in one picture, without its pixels.

    `landmarks` (478, 3) float32: x and y in pixels of the full picture, z in the same unit (smaller is nearer).
    `probes`: figures that detectors asked for, measured on the pixels once and kept by name.
    `crops`: pictures that a model will score, (h, w, 3) uint8 RGB, of five samples a second where a detector asked for them.
    `sharpness`: variance of the Laplacian of the face at 128 px width; `light`: mean luma of the skin, 0..255.
    `picture`: the face has kept still while another one moved, so it is taken for a photo or painting in the room.
    """

    t_us: int
    track: int
    landmarks: FloatArray
    box: Box
    sharpness: float
    light: float
    picture: bool = False
    probes: Mapping[str, FloatArray] = field(default_factory=dict)
    crops: Mapping[str, ByteArray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FaceSquare:
    """Where a face is about, in pixels of the full picture: it stays in place while the face stays in it."""

    track: int
    left: int
    top: int
    side: int


@dataclass(frozen=True, slots=True)
class FrameSample:
    """One whole picture, reduced to what the camera checks need.

    `digest`: hash of the pixels on a fixed grid (equal pictures have equal digests); `signature` (9, 16) float32: mean
    luma of as many cells; `noise`: robust high-frequency residual of the luma in grey levels; `face_cells`: (8, 8)
    float32 mean luma of a square about each face.
    """

    t_us: int
    width: int
    height: int
    digest: int
    signature: FloatArray
    noise: float
    face_cells: Mapping[FaceSquare, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    """All that the core ever learns of one picture.

    `unfollowed`: how many more faces were found of late than may be followed.
    """

    frame: FrameSample
    faces: tuple[FaceSample, ...]
    unfollowed: int = 0

    @property
    def t_us(self) -> int:
        return self.frame.t_us


Sample: TypeAlias = Observation | AudioChunk | Cue | Gap
"""What the pure core is fed with, and what a journal holds."""


# --- what a detector asks for and answers --------------------------------------------------------------------------


class FaceView(Protocol):
    """One face while its picture is still at hand; probes read it and keep a few figures."""

    @property
    def image(self) -> ByteArray: ...
    @property
    def landmarks(self) -> FloatArray: ...
    @property
    def texture(self) -> ByteArray:
        """The canonical face texture (96, 96, 3) uint8 RGB: each mesh point always lies on the same texel."""
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """A pure measurement of one face in one picture: `measure(view)` gives a small float32 array.

    `every_us`: a figure that changes slowly may be measured anew only so often; in between the last one stands.
    """

    name: str
    measure: Callable[[FaceView], FloatArray]
    every_us: int = 0


@dataclass(frozen=True, slots=True)
class Need:
    """What a detector reads: the last `video_us` and `audio_us`, every `step_us`.

    scope "face": once per tracked face; "feed": once for the whole feed. A need with `video_us` and scope "feed" reads
    `Window.frames`. `cost` heavy: may run in the shared pool instead of the session's thread. `evidence_us`: the stretch
    at the window's end that one reading is about (0: all of it); the overlap of successive readings is discounted by it.
    `still`: a single picture is enough to say something; all others cannot judge a feed of one picture.
    `cue`: a window is due not every `step_us`, but when a cue of this name is over: `LASTS` of its params after it was seen.
    """

    step_us: int
    video_us: int = 0
    audio_us: int = 0
    evidence_us: int = 0
    scope: Literal["face", "feed"] = "face"
    cost: Literal["light", "heavy"] = "light"
    probes: tuple[Probe, ...] = ()
    crops: tuple[str, ...] = ()
    cue: str = ""
    still: bool = False

    @property
    def length_us(self) -> int:
        return max(self.video_us, self.audio_us)


@dataclass(frozen=True, slots=True)
class Speech:
    """Audio features on the session's fixed grid, computed once and shared by all checks.

    Frame k is `hop_us` after frame k - 1; `t_us` (T,) int64 is the time of each frame's centre. `log_mel` (T, 40)
    float32 dB re full scale, 60-7600 Hz; `voiced` (T,) bool; `level_db` (T,) float32 RMS dB re full scale;
    `present` (T,) bool: False where samples were missing.
    """

    t_us: npt.NDArray[np.int64]
    log_mel: FloatArray
    voiced: BoolArray
    level_db: FloatArray
    present: BoolArray
    hop_us: int = 10_000

    @property
    def voiced_s(self) -> float:
        return float(np.count_nonzero(self.voiced)) * self.hop_us / 1e6


@dataclass(frozen=True, slots=True)
class Window:
    """What one detector sees of one stretch of time, [start_us, end_us).

    `faces`: samples of the track `track` in order (scope "face"). `frames`: whole pictures (scope "feed"). `pcm` (n,)
    float32 begins at `pcm_start_us`; missing samples are 0. `peers`: other tracks seen in the window that are people
    rather than pictures on a wall; of a whole feed those of the stretch that the reading is about (`Need.evidence_us`).
    `unfollowed`: within that time there were more faces in the picture than may be followed.
    `coverage` 0..1: the share of the wanted length for which all needed tracks are there.
    """

    start_us: int
    end_us: int
    feed: FeedInfo
    track: int | None
    faces: tuple[FaceSample, ...]
    frames: tuple[FrameSample, ...]
    pcm: FloatArray
    pcm_start_us: int
    speech: Speech
    cues: tuple[Cue, ...]
    gaps: tuple[Gap, ...]
    peers: tuple[int, ...]
    coverage: float
    unfollowed: bool = False

    @property
    def alone(self) -> bool:
        """Whether nobody else was in the picture, followed or not."""
        return not self.peers and not self.unfollowed


@dataclass(frozen=True, slots=True)
class Reading(Said):
    """What a check says about one window.

    `llr`: natural-log likelihood ratio, > 0 speaks for an attack; None: cannot judge, and `why` says the reason.
    `measures`: the figures behind it, each name ending in its unit.
    """

    detector: str
    track: int | None
    start_us: int
    end_us: int
    llr: float | None
    coverage: float
    why: str
    measures: Mapping[str, float] = field(default_factory=dict)


class Detector(Protocol):
    """A check. `evaluate` is pure: the same window gives the same reading, and any thread may call it."""

    @property
    def name(self) -> str: ...
    @property
    def hypothesis(self) -> Hypothesis: ...
    @property
    def about(self) -> str:
        """One line for people: what it looks for."""
        ...

    @property
    def need(self) -> Need: ...
    def evaluate(self, window: Window) -> Reading: ...


# --- what the guard says -------------------------------------------------------------------------------------------

State: TypeAlias = Literal["genuine", "suspicious", "alert", "cannot_judge"]


@dataclass(frozen=True, slots=True)
class Status(Said):
    """The standing of one participant at `t_us`: state, risk 0..1 (None: cannot judge) and the reasons in words."""

    t_us: int
    participant: str
    state: State
    risk: float | None
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Alert(Said):
    """An alert raised or cleared. `id` is the same for both; (`id`, `state`) is the key that a receiver dedupes by.

    `lag_us`: from the estimated onset of the evidence to the alert, in stream time.
    """

    id: str
    participant: str
    state: Literal["raised", "cleared"]
    hypothesis: Hypothesis
    t_us: int
    risk: float
    evidence_nats: float
    threshold_nats: float
    readings: tuple[Reading, ...]
    lag_us: int
    settle: str


@dataclass(frozen=True, slots=True)
class Fault(Said):
    """Something of ours broke; it is said, and never turned into a score."""

    t_us: int
    where: str
    what: str


Event: TypeAlias = Reading | Status | Alert | Fault | Gap


class Tap(Protocol):
    """A source of samples in order of time per track. Iterating may block; `close` may be called from any thread."""

    @property
    def info(self) -> FeedInfo: ...
    def samples(self) -> Iterator[TapSample]: ...
    def close(self) -> None: ...


class Sink(Protocol):
    """Where events go. `send` is called on one thread; it may raise `SinkError`, which is said. An alert that was refused
    is sent again, so receivers tell repetitions apart by the alert's id and state."""

    def send(self, event: Event) -> None: ...
    def close(self) -> None: ...
