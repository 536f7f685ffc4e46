"""How a page stays fresh, in a browser: what the chip says, and that every event comes once whatever happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.harness.waiting import wait_until
from tests.pages.test_jobs_page import rows, send, submit

ATTENTION = Path(__file__).resolve().parents[2] / "static" / "js" / "attention.js"
GRACE = "const GRACE_MS = 30000;"

#: A connection beside the page's own: its modes and the numbers of the events that it tells.
LISTEN = """async (id) => {
    const { Live } = await import('/static/js/live.js');
    const live = new Live();
    Object.assign(window, {seqs: [], modes: []});
    live.addEventListener('event', ({detail}) => seqs.push(detail.event.seq));
    live.addEventListener('mode', ({detail}) => modes.push(detail.mode));
    live.watch(id, 0);
    live.start();
}"""


def soon_paused(page: Any) -> None:
    """Let pages pause after 300 ms instead of half a minute."""
    script = ATTENTION.read_text()
    assert GRACE in script
    body = script.replace(GRACE, "const GRACE_MS = 300;")
    page.route("**/static/js/attention.js", lambda route: route.fulfill(body=body, content_type="text/javascript"))


def show(page: Any, visible: bool) -> None:
    """Put the tab into the background, as far as its scripts can see, or back."""
    page.evaluate(
        """(visible) => {
            const state = visible ? 'visible' : 'hidden';
            Object.defineProperty(document, 'hidden', {value: !visible, configurable: true});
            Object.defineProperty(document, 'visibilityState', {value: state, configurable: true});
            document.dispatchEvent(new Event('visibilitychange'));
        }""",
        visible,
    )


def take_steps(ada: Any, job: str, times: int) -> None:
    """Let a job take two steps, as often: cancelled, and into the queue again."""
    for _ in range(times):
        send(ada, "POST", f"/api/v1/jobs/{job}/cancel/")
        send(ada, "POST", f"/api/v1/jobs/{job}/retry/")


def wait_for_events(page: Any, last: int) -> None:
    wait_until(
        lambda: page.evaluate("seqs") == list(range(1, last + 1)),
        message=lambda: f"{page.evaluate('seqs')}, not up to {last}",
    )


def look_silently(page: Any, asked: list[str]) -> None:
    """Look for two seconds whether a page that rests asks for anything."""
    asked.clear()
    page.wait_for_timeout(2000)
    assert asked == []


def test_a_page_in_the_background_rests_and_catches_up_and_a_lost_server_is_said(visitor, screenshot):
    ada = visitor(cluster_names=())
    page = ada.page
    soon_paused(page)
    ada.sign_in("/app/jobs/")
    job = submit(ada, "s1")
    page.reload()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    ada.wait_for_mode("Live")
    page.evaluate(LISTEN, job)
    wait_for_events(page, 1)
    stage = rows(page).locator("[data-part=stage]")
    ada.wait_for_text(stage, "Next in the queue")

    # A short look elsewhere breaks nothing.
    show(page, False)
    show(page, True)
    page.wait_for_timeout(600)
    assert page.evaluate("modes") == ["live"]

    show(page, False)
    ada.wait_for_mode("Paused")
    assert "as of" in page.inner_text("[data-connection]")
    assert "as of" in stage.inner_text()
    screenshot("connection-paused")
    look_silently(page, asked)
    take_steps(ada, job, 3)
    page.evaluate("window.dispatchEvent(new Event('online'))")  # the network came back, and still nobody looks
    look_silently(page, asked)
    assert page.evaluate("seqs") == [1]
    show(page, True)
    ada.wait_for_mode("Live")
    wait_for_events(page, 7)
    assert page.evaluate("modes") == ["live", "paused", "reconnecting", "live"]
    assert "as of" not in page.inner_text("[data-connection]")
    wait_until(lambda: "as of" not in stage.inner_text())

    ada.stack.stop("web")
    ada.wait_for_mode("Reconnecting")
    assert "as of" in page.inner_text("[data-connection]")
    assert "as of" in stage.inner_text()
    assert page.evaluate("document.body.matches('.is-stale')")
    screenshot("connection-reconnecting")
    # It rests and comes back to a server that is still away, without a word of being live.
    show(page, False)
    ada.wait_for_mode("Paused")
    show(page, True)
    ada.wait_for_mode("Reconnecting")
    ada.stack.start("web")
    ada.wait_for_mode("Live")
    take_steps(ada, job, 1)
    wait_for_events(page, 9)


def check_the_rounds(page: Any) -> None:
    """Rounds wait longer after a failure, and a run that is over never goes on beside the next one."""
    waits = page.evaluate(
        """async () => {
            const { Poller } = await import('/static/js/poller.js');
            const waits = [];
            let fails = true, answer;
            window.setTimeout = (call, wait) => (waits.push(wait), 0);
            const live = {
                follows: true, polled() {}, pollFailed() {},
                async readFollowed() { if (answer) await answer; if (fails) throw new Error('away'); },
            };
            const round = () => new Promise((resolve) => queueMicrotask(() => Promise.resolve().then(resolve)));
            const settle = async () => { for (let n = 0; n < 20; n++) await round(); };
            const results = [];
            for (let n = 0; n < 4; n++) {
                const poller = new Poller(live, {ids: [], size: 0});
                poller.start();
                await settle();
                results.push(waits.pop());
                poller.stop();
            }
            // Stopped and started while a round is out: only the new one goes on.
            fails = false;
            let open;
            answer = new Promise((resolve) => (open = resolve));
            const poller = new Poller(live, {ids: [], size: 0});
            waits.length = 0;
            poller.start();
            poller.stop();
            poller.start();
            open();
            await settle();
            return {after_failure: results, going_on: waits.length};
        }"""
    )
    assert all(wait > 2400 for wait in waits["after_failure"])
    assert len(set(waits["after_failure"])) > 1  # spread
    assert waits["going_on"] == 1


def test_without_websockets_it_polls_rests_and_goes_on_polling(visitor, screenshot):
    ada = visitor(cluster_names=())
    page = ada.page
    soon_paused(page)
    page.route_web_socket("**/ws/live/", lambda socket: socket.close())
    ada.sign_in("/app/jobs/")
    job = submit(ada, "s1")
    page.reload()
    page.evaluate(LISTEN, job)
    ada.wait_for_mode("Polling")
    assert "as of" in page.inner_text("[data-connection]")
    wait_for_events(page, 1)
    screenshot("connection-polling")
    take_steps(ada, job, 1)
    wait_for_events(page, 3)
    newer = submit(ada, "s1")
    page.get_by_role("button", name="1 new").click()
    wait_until(lambda: rows(page).first.get_attribute("data-job") == newer)

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    show(page, False)
    ada.wait_for_mode("Paused")
    page.wait_for_timeout(500)  # what was asked before is answered
    look_silently(page, asked)
    take_steps(ada, job, 2)
    show(page, True)
    wait_for_events(page, 7)
    ada.wait_for_mode("Polling")
    check_the_rounds(page)
