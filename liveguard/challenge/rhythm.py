"""Eyes closed, or the mouth opened, on four beats that nobody could know before: was it done, and on the beat?

Whoever plays a recording, or another person's answers, closes his eyes at other times. Limits: a puppet that is driven live by
somebody who sees the beats keeps them, too; the eyes of a person who looks down at the ring are narrow.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from liveguard.challenge.check import LONGEST_US, SEVERAL, Verdict, cannot_judge, its_cue, reading
from liveguard.challenge.rhythm_events import ACTIONS, find_events
from liveguard.challenge.rhythm_model import matched, rhythm_nats
from liveguard.challenge.script import cue_name
from liveguard.detectors.quality import Limits, quality_of, shortfall
from liveguard.detectors.series import face_series
from liveguard.types import LASTS, Hypothesis, Need, Reading, Window

# A blink lasts 0.1 to 0.4 s: of fewer pictures a second it falls between two.
LIMITS: Final = Limits(seconds=4.0, fps=11.5, face_px=70.0, light=25.0, yaw_deg=35.0)
MOUTH_LIMITS: Final = Limits(seconds=4.0, fps=7.5, face_px=60.0, light=25.0, yaw_deg=45.0)
LEAST_SEEN: Final = 0.85  # share of the cue's time; what was done while no picture came is not known


class RhythmChallenge:
    """See the module."""

    name = "rhythm"
    hypothesis: Hypothesis = "feed_injected"
    about = "Do the eyes close, or the mouth open, on the beats that were shown? (a challenge)"
    need = Need(step_us=LONGEST_US, video_us=LONGEST_US, cue=cue_name("rhythm"))

    def evaluate(self, window: Window) -> Reading:
        cue = its_cue(window, "rhythm")
        series = face_series(window)
        quality = quality_of(series)
        measures, action = quality.measures(), str(cue.params["action"])
        lasts_s = int(cue.params[LASTS]) / 1e6
        # From whole microseconds, so that it does not matter when the session began.
        t_s = np.array([(sample.t_us - cue.t_us) / 1e6 for sample in series.samples])
        pictures = np.count_nonzero(t_s >= 0)
        if not window.alone:
            return cannot_judge(self.name, window, SEVERAL, measures)
        if why_not := shortfall(window, quality, LIMITS if action == "blink" else MOUTH_LIMITS):
            return cannot_judge(self.name, window, why_not, measures)
        if pictures < LEAST_SEEN * lasts_s * quality.fps:
            share = pictures / (lasts_s * quality.fps)
            why_not = f"the face was seen for {share:.0%} of the time, {LEAST_SEEN:.0%} needed: stay in view"
            return cannot_judge(self.name, window, why_not, measures)
        found = find_events(t_s, series, action)
        if found.why_not:
            return cannot_judge(self.name, window, found.why_not, measures | found.measures())
        beats_s = [int(beat) / 1e6 for beat in str(cue.params["beats_us"]).split()]
        events_s = found.at_s[found.at_s >= 0]
        nats = rhythm_nats(events_s, beats_s, lasts_s)
        hits, lag_ms = matched(events_s, beats_s)
        measures |= found.measures() | {
            "events": float(len(events_s)),
            "beats": float(len(beats_s)),
            "beats_met": float(hits),
        }
        if hits:
            measures["lag_ms"] = round(lag_ms)
        done = ACTIONS[action]
        if not len(events_s):
            why = f"{done} on none of {len(beats_s)} beats"
        else:
            why = f"{done} {len(events_s)} times, on {hits} of {len(beats_s)} beats"
        return reading(self.name, window, Verdict(nats, None, why, measures))
