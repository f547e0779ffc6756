"""The person's page of a liveness session in real headless Chromium, against a stub that plays the server's part.

Nothing is judged here: what is tested is what the person sees and when, and what the server is told.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect

from liveguard.challenge.script import COLOURS
from liveguard.kyc.consent import TEXTS
from liveguard.types import LASTS
from tests.browser.parts import Seen, chromium, needs_chromium, opened
from tests.browser.proof_stub import DONE, STEPS, Message, Stub, hang_up, pause, playing, step

pytestmark = [pytest.mark.replay, needs_chromium]

INK: Final = "#0d1117"  # of words on the colours
AA: Final = 4.5
SOON_MS = 15_000
PHONE = {"width": 360, "height": 740}
EACH_US = 400_000
OK = {"type": "frame", "hint": "ok"}
SHORT = step("distance", nearer=1.45, near_us=300_000, back_us=500_000, **{LASTS: 700_000})
QUICK: tuple[Message, ...] = (
    step("light", colours=" ".join(COLOURS), each_us=EACH_US, **{LASTS: len(COLOURS) * EACH_US}),
    step("pose", targets="22,8 -19,-8 0,0", each_us=800_000, **{LASTS: 2_400_000}),
    step("occlusion", region="left_cheek", covered_us=600_000, bare_us=1_200_000, **{LASTS: 1_800_000}),
    step("rhythm", action="blink", beats_us="900000 1700000", **{LASTS: 2_200_000}),
    step("digits", digits="4 7 1 9", **{LASTS: 2_400_000}),
    step("distance", nearer=1.45, near_us=1_000_000, back_us=1_200_000, **{LASTS: 2_300_000}),
)
# What is on the screen in each frame, by the page's own clock.
WATCH = """
window.framesForTests = [];
const look = (now_ms) => {
  requestAnimationFrame(look);
  const kind = document.body?.dataset.kind;
  if (!kind) return;
  const text = (name) => document.querySelector(name)?.textContent ?? "";
  const box = (name) => { const found = document.querySelector(name)?.getBoundingClientRect();
    return found ? { x: found.left + found.width / 2, y: found.top + found.height / 2, width: found.width } : null; };
  framesForTests.push({ kind, now_ms, page: getComputedStyle(document.body).backgroundColor,
    painted: "painted" in document.body.dataset, instruction: text("h1"), hint: text(".hint"), large: text(".large"),
    said: text("#say-now"), count: text(".count"), dot: box(".dot"), oval: box(".oval"), mirror: box(".mirror"),
    turn: text('.digit[data-turn="true"]'), hand: box(".hand-place:not([data-away=true])"),
    now: document.querySelector(".ring[data-now=true]") !== null });
};
requestAnimationFrame(look);
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def stub() -> Iterator[Stub]:
    with playing(Stub()) as running:
        yield running


@pytest.fixture
def visit(browser: Browser, stub: Stub) -> Iterator[Callable[..., Seen]]:
    """Opens a link; afterwards nothing unexpected has happened in the page, and nothing was asked of elsewhere."""
    shown: list[Seen] = []

    def open_link(link: str | None = None, **context: Any) -> Seen:
        settings = {"viewport": PHONE, "locale": "en", **context}
        seen = stack.enter_context(opened(browser, f"{stub.url}/proof/none.txt", **settings))
        seen.troubles.clear()  # there is no such page: the script that watches has to be there before the real one
        seen.page.add_init_script(WATCH)
        seen.page.goto(stub.link() if link is None else link)
        shown.append(seen)
        return seen

    with contextlib.ExitStack() as stack:
        yield open_link
        for seen in shown:
            assert [said for said in seen.troubles if "Failed to load resource" not in said] == []
            assert [url for url in seen.requests if not url.startswith((stub.url, "blob:", "data:"))] == []


def begin(page: Page) -> None:
    """All that comes before the server leads."""
    page.get_by_test_id("go").click()
    page.get_by_test_id("agree").click()
    page.get_by_test_id("begin").click(timeout=SOON_MS)


def on(page: Page, screen: str) -> None:
    expect(page.locator("#screen")).to_have_attribute("data-screen", screen, timeout=SOON_MS)


def heard(stub: Stub, kind: str) -> list[dict[str, Any]]:
    return [message for message in stub.heard if message["type"] == kind]


def first(frames: Sequence[dict[str, Any]], true: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    return next(frame for frame in frames if true(frame))


def test_a_whole_run(stub: Stub, visit: Callable[..., Seen]) -> None:
    closer = {"type": "frame", "hint": "closer"}
    stub.plan = [closer, pause(0.8), OK, pause(0.3), *QUICK, {"type": "judging"}, pause(0.5), DONE]
    seen = visit()
    page = seen.page
    assert "token" not in page.url
    assert page.evaluate("() => [sessionStorage.length, localStorage.length, document.cookie]") == [0, 0, ""]
    begin(page)
    expect(page.get_by_test_id("hint")).to_have_text("Come a little closer.", timeout=SOON_MS)
    expect(page.get_by_test_id("say-politely")).to_have_text("Come a little closer.")
    assert page.evaluate("() => document.querySelector('video').videoWidth") > 0
    page.wait_for_function("() => document.body.dataset.kind === 'distance'", timeout=40_000)
    frames = page.evaluate("() => framesForTests")
    on(page, "judging")
    frames += page.evaluate("from => framesForTests.slice(from)", len(frames))
    on(page, "result")
    expect(page.get_by_role("heading", level=1)).to_have_text("Done. Thank you!")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    assert page.evaluate("() => [sessionStorage.length, localStorage.length]") == [0, 0], "the key is kept nowhere"

    assert stub.consents == [{"agreed": True, "text": "en.sound", "cannot": []}]
    assert "m=audio" in stub.offers[0]["sdp"], "digits may be asked for"
    assert stub.offers[0]["camera"]["probes"], "the camera was asked for another size"
    assert heard(stub, "pong")[0]["n"] == 1
    assert len(heard(stub, "ready")) == 1
    assert stub.frames > 100
    assert [message["number"] for message in stub.shown()] == list(range(1, 7))
    kinds = {kind: list(found) for kind, found in itertools.groupby(frames, lambda frame: frame["kind"])}
    assert [kinds[kind][0]["count"] for kind in kinds] == [f"Step {number} of 6" for number in range(1, 7)]
    check_light(kinds["light"])
    check_pose(kinds["pose"])
    check_occlusion(kinds["occlusion"])
    check_rhythm(kinds["rhythm"])
    check_digits(kinds["digits"])
    check_distance(kinds["distance"])


def check_light(frames: list[dict[str, Any]]) -> None:
    """Each colour over the whole page, in its time, and no delay adds up."""
    painted = [frame for frame in frames if frame["painted"]]
    changes = [next(group) for _, group in itertools.groupby(painted, lambda frame: frame["page"])]
    wanted = [f"rgb({int(c[1:3], 16)}, {int(c[3:5], 16)}, {int(c[5:], 16)})" for c in COLOURS]
    assert [frame["page"] for frame in changes] == wanted
    for k, frame in enumerate(changes):
        assert abs(frame["now_ms"] - changes[0]["now_ms"] - k * EACH_US / 1000) < 100, "a busy machine drops frames"
    assert frames[0]["instruction"] == "Just look at the screen"
    assert painted[0]["mirror"]["width"] < 150, "the page is the lamp"


def check_pose(frames: list[dict[str, Any]]) -> None:
    """yaw > 0: to the left of the camera's picture, to the person's right, to the right of the mirror; pitch > 0: down."""
    right = [frame for frame in frames if "to your right" in frame["hint"]][-1]
    left = [frame for frame in frames if "to your left" in frame["hint"]][-1]
    last = frames[-1]
    assert right["dot"]["x"] > right["mirror"]["x"] + 80
    assert right["dot"]["y"] > right["mirror"]["y"] + 20
    assert left["dot"]["x"] < left["mirror"]["x"] - 80
    assert left["dot"]["y"] < left["mirror"]["y"] - 20
    assert "straight ahead" in last["hint"]
    steps = [b["dot"]["x"] - a["dot"]["x"] for a, b in itertools.pairwise(f for f in frames if f["dot"])]
    assert max(map(abs, steps)) < 120, "it travels"
    assert right["said"] == right["hint"], "who cannot see the dot is told the way"


def check_occlusion(frames: list[dict[str, Any]]) -> None:
    """The left of the camera's picture is the person's right, and the right of the mirror."""
    soon, asked = "Hold a hand ready beside your face", "Cover your right cheek with your hand"
    assert [text for text, _ in itertools.groupby(frame["instruction"] for frame in frames)][:2] == [soon, asked]
    frames = [frame for frame in frames if frame["instruction"] != soon]
    assert frames[0]["hand"]["x"] > frames[0]["oval"]["x"] + 10
    away = first(frames, lambda frame: "away" in frame["hint"])
    keep = first(frames, lambda frame: "Keep" in frame["hint"])
    assert abs(away["now_ms"] - keep["now_ms"] - 600) < 150
    assert frames[-1]["hand"] is None


def check_rhythm(frames: list[dict[str, Any]]) -> None:
    soon, asked = "Get ready for a rhythm", "Blink each time the ring closes"
    assert [text for text, _ in itertools.groupby(frame["instruction"] for frame in frames)][:2] == [soon, asked]
    counted = [frame["large"] for frame in frames if frame["large"]]
    assert [text for text, _ in itertools.groupby(counted)][:4] == ["3", "2", "1", "Blink"]
    beats = [next(group)["now_ms"] for now, group in itertools.groupby(frames, lambda f: f["now"]) if now]
    assert len(beats) == 2
    assert abs(beats[1] - beats[0] - 800) < 100


def check_digits(frames: list[dict[str, Any]]) -> None:
    there = [frame for frame in frames if frame["large"]]
    assert {frame["large"] for frame in there} == {"4719"}
    assert [turn for turn, _ in itertools.groupby(frame["turn"] for frame in there)] == list("4719")
    assert there[-1]["said"] == "Read aloud in English: 4, 7, 1, 9"


def check_distance(frames: list[dict[str, Any]]) -> None:
    widths = [frame["oval"]["width"] for frame in frames]
    assert max(widths) / widths[0] == pytest.approx(1.45, abs=0.01)
    assert widths[-1] / widths[0] == pytest.approx(1.0, abs=0.05)
    assert max(frame["oval"]["width"] - frame["mirror"]["width"] for frame in frames) < 0, "it stays in the picture"


def test_german_by_keyboard_alone_with_something_left_out(stub: Stub, visit: Callable[..., Seen]) -> None:
    stub.locale = "de"
    stub.plan = [
        OK,
        {**SHORT},
        {"type": "judging"},
        {**DONE, "verdict": "cannot_judge", "hints": ["brighter", "from a later server"], "retry": True},
    ]
    seen = visit(locale="de-AT", viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page = seen.page
    assert page.evaluate("() => document.documentElement.lang") == "de"
    assert page.title() == "Kamera-Prüfung"

    def focus() -> str:
        return str(page.evaluate("() => document.activeElement.dataset.testid ?? document.activeElement.tagName"))

    def tab_to(testid: str) -> None:
        for _ in range(15):
            page.keyboard.press("Tab")
            if focus() == testid:
                outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", f"{testid} does not show its focus"
                return
        raise AssertionError(f"{testid} cannot be reached with the Tab key")

    on(page, "welcome")
    tab_to("go")
    page.keyboard.press("Enter")
    on(page, "choices")
    assert focus() == "H1"
    expect(page.locator("p.consent")).to_have_text(TEXTS["de.picture"])
    for need in ("need-no_flashes", "need-no_hands"):
        tab_to(need)
        page.keyboard.press("Space")
    tab_to("agree")
    page.keyboard.press("Enter")
    on(page, "preview")
    tab_to("begin")
    page.keyboard.press("Enter")
    on(page, "result")
    assert stub.consents == [{"agreed": True, "text": "de.picture", "cannot": ["no_flashes", "no_hands"]}]
    assert "m=audio" not in stub.offers[0]["sdp"], "without digits there is no microphone"
    frames = page.evaluate("() => framesForTests")
    assert frames[0]["count"] == "Schritt 1 von 1"
    widths = {round(frame["oval"]["width"]) for frame in frames}
    assert len(widths) == 2, "less motion was asked for: the oval is small or large, and does not travel"
    expect(page.get_by_test_id("hints").get_by_role("listitem")).to_have_text(["Machen Sie vor sich ein Licht an."])
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.get_by_test_id("stop")).to_be_visible()  # the camera is still on
    stub.plan = [OK, pause(0.3), {"type": "judging"}, DONE]
    tab_to("again")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("hint")).to_have_text("Sehr gut. Bleiben Sie so.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Fertig. Vielen Dank!")
    assert len(heard(stub, "ready")) == 2
    assert len(stub.offers) == 1, "over the same connection"
    expect(page.get_by_test_id("stop")).to_be_hidden()


def test_digits_are_asked_for_in_english_whatever_the_page_speaks(stub: Stub, visit: Callable[..., Seen]) -> None:
    stub.plan = [OK, QUICK[4], {**DONE, "verdict": "cannot_judge", "retry": True}]
    page = visit(locale="de").page
    page.get_by_test_id("go").click()
    on(page, "choices")
    expect(page.locator("html")).to_have_attribute("lang", "en")  # as the link is meant
    expect(page.locator("#need-no_speech-what")).to_contain_text("in English")
    page.get_by_test_id("language").click()
    expect(page.locator("#need-no_speech-what")).to_contain_text("auf Englisch")
    page.get_by_test_id("agree").click()
    page.get_by_test_id("begin").click(timeout=SOON_MS)
    page.get_by_test_id("again").wait_for(timeout=SOON_MS)
    assert stub.consents == [{"agreed": True, "text": "de.sound", "cannot": []}], "the person has left nothing out"
    asked = {frame["instruction"] for frame in page.evaluate("() => framesForTests") if frame["kind"] == "digits"}
    assert asked == {"Lesen Sie die Ziffern laut auf Englisch vor"}
    expect(page.get_by_test_id("language")).to_be_hidden()  # what was agreed to goes on
    stub.plan = [OK, DONE]
    page.get_by_test_id("again").click()
    on(page, "result")
    expect(page.get_by_test_id("language")).to_be_visible()


def test_a_link_in_another_language_asks_for_no_digits(stub: Stub, visit: Callable[..., Seen]) -> None:
    stub.locale = "fr"
    page = visit(locale="fr").page
    page.get_by_test_id("go").click()
    expect(page.locator("fieldset input")).to_have_count(5)
    assert page.get_by_test_id("need-no_speech").count() == 0
    page.get_by_test_id("agree").click()
    on(page, "preview")
    assert stub.consents == [{"agreed": True, "text": "en.picture", "cannot": []}]


def test_a_second_try_that_the_server_does_not_wait_for(stub: Stub, visit: Callable[..., Seen]) -> None:
    stub.plan = [OK, {**DONE, "verdict": "cannot_judge", "retry": True}, pause(0.5), hang_up()]
    page = visit().page
    begin(page)
    expect(page.get_by_test_id("again")).to_be_visible(timeout=SOON_MS)
    expect(page.get_by_test_id("again")).to_have_count(0)
    expect(page.locator("#screen")).to_contain_text("Ask whoever sent you this link for a new one")


def test_too_much_left_out(stub: Stub, visit: Callable[..., Seen]) -> None:
    stub.kinds = ("pose", "rhythm", "distance")
    page = visit().page
    page.get_by_test_id("go").click()
    expect(page.locator("fieldset input")).to_have_count(3)
    page.get_by_test_id("need-no_blinks").check()
    page.get_by_test_id("need-no_moving").check()
    page.get_by_test_id("agree").click()
    expect(page.get_by_test_id("problem")).to_contain_text("too little remains")
    expect(page.get_by_test_id("need-no_blinks")).to_be_checked()
    page.get_by_test_id("need-no_blinks").uncheck()
    page.get_by_test_id("agree").click()
    on(page, "preview")
    assert stub.consents[-1]["cannot"] == ["no_moving"]


def test_that_a_person_has_to_check_is_said_while_it_is_chosen(visit: Callable[..., Seen]) -> None:
    page = visit().page
    page.get_by_test_id("go").click()
    page.get_by_test_id("need-no_moving").check()
    expect(page.get_by_test_id("by-hand")).to_have_count(0)
    page.get_by_test_id("need-no_head_turns").check()
    expect(page.get_by_test_id("by-hand")).to_contain_text("a person will have to check")
    page.get_by_test_id("language").click()
    expect(page.get_by_test_id("by-hand")).to_contain_text("ein Mensch muss prüfen")
    page.get_by_test_id("need-no_head_turns").uncheck()
    expect(page.get_by_test_id("by-hand")).to_have_count(0)
    page.get_by_test_id("need-no_hands").check()
    page.get_by_test_id("need-no_blinks").check()  # the third, whichever
    expect(page.get_by_test_id("by-hand")).to_be_visible()
    page.get_by_test_id("agree").click()
    on(page, "preview")


@pytest.mark.parametrize(("status", "head"), [(410, "This link cannot be used any more"), (429, "Please wait a while")])
def test_a_link_that_is_no_good(stub: Stub, visit: Callable[..., Seen], status: int, head: str) -> None:
    stub.redeem_error = (status, "no")
    page = visit().page
    page.get_by_test_id("go").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(head)
    assert page.get_by_test_id("again").count() == 0


def test_a_server_without_a_place_is_asked_again(stub: Stub, visit: Callable[..., Seen]) -> None:
    stub.plan, stub.busy = [OK, DONE], 2
    page = visit().page
    begin(page)
    expect(page.get_by_test_id("hint")).to_contain_text("asked again in a few seconds", timeout=SOON_MS)
    on(page, "result")
    assert stub.busy == 0
    assert len(stub.offers) == 1


def test_a_server_that_stays_without_a_place_does_not_use_up_the_link(stub: Stub, visit: Callable[..., Seen]) -> None:
    stub.plan, stub.busy, stub.retry_after_s = [OK, DONE], 1, 3600  # so long nobody is kept waiting
    page = visit().page
    begin(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("The check is busy at the moment", timeout=SOON_MS)
    page.get_by_test_id("again").click()
    page.get_by_test_id("begin").click(timeout=SOON_MS)
    on(page, "result")


def test_nobody_who_has_stopped_while_the_server_was_busy_is_connected(stub: Stub, visit: Callable[..., Seen]) -> None:
    stub.busy = 1
    page = visit().page
    begin(page)
    expect(page.get_by_test_id("hint")).to_contain_text("busy", timeout=SOON_MS)
    page.get_by_test_id("stop").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You stopped the check")
    page.wait_for_timeout(1500)
    assert stub.offers == []


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_link_that_is_opened_while_the_server_starts_anew_stays_good(
    stub: Stub, visit: Callable[..., Seen], status: int
) -> None:
    stub.redeem_error = (status, "bad gateway")
    page = visit().page
    page.get_by_test_id("go").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The check is busy at the moment")
    stub.redeem_error = None
    page.get_by_test_id("again").click()
    page.get_by_test_id("go").click()
    on(page, "choices")


def test_a_link_without_its_end_and_one_that_is_open_elsewhere(stub: Stub, visit: Callable[..., Seen]) -> None:
    page = visit(f"{stub.url}/proof/").page
    expect(page.get_by_role("heading", level=1)).to_have_text("Please open the link again")
    link = stub.link()
    page.goto(link)  # the same page with another end: it has to begin anew
    on(page, "welcome")
    other = page.context.new_page()
    other.goto(link)
    expect(other.get_by_role("heading", level=1)).to_have_text("The check is already open")


def test_a_camera_that_is_refused(stub: Stub, visit: Callable[..., Seen]) -> None:
    page = visit().page
    devices = "navigator.mediaDevices"
    page.evaluate(f"""() => {{ const real = {devices}.getUserMedia.bind({devices}); {devices}.getUserMedia = async (wanted) => {{
        if (wanted.audio) throw new DOMException("no", "NotAllowedError"); return real(wanted); }}; }}""")
    page.get_by_test_id("go").click()
    page.get_by_test_id("agree").click()
    expect(page.get_by_test_id("problem")).to_contain_text("was not allowed to use the camera or the microphone")
    assert page.get_by_test_id("by-hand").count() == 0
    page.get_by_test_id("again").click()
    expect(page.get_by_test_id("problem")).to_be_visible()
    page.get_by_test_id("mute").click()
    on(page, "preview")
    assert stub.consents[-1] == {"agreed": True, "text": "en.sound", "cannot": ["no_speech"]}


def test_that_a_person_has_to_check_is_said_before_going_on_without_a_microphone(visit: Callable[..., Seen]) -> None:
    page = visit().page
    page.evaluate(
        """() => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("no", "NotAllowedError"); }; }"""
    )
    page.get_by_test_id("go").click()
    page.get_by_test_id("need-no_flashes").check()
    page.get_by_test_id("need-no_hands").check()
    page.get_by_test_id("agree").click()
    expect(page.get_by_test_id("by-hand")).to_contain_text("without a microphone")


def test_a_connection_that_is_lost_and_an_abort(stub: Stub, visit: Callable[..., Seen]) -> None:
    stub.plan = [OK, pause(0.2), hang_up()]
    page = visit().page
    begin(page)
    on(page, "ended")
    expect(page.get_by_role("heading", level=1)).to_have_text("The connection was lost")
    expect(page.locator("#screen")).to_contain_text("waits half a minute")
    stub.plan = [OK, {**STEPS["pose"]}]
    page.get_by_test_id("again").click()
    page.get_by_test_id("begin").click(timeout=SOON_MS)
    expect(page.get_by_test_id("dot")).to_be_visible(timeout=SOON_MS)
    page.evaluate("() => { window.trackForTests = document.querySelector('video').srcObject.getVideoTracks()[0]; }")
    page.get_by_test_id("stop").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You stopped the check")
    assert page.evaluate("() => trackForTests.readyState") == "ended", "the camera is off"
    page.wait_for_timeout(200)
    assert len(heard(stub, "stop")) == 1
    assert page.get_by_test_id("dot").count() == 0


def test_a_connection_that_is_lost_for_too_long(stub: Stub, visit: Callable[..., Seen]) -> None:
    stub.plan, stub.return_s = [OK, pause(0.2), hang_up()], 1.0
    page = visit().page
    begin(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("The connection was lost", timeout=SOON_MS)
    expect(page.get_by_test_id("again")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("The time is up")
    expect(page.get_by_test_id("again")).to_have_count(0)


def test_a_connection_that_is_lost_again_and_again(stub: Stub, visit: Callable[..., Seen]) -> None:
    stub.plan = [OK, pause(0.2), hang_up()]
    page = visit().page
    begin(page)
    for _ in range(2):
        page.get_by_test_id("again").click(timeout=SOON_MS)
        page.get_by_test_id("begin").click(timeout=SOON_MS)
    expect(page.get_by_role("heading", level=1)).to_have_text("The connection was lost", timeout=SOON_MS)
    expect(page.locator("#screen")).to_contain_text("Ask whoever sent it to you for a new one")
    expect(page.get_by_test_id("again")).to_have_count(0)
    assert len(heard(stub, "ready")) == 3


def test_the_time_is_up(stub: Stub, visit: Callable[..., Seen]) -> None:
    stub.answer_s = 1.0
    page = visit().page
    page.get_by_test_id("go").click()
    expect(page.get_by_test_id("time-left")).to_contain_text(re.compile("Time left 0:0[01]"))
    expect(page.get_by_role("heading", level=1)).to_have_text("The time is up", timeout=4000)


def test_the_time_is_up_while_the_server_leads(stub: Stub, visit: Callable[..., Seen]) -> None:
    stub.locale = "de"
    stub.plan = [OK, {"type": "trouble", "why": "late"}, pause(0.3), {"hang_up": True}]
    page = visit(locale="de").page
    begin(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Die Zeit ist um", timeout=SOON_MS)


def test_both_languages_say_everything(visit: Callable[..., Seen]) -> None:
    page = visit().page
    keys = """async () => { const names = (words, path = "") => Object.entries(words).flatMap(([key, word]) =>
        typeof word === "object" ? names(word, `${path}${key}.`) : [`${path}${key}:${typeof word}`]);
        return Promise.all(["en", "de"].map((code) => import(`/proof/words.${code}.js`).then((m) => names(m.default)))); }"""
    english, german = page.evaluate(keys)
    assert english == german
    page.get_by_test_id("language").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Eine kurze Prüfung mit der Kamera")
    page.get_by_test_id("go").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Was vorkommen kann")  # what was chosen goes first


@pytest.mark.parametrize("locale", ["en", "de"])
def test_a_small_phone_has_room_for_everything(stub: Stub, visit: Callable[..., Seen], locale: str) -> None:
    stub.locale = locale
    page = visit(locale=locale, viewport={"width": 320, "height": 640}).page
    page.get_by_test_id("go").click()
    on(page, "choices")  # with the time, the other language and the way out in one line
    page.get_by_test_id("need-no_moving").check()
    page.get_by_test_id("need-no_head_turns").check()
    assert page.evaluate("() => document.documentElement.scrollWidth") == 320


def test_words_are_read_on_every_colour() -> None:
    """WCAG 2.2, 1.4.3."""
    assert all(contrast(INK, colour) >= AA for colour in COLOURS)


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
