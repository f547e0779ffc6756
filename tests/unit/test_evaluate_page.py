"""The report of an evaluation: what it says, what it leaves out, and that nothing foreign gets into it as HTML."""

from __future__ import annotations

import re
from collections import Counter
from copy import deepcopy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from liveguard.evaluate.manifest import Item
from liveguard.evaluate.report.page import page
from liveguard.evaluate.report.plots import plots
from liveguard.evaluate.run import Run
from liveguard.evaluate.scores import Scores

EVIL = "<script>alert(1)</script>"
VOID = {"meta", "br", "hr", "img", "input", "link"}


def detection(detected: int, n: int, p50: float | None = None) -> dict[str, Any]:
    share = detected / n
    ends = [round(max(share - 0.1, 0), 4), round(min(share + 0.1, 1), 4)]
    delays = {"p50": p50, "p95": p50}
    return {"detected": detected, "n_attack": n, "detected_share": share, "detected_ci": ends, "delay_s": delays}


def alerts(count: int, hours: float) -> dict[str, Any]:
    return {
        "false_alerts": count,
        "hours": hours,
        "material_hours": 0.25,
        "false_alerts_per_hour": count / hours,
        "false_alerts_per_hour_ci": [0.04, 1.27],
        "people": 77,
        "people_alarmed": 2,
        "false_alerts_by_hypothesis": {"feed_injected": count},
    }


def short(auc: float | None) -> dict[str, Any]:
    return {
        "auc": auc,
        "auc_ci": None if auc is None else [0.71, 0.93],
        "auc_ci_sources": None if auc is None else [0.58, 0.97],
        "eer": 0.21,
        "fpr": 0.33,
        "fnr": 0.11,
        "n_bonafide": 41,
        "n_attack": 43,
        "by_kind": {"swap": {"auc": auc, "fnr": 0.1, "n_attack": 40}},
    }


def check(auc: float | None = 0.84) -> dict[str, Any]:
    part = {"auc": None, "fpr": 0.2, "fnr": None, "n_bonafide": 4, "n_attack": 0}
    return {
        **short(auc),
        "eer_ci": [0.15, 0.3],
        "fpr_at_tpr80": 0.37,
        "ece": 0.123,
        "reliability": [[0.2, 0.1, 0.5], [0.8, 0.9, 0.5]],
        "ece_by_chance": 0.045,
        "cannot_judge": 0.62,
        "cannot_judge_causes": {"# s of face seen, # s needed: wait": 9},
        "by_generator": {EVIL: {"auc": 0.5, "fnr": 0.5, "n_attack": 3}},
        "by_source": {"somewhere": part},
        "slices": {"face_px": {"60 to 100": part}, "light_luma": {}},
    }


def leak(leaks: bool) -> dict[str, Any]:
    one = {"line": {"auc": 0.91, "auc_ci": [0.8, 0.97]}, "trees": {"auc": None, "auc_ci": None}}
    about = {"leaks": leaks, "confounded": leaks, "facts": ["width"], "n_bonafide": 50, "n_attack": 40}
    return {"left_out": one, "shuffled": deepcopy(one), **about}


def full() -> dict[str, Any]:
    silent = {"auc": None, "n_bonafide": 0, "n_attack": 0, "cannot_judge": 1.0, "cannot_judge_causes": {"no model": 8}}
    thresholds = [
        {"threshold_nats": nats, "false_alerts_per_hour": rate, **detection(found, 20, 9.5 if found else None)}
        for nats, rate, found in ((2.0, 3.5, 15), (8.0, 0.4, 6), (14.0, 0.0, 0))
    ]
    refused = {"path": "people/jane_roe.mp4", "variant": "as is", "why": "/data/people/jane_roe.mp4: no video"}
    by_variant = {"glasses": {**alerts(3, 10.0), "cannot_judge": 0.4}, EVIL: {**alerts(0, 8.0), "cannot_judge": None}}
    return {
        "version": 1,
        "conditions": {
            "liveguard": "9.8.7", "call_s": 240.0, "within_s": 45.0, "recordings": 84, "runs": 321,
            "refused": [refused], "faults": {"mesh: broken": 4}, "faults_in_all": 7,
            "policy": {"half_life_s": 61.5}, "note": EVIL,
        },
        "checks": {"mesh": check(), "voice": {**check(None), **silent, "reliability": []}},
        "checks_by_variant": {"VP8 150k": {"mesh": short(0.69)}, "bench frozen": {"mesh": short(0.99)}},
        "sessions": {
            **alerts(5, 20.0), **detection(17, 43, 12.3), "cannot_judge": 0.28, "cannot_judge_bonafide": 0.31,
            "judged_hours_bonafide": {"mesh": 19.5, "pulse": 0.0},
            "by_kind": {"swap": detection(14, 31, 11.1), "puppet": detection(0, 12)}, "trade_off": thresholds,
        },
        "stress": {**alerts(3, 18.0), "by_variant": by_variant},
        "bench": {"bench frozen": detection(29, 30, 4.4)},
        "leakage": {"all": leak(True), "swap": leak(False)},
        "compute": {"cpu_s_per_media_s": 0.135, "p50": 0.13, "p95": 0.19, "media_s": 900.0},
    }  # fmt: skip


EMPTY: dict[str, Any] = {
    "version": 1,
    "conditions": {"liveguard": "9.8.7", "refused": [], "faults": {}},
    "checks": {}, "checks_by_variant": {}, "sessions": {}, "stress": {}, "bench": {}, "leakage": {}, "compute": {},
}  # fmt: skip


def scores(name: str, n: int = 30, attacks: bool = True, shift: float = 1.0) -> Scores:
    rng = np.random.default_rng(3)
    runs = [
        Run(Item(f"{i}", Path(f"{i}"), "attack" if attacks and i % 2 else "bonafide"), "as is",
            "attack" if attacks and i % 2 else "bonafide")
        for i in range(n)
    ]  # fmt: skip
    llr = np.array([rng.normal(shift if run.attack else -shift, 0.6) for run in runs])
    return Scores(name, tuple(runs), llr, llr, (), Counter())


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    return plots(full(), {"mesh": scores("mesh"), "one label": scores("one label", attacks=False)})


class Reader(HTMLParser):
    """Raises where tags do not match, and keeps text, headings and tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.heads: list[dict[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag == "th":
            self.heads.append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "title"} & set(self.open):
            self.text += data


def test_page_is_well_formed_and_its_tables_have_captions_and_scopes(drawn: dict[str, str]) -> None:
    read = Reader(page(full(), drawn))
    assert read.tags["table"] == read.tags["caption"] >= 10
    assert all(head.get("scope") in ("col", "row", "rowgroup") for head in read.heads)
    assert len(read.ids) == len(set(read.ids)), "plots of one page must not share the names of their parts"
    assert read.tags["h1"] == 1
    assert read.tags["figure"] == len([name for name in drawn if name != "histogram one label"])


def test_summary_says_the_key_figures() -> None:
    text = " ".join(Reader(page(full(), {})).text.split())
    first = text[: text.index("What to be careful about")]
    for said in (
        "0.25 an hour", "0.04 to 1.27", "5 in 20 hours", "2 of 77 people", "15 minutes", "250 (40 to 1270)", "17 of 43",
        "within 45 s", "12.3 s", "29 of 30", "14 of 31", "0 of 12", "28 % of the time", "voice (no model)",
    ):  # fmt: skip
        assert said in first, said


def test_sections_say_the_figures_that_they_were_given() -> None:
    text = " ".join(Reader(page(full(), {})).text.split())
    for said in (
        "0.84", "0.71 to 0.93", "0.58 to 0.97", "21 % (15 % to 30 %)", "37 %", "0.12", "0.04", "0.14 s of CPU", "61.5",
        "11.1 s", "3.5", "0.69", "spectacles", "lap after lap, for 240 s", "swap 0.69", "Genuine calls, 20 h: for how long",
        "mesh19.5pulse0",
    ):  # fmt: skip
        assert said in text, said


def test_what_is_missing_is_a_dash_with_a_reason() -> None:
    assert '<td><span title="both labels are needed">-</span></td>' in page(full(), {})
    assert ">None<" not in page(full(), {})
    assert "nan" not in Reader(page(full(), {})).text.split()


def test_a_leak_is_said_plainly_and_no_leak_is_too() -> None:
    figures = full()
    told = Reader(page(figures, {})).text
    assert "labels can be told without looking at a face" in told
    assert "all: even in sources never seen (AUC 0.91" in told
    figures["leakage"] = {"all": leak(False)}
    assert "do not tell attacks from genuine" in Reader(page(figures, {})).text
    figures["leakage"] = {}
    assert "is not known" in Reader(page(figures, {})).text


def test_each_term_is_explained_once(drawn: dict[str, str]) -> None:
    text = page(full(), drawn)
    for term in ("AUC", "EER", "ECE", "A call", "Over people", "Nats"):
        assert text.count(f'<p class="term"><b>{term}</b>') == 1, term
    assert "<!--" not in text


def test_names_cannot_become_html(drawn: dict[str, str]) -> None:
    text = page(full(), drawn)
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 3
    assert Reader(text).tags["script"] == 0
    figures = full()
    figures["sessions"]["by_kind"]['" onload="x'] = detection(1, 2, 1.0)
    figures["checks"]["a&b<!--auc-->{x}"] = check()
    text = page(figures, {})
    assert "a&amp;b&lt;!--auc--&gt;{x}" in text
    assert '" onload' not in text
    Reader(text)


def test_paths_of_refused_recordings_are_not_named() -> None:
    text = Reader(page(full(), {})).text
    assert "jane_roe" not in text
    assert "1 of 321 runs" in text
    assert "checks failed 7 times" in text, "not only the commonest"
    assert "no video (1)" in text


def test_nothing_is_fetched(drawn: dict[str, str]) -> None:
    text = page(full(), drawn)
    assert not re.search(r"https?:|src\s*=|@import|url\((?!#)|<link|<script", text)
    assert all(ref.startswith("#") for ref in re.findall(r"href=[\"']([^\"']*)", text))
    assert set(re.findall(r"href=\"#([^\"]*)", text)) <= set(Reader(text).ids)


def test_sections_without_data_are_left_out() -> None:
    read = Reader(page(EMPTY, {}))
    assert read.ids == ["care", "conditions"]
    assert "nothing is known" in read.text
    assert len(Reader(page({"version": 1, "checks": {}}, {})).ids) == 1
    assert set(Reader(page(full(), {})).ids) == {
        "care", "calls", "stress", "bench", "checks", "quality", "compute", "conditions",
    }  # fmt: skip
    assert read.tags["figure"] == 0


def test_plots_are_xml_under_the_expected_names(drawn: dict[str, str]) -> None:
    assert set(drawn) == {
        "roc",
        "det",
        "trade_off",
        "kinds mesh",
        "histogram mesh",
        "reliability mesh",
        "histogram one label",
    }
    assert {ElementTree.fromstring(text).tag for text in drawn.values()} == {"svg"}
    assert plots(EMPTY, {"nothing": scores("nothing", 0), "few": scores("few", 3, attacks=False)}) == {}


def test_plots_say_what_they_show_in_the_colours_of_the_page(drawn: dict[str, str]) -> None:
    words = {name: "".join(ElementTree.fromstring(text).itertext()) for name, text in drawn.items()}
    assert "genuine (15)" in words["histogram mesh"]
    assert "attack (15)" in words["histogram mesh"]
    assert "attack (1" not in words["histogram one label"]
    assert "as shipped" in words["trade_off"]
    assert "mesh" in words["roc"].split()
    assert "n 40" in words["kinds mesh"]
    for text in drawn.values():
        assert "currentColor" in text
        assert not re.search("#000000|#010203|#ffffff|font-family|<style", text)
    assert "var(--genuine" in drawn["histogram mesh"]
    assert "var(--genuine" not in drawn["roc"]


def test_no_false_alerts_stand_at_a_tick_of_zero(drawn: dict[str, str]) -> None:
    ticks = [node.text for node in ElementTree.fromstring(drawn["trade_off"]).iter("text")]
    assert ticks.count("0") >= 2  # of the rate, and of the share
    figures = full()
    for row in figures["sessions"]["trade_off"]:
        row["false_alerts_per_hour"] = 0.0
    figures["sessions"]["false_alerts_per_hour"] = 0.0
    assert "trade_off" in plots(figures, {})


def test_the_curve_of_a_perfect_check_goes_through_the_corner() -> None:
    drawn = plots(EMPTY, {"sure": scores("sure", shift=9.0)})
    path = re.search(r'd="M ([^"]*)"[^>]*stroke-width: 1.5', drawn["roc"])
    assert path is not None
    points = [tuple(map(float, point.split())) for point in path[1].split("L")]
    xs, ys = zip(*points, strict=True)
    assert (min(xs), min(ys)) in points


def test_strange_names_do_not_break_a_plot() -> None:
    figures = full()
    figures["checks"]["mesh"]["by_kind"]["$\\frac{<$&\x00\u202e"] = {"auc": 0.5, "fnr": 0.1, "n_attack": 3}
    drawn = plots(figures, {"$x^$": scores("$x^$")})
    for text in drawn.values():
        ElementTree.fromstring(text)
    assert "$x^$" in drawn["roc"]


def test_same_figures_give_the_same_bytes_and_settings_are_left_alone(drawn: dict[str, str]) -> None:
    size, salt = matplotlib.rcParams["font.size"], matplotlib.rcParams["svg.hashsalt"]
    matplotlib.rcParams["font.size"] = 31.0
    try:
        again = plots(full(), {"mesh": scores("mesh"), "one label": scores("one label", attacks=False)})
        assert matplotlib.rcParams["font.size"] == 31.0
        assert matplotlib.rcParams["svg.hashsalt"] == salt
    finally:
        matplotlib.rcParams["font.size"] = size
    assert again == drawn
    assert page(full(), drawn) == page(full(), again)
