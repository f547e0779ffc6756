"""FFmpeg's sound filters over a whole sound."""

from __future__ import annotations

from fractions import Fraction

import av
import av.error
import av.filter
import numpy as np

from liveguard.stress.pcm import fitted
from liveguard.types import SAMPLE_RATE_HZ, FloatArray


def av_filter(pcm: FloatArray, description: str, delay: int = 0) -> FloatArray:
    """`pcm` (n,) after a chain of filters as the ffmpeg command takes it ("name=option=value:...,name"), (n,) in [-1, 1].

    `delay`: by how many samples the chain is late; filters do not tell. What does not come out is silence. Raises
    av.error.FFmpegError or ValueError for a chain that FFmpeg does not know.
    """
    if not len(pcm):
        return pcm.copy()
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        sample_rate=SAMPLE_RATE_HZ, format="fltp", layout="mono", time_base=Fraction(1, SAMPLE_RATE_HZ)
    )
    steps = [step.partition("=") for step in description.split(",")]
    chain = [graph.add(name, options or None) for name, _, options in steps]
    form = graph.add("aformat", f"sample_fmts=fltp:sample_rates={SAMPLE_RATE_HZ}:channel_layouts=mono")
    graph.link_nodes(source, *chain, form, graph.add("abuffersink")).configure()
    # The end of the sound is pushed out by silence that follows it.
    sound = av.AudioFrame.from_ndarray(fitted(pcm, len(pcm) + delay)[None], format="fltp", layout="mono")
    sound.sample_rate, sound.pts, sound.time_base = SAMPLE_RATE_HZ, 0, Fraction(1, SAMPLE_RATE_HZ)
    graph.push(sound)
    graph.push(None)
    parts: list[FloatArray] = [np.zeros(0, np.float32)]
    while (frame := _pulled(graph)) is not None:
        parts.append(frame.to_ndarray()[0])
    return fitted(np.concatenate(parts)[delay:], len(pcm))


def _pulled(graph: av.filter.Graph) -> av.AudioFrame | None:
    try:
        frame = graph.pull()
    except (av.error.EOFError, av.error.BlockingIOError):
        return None
    assert isinstance(frame, av.AudioFrame)
    return frame
