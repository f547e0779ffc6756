"""How the live page tells of alerts, and keeps what it knows: its modules in real Chromium, against what a guard may say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from liveguard.server.settings import ServerSettings
from tests.browser.parts import Seen, chromium, needs_chromium, opened
from tests.server_parts import LOOPBACK, FakeGuard, Running, serving

pytestmark = [pytest.mark.replay, needs_chromium]
AFTER_A_PRESS_ONLY = "--autoplay-policy=document-user-activation-required"
# A store and what is said of it, with a guard whose words and answers the test makes up.
MADE_UP_GUARD = """
async () => {
  const { Store } = await import("/store.js");
  const { Spoken } = await import("/spoken.js");
  const { Emitter } = await import("/emitter.js");
  const socket = new Emitter();
  const answers = {}; // session -> alerts that GET api/alerts lists, newest first
  window.fetch = async (url) => {
    const asked = new URL(url).searchParams.get("session");
    return { ok: true, text: async () => JSON.stringify({ alerts: answers[asked] ?? [] }) };
  };
  const store = new Store(socket);
  const told = [];
  const notifier = { alert: (alert) => told.push(alert.id), say: () => null, standing: () => null };
  new Spoken({ store, info: {}, notifier }).start();
  const about = { kind: "whip", started_at: "x", ended_at: null, connected: true, statuses: [] };
  const session = (id, more) => ({ id, participant: id, ...about, ...more });
  const alert = (id, cleared_at = null) => ({ id, cleared_at, feedback: null });
  window.guard = {
    socket, store, answers, told, alert,
    hello: (...ids) => socket.emit("message", { type: "hello", sessions: ids.map((id) => session(id)) }),
    say: (id, more) => socket.emit("message", { type: "session", session: session(id, more) }),
    raise: (id, one) => {
      const event = { type: "alert", state: "raised" };
      socket.emit("message", { type: "event", session: id, event, alert: one });
    },
    standing: (id) => [...store.entry(id).alerts.values()].filter((one) => !one.cleared_at).map((one) => one.id),
    settled: () => new Promise((resolve) => setTimeout(resolve)), // all answers are there, as none takes any time
  };
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(AFTER_A_PRESS_ONLY) as launched:
        yield launched


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with FakeGuard([]) as guard, serving(guard) as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: Running) -> Iterator[Seen]:
    with opened(browser, server.url) as seen:
        yield seen
        assert seen.troubles == []


def said_by_guard(seen: Seen, kind: str) -> list[dict[str, Any]]:
    return [message for _, message in seen.messages if message["type"] == kind]


def with_made_up_guard(page: Page, script: str) -> Any:
    page.evaluate(MADE_UP_GUARD)
    return page.evaluate(f"async () => {{ {script} }}")


def test_alerts_that_were_raised_while_the_connection_was_down_are_told(page: Seen) -> None:
    told, standing = with_made_up_guard(
        page.page,
        """
        guard.hello("call");
        await guard.settled();
        guard.raise("call", guard.alert("first"));
        guard.socket.emit("down");
        guard.answers.call = [guard.alert("over", "12:02"), guard.alert("second"), guard.alert("first", "12:01")];
        guard.answers.begun_meanwhile = [guard.alert("third")];
        guard.hello("call", "begun_meanwhile");
        await guard.settled();
        return [guard.told, guard.standing("call")];
        """,
    )
    assert told == ["first", "second", "third"], "each once, and none that does not stand any more"
    assert standing == ["second"], "what was cleared meanwhile does not stand for ever"


def test_an_alert_of_a_call_that_ended_while_the_connection_was_down_is_told(page: Seen) -> None:
    told = with_made_up_guard(
        page.page,
        """
        guard.hello("call");
        await guard.settled();
        guard.socket.emit("down");
        guard.answers.call = [guard.alert("last")];
        guard.hello();
        await guard.settled();
        return guard.told;
        """,
    )
    assert told == ["last"]


def test_alerts_that_stood_before_the_page_was_opened_are_shown_and_not_announced(page: Seen) -> None:
    told, standing = with_made_up_guard(
        page.page,
        """
        guard.answers.call = [guard.alert("old")];
        guard.hello("call");
        await guard.settled();
        return [guard.told, guard.standing("call")];
        """,
    )
    assert told == []
    assert standing == ["old"]


def test_an_answer_that_is_older_than_an_event_does_not_undo_it(page: Seen) -> None:
    standing = with_made_up_guard(
        page.page,
        """
        guard.answers.call = [guard.alert("one")];
        guard.hello("call");
        guard.raise("call", guard.alert("one", "12:01"));
        await guard.settled();
        return guard.standing("call");
        """,
    )
    assert standing == []


def test_a_session_that_goes_on_is_not_forgotten_for_many_that_have_ended(page: Seen) -> None:
    told, kept, oldest = with_made_up_guard(
        page.page,
        """
        guard.hello("long");
        for (let k = 0; k < 300; k++) for (const ended_at of [null, "x"]) guard.say(`short ${k}`, { ended_at });
        guard.raise("long", guard.alert("one"));
        return [guard.told, guard.store.entries.size, guard.store.entry("short 0")];
        """,
    )
    assert told == ["one"]
    assert kept == 200
    assert oldest is None


def test_the_page_asks_for_what_it_missed_when_the_guard_has_sent_it_away(page: Seen, server: Running) -> None:
    """All of it at once: a real socket that is closed as too slow, and what a screen reader reads out."""
    alert = {
        "id": "missed", "session": "call", "who": "feed", "hypothesis": "feed_injected", "cleared_at": None, "t_s": 62.0,
        "settle": "ask for a gesture", "feedback": None,
    }  # fmt: skip
    session = {"id": "call", "participant": "guest", "kind": "whip", "started_at": "x", "ended_at": None}
    known = {**session, "connected": True, "statuses": []}
    page.until(lambda: said_by_guard(page, "hello"), 20, "no connection")
    server.hub._herald._call(server.hub.broadcast.say, {"type": "session", "session": known})
    page.until(lambda: said_by_guard(page, "session"), 20, "no session")
    page.page.route("**/api/alerts?session=call*", lambda route: route.fulfill(json={"alerts": [alert]}))

    def overrun() -> None:
        for listener in server.hub.broadcast._listeners:
            listener.overrun = True
            listener._changed.set()

    server.hub._herald._call(overrun)
    said = page.page.get_by_test_id("say-now")
    expect(said).to_contain_text("Alert at 1:02. Whole feed: the picture does not come", timeout=20_000)


def test_an_alert_that_comes_again_is_read_out_again(page: Seen) -> None:
    read = page.page.evaluate(
        """async () => {
          const { Notifier } = await import("/notify.js");
          const notifier = new Notifier({ hypotheses: {} });
          const region = document.getElementById("say-now");
          const read = [];
          const changes = new MutationObserver(() => read.push(region.textContent));
          changes.observe(region, { childList: true, characterData: true, subtree: true });
          const alert = { who: "feed", hypothesis: "feed_injected", settle: "ask for a gesture" };
          for (const t_s of [62, 662]) {
            notifier.alert({ ...alert, id: `${t_s}`, t_s });
            await new Promise((resolve) => setTimeout(resolve));
          }
          return read;
        }"""
    )
    assert [text.split(".")[0] for text in read] == ["Alert at 1:02", "Alert at 11:02"]


REPORT_SOUND = """
const Real = AudioContext;
window.AudioContext = class extends Real {
  constructor(...rest) {
    super(...rest);
    this.addEventListener("statechange", () => console.log(`sound ${this.state}`));
  }
};
"""


def test_a_finger_is_enough_for_the_sound_of_alerts(browser: Browser, server: Running) -> None:
    """The page is only looked at from outside, as Playwright's own scripts count as a press."""
    with opened(browser, server.url, has_touch=True, is_mobile=True) as seen:
        said: list[str] = []
        seen.page.on("console", lambda message: said.append(message.text))
        seen.page.add_init_script(REPORT_SOUND)
        seen.until(lambda: said_by_guard(seen, "hello"), 20, "no connection")
        seen.messages.clear()
        seen.page.goto(server.url)
        seen.until(lambda: said_by_guard(seen, "hello"), 20, "no connection")
        finger = seen.page.context.new_cdp_session(seen.page)
        finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": 200, "y": 400}]})
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        seen.until(lambda: "sound running" in said, 10, "the sound was not woken")


COUNT_TONES = """
(() => {
  Object.assign(window, { contexts: [], tones: 0 });
  const Real = AudioContext;
  window.AudioContext = class extends Real { constructor(...rest) { super(...rest); contexts.push(this); } };
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...rest) { window.tones += 1; return start.apply(this, rest); };
})();
"""


def test_the_button_for_the_sound_wakes_it_by_itself(browser: Browser, server: Running) -> None:
    with opened(browser, server.url) as seen:
        button = seen.page.get_by_test_id("sound")
        button.wait_for()
        seen.page.evaluate(COUNT_TONES)
        button.click()  # off
        seen.page.evaluate("() => contexts[0].suspend()")  # as the system does for a telephone call
        button.dispatch_event("click")  # and on, without a finger or a mouse
        seen.until(lambda: seen.page.evaluate("() => tones") > 0, 10, "no tone was played")


def test_a_link_that_nobody_else_can_use_is_not_offered_for_sending(page: Seen) -> None:
    for address, said in (
        ("http://127.0.0.1:8765/", "only this machine can open it"),
        ("https://localhost:8765/", "only this machine can open it"),
        ("http://[::1]:8765/", "only this machine can open it"),
        ("http://192.168.1.20:8765/", "no camera to a page without https"),
        ("https://guard.example.org/", "Send this link to the person"),
        ("https://127.0.0.1.example.org/", "Send this link to the person"),
    ):
        reach = 'async (address) => (await import("/proof_request.js")).reach(new URL(address))'
        assert said in page.page.evaluate(reach, address), address


def test_beside_a_link_to_this_machine_stands_what_to_do(page: Seen) -> None:
    page.page.get_by_test_id("tab-meeting").click()
    page.page.get_by_test_id("ask-for-proof").click()
    reach = page.page.get_by_test_id("proof-reach")
    expect(reach).to_contain_text("Do not send this link")
    expect(reach).to_contain_text("--host")


def test_a_link_for_others_is_the_one_that_the_guard_was_told_of(page: Seen) -> None:
    """The public URL of a server behind a proxy; else the name by which this page was found."""
    asked = """async (public_url) => {
        const { ProofRequest } = await import("/proof_request.js");
        const panel = new ProofRequest({ public_url });
        const made = { id: "p1", url: "https://kyc.example.org/proof/#id=p1&token=t", state: "waiting" };
        window.fetch = async () => new Response(JSON.stringify(made));
        panel.button.click();
        while (!panel.standing.textContent) await new Promise((resolve) => setTimeout(resolve));
        panel.close();
        return [panel.link.value, panel.reach.textContent]; }"""
    link, reach = page.page.evaluate(asked, "https://kyc.example.org/")
    assert link == "https://kyc.example.org/proof/#id=p1&token=t"
    assert "Send this link to the person" in reach
    link, reach = page.page.evaluate(asked, None)
    assert link.startswith("http://127.0.0.1:")
    assert link.endswith("/proof/#id=p1&token=t")
    assert "Do not send this link" in reach


def test_the_panel_says_what_a_proof_does_not_tell(page: Seen) -> None:
    page.page.get_by_test_id("tab-meeting").click()
    expect(page.page.get_by_label("Proof")).to_contain_text("and not who that is")


def test_whoever_is_to_publish_is_given_a_token_that_opens_nothing_else(browser: Browser) -> None:
    token, publish_token = "a-token-for-everything", "a-token-to-publish-with"
    settings = ServerSettings(token=token, publish_token=publish_token, ice_addresses=LOOPBACK)
    with (
        FakeGuard([]) as guard,
        serving(guard, settings) as running,
        opened(browser, f"{running.url}/#token={token}") as seen,
    ):
        seen.page.get_by_test_id("tab-sessions").click()
        how = seen.page.get_by_test_id("whip-how")
        how.locator("summary").click()
        expect(how.get_by_test_id("publish-token")).to_have_text(publish_token)
        expect(how).not_to_contain_text(token)
        assert seen.troubles == []
