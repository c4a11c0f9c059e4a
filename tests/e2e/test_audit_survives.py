"""An audit in the middle: two people at once, a reload, a server that is killed and started again. Nothing is lost."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from serving import Server, start_server

KEYS = "asdux"
NAMES = tuple(f"street/{k:02d}.png" for k in range(12))
SCREEN = "document.querySelector('#esl-screen-audit .esl-shell')?.__esl?.screen"


@pytest.fixture
def contexts(browser: Browser) -> Iterator[list[BrowserContext]]:
    """Browsers that share nothing; they are closed in the end."""
    opened: list[BrowserContext] = []
    yield opened
    for context in opened:
        context.close()


def join(browser: Browser, contexts: list[BrowserContext], user: str) -> BrowserContext:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(60_000)
    context.add_init_script(f"localStorage.setItem('esl.user', '{user}')")
    contexts.append(context)
    return context


def open_audit(context: BrowserContext, server: Server) -> Page:
    page = context.new_page()
    page.goto(f"{server.url}/#tab=audit&mu=0.3&nu=0.4&mode=fixed")
    page.wait_for_function("document.querySelectorAll('.esl-arc').length > 24")
    page.wait_for_function(f"{SCREEN}?.item && !{SCREEN}.session.loading")
    return page


def judge(page: Page, count: int) -> None:
    """Keys one after the other, faster than any hand."""
    for k in range(count):
        page.keyboard.press(KEYS[k % len(KEYS)])


def all_sent(page: Page) -> None:
    page.wait_for_function(f"{SCREEN}.outbox.size === 0")


def marked(page: Page) -> list[str]:
    """Decisions that the queue shows, by arc."""
    rows = page.evaluate("[...document.querySelectorAll('.esl-arc')].map((row) => row.dataset.decision)")
    return [decision for decision in rows if decision]


def stored(server: Server, user: str) -> list[dict[str, Any]]:
    base = server.url + "/api/v1"
    sid = json.load(urllib.request.urlopen(base + "/stores"))[0]["sid"]
    found: list[dict[str, Any]] = json.load(urllib.request.urlopen(f"{base}/verdicts?sid={sid}&user={user}"))[
        "verdicts"
    ]
    return found


def test_two_people_judge_at_once_and_each_keeps_twenty_of_twenty(
    world: Server, browser: Browser, contexts: list[BrowserContext]
) -> None:
    pages = {user: open_audit(join(browser, contexts, user), world) for user in ("ada", "bob")}
    for _ in range(4):
        for page in pages.values():
            judge(page, 5)
    for user, page in pages.items():
        all_sent(page)
        verdicts = stored(world, user)
        assert len(verdicts) == 20
        assert len({v["item"] for v in verdicts}) == 20
        assert all(v["user"] == user and sum(length for _, length in v["runs"]) >= 12 for v in verdicts)
        page.reload()
        page.wait_for_function("document.querySelectorAll('.esl-arc[data-decision=\"drop\"]').length === 8")
        assert len(marked(page)) == 20
    assert "Kappa of" in pages["ada"].inner_text(".esl-audit-side")


def test_a_reload_in_the_middle_goes_on_with_the_first_arc_that_is_not_judged(
    world: Server, browser: Browser, contexts: list[BrowserContext]
) -> None:
    page = open_audit(join(browser, contexts, "ada"), world)
    judge(page, 7)
    page.reload()  # before anything was waited for
    page.wait_for_function(
        "document.querySelectorAll('.esl-arc[data-decision]:not([data-decision=\"\"])').length === 7"
    )
    all_sent(page)
    assert len(stored(world, "ada")) == 7
    page.wait_for_function(f"{SCREEN}.at === 7")
    page.keyboard.press("z")  # nothing of this session to undo
    judge(page, 1)
    all_sent(page)
    assert len(stored(world, "ada")) == 8
    page.keyboard.press("z")
    page.wait_for_function(f"{SCREEN}.at === 7")
    assert len(marked(page)) == 7


def test_a_server_killed_and_started_again_in_the_middle_gets_every_verdict(
    world: Server, browser: Browser, contexts: list[BrowserContext]
) -> None:
    context = join(browser, contexts, "ada")
    page = open_audit(context, world)
    judge(page, 5)
    all_sent(page)
    world.process.kill()
    world.process.wait(30)
    judge(page, 5)
    page.locator(".esl-chip", has_text="5 unsent").wait_for()
    assert len(marked(page)) == 10
    page.close()  # the browser's storage is all that holds them now
    again = start_server(world.folder, "--store", "store", port=int(world.url.rpartition(":")[2]))
    try:
        assert len(stored(again, "ada")) == 5
        page = open_audit(context, again)
        all_sent(page)
        verdicts = stored(again, "ada")
        assert len({v["item"] for v in verdicts}) == len(verdicts) == 10
        page.wait_for_function(f"{SCREEN}.at === 10")
        assert len(marked(page)) == 10
        again.process.kill()
        again.process.wait(30)
        judge(page, 3)
        page.locator(".esl-chip", has_text="3 unsent").wait_for()
        third = start_server(world.folder, "--store", "store", port=int(world.url.rpartition(":")[2]))
        try:
            all_sent(page)  # by itself, in the same page
            assert len(stored(third, "ada")) == 13
        finally:
            third.stop()
    finally:
        if again.process.poll() is None:
            again.stop()


def test_notes_and_relabelled_classes_stay_with_their_arcs(
    world: Server, browser: Browser, contexts: list[BrowserContext]
) -> None:
    page = open_audit(join(browser, contexts, "ada"), world)
    note, classes = page.get_by_label("Note"), page.get_by_label("Class that X relabels to")
    page.keyboard.press("n")
    page.keyboard.type("important")
    page.keyboard.press("Escape")
    for key in "jk":
        page.keyboard.press(key)
    assert note.input_value() == "important"
    page.keyboard.press("s")
    page.keyboard.press("k")
    page.keyboard.press("n")
    note.fill("not so important")
    page.keyboard.press("Enter")
    page.keyboard.press("j")
    predicted, second = page.evaluate(f"[{SCREEN}.item.pred, {SCREEN}.item.second]")
    other = next(c for c in range(3) if c not in (predicted, second))
    assert classes.locator(f"option[value='{predicted}']").is_disabled()
    classes.select_option(str(other))
    classes.evaluate("(select) => select.blur()")
    page.keyboard.press("x")
    all_sent(page)
    assert [(v["decision"], v["note"], v["relabel_to"]) for v in stored(world, "ada")] == [
        ("keep", "not so important", None),
        ("relabel", "", other),
    ]
    page.reload()
    page.wait_for_function(f"{SCREEN}?.at === 2")
    page.keyboard.press("k")
    expect(classes).to_have_value(str(other))
    page.keyboard.press("k")
    expect(note).to_have_value("not so important")


def test_what_esl_adds_has_a_rate_words_and_a_pane_of_its_own(
    world: Server, browser: Browser, contexts: list[BrowserContext]
) -> None:
    page = open_audit(join(browser, contexts, "ada"), world)
    rate, drop = page.locator(".esl-rate"), page.locator(".esl-verdict[data-key=a]")
    judge(page, 3)
    assert rate.inner_text().startswith("What ESL drops was wrong: ")
    page.evaluate(f"{SCREEN}.session.setRule({{muStar: 0.9, nuStar: 0.4}})")
    page.get_by_label("Direction").select_option("esl_only")
    assert drop.inner_text().endswith("ESL is right to drop it")
    page.get_by_role("button", name="Draw arcs").click()
    page.wait_for_function(f"{SCREEN}.drawn.direction === 'esl_only' && !{SCREEN}.session.loading")
    assert drop.inner_text().endswith("Should be dropped: SSL is right")
    assert rate.inner_text().startswith("No verdicts on these arcs yet")
    assert page.locator(".esl-pane").last.get_attribute("data-kind") == "esl-ssl"
    for key in "sa":
        page.keyboard.press(key)
    assert rate.inner_text().startswith("What ESL adds was wrong: ")
    assert rate.inner_text().endswith("n = 2")
    page.evaluate(f"{SCREEN}.session.setRule({{muStar: 0, nuStar: 0.4}})")
    page.get_by_role("button", name="Draw arcs").click()
    page.locator(".esl-list-note", has_text="No ESL − SSL pixels").wait_for()
    page.wait_for_function(f"{SCREEN}.item === null")
    assert page.locator(".esl-verdict:disabled").count() == 5
    assert page.evaluate(f"{SCREEN}.grid.outline") is None
