"""The inspector in a real browser: every screen opens, hostile names stay text, many tabs are no trouble."""

import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from serving import Server, Watched

SCREENS = ("inspect", "thresholds", "audit", "compare", "train", "export")


def open_page(server: Server, page: Page, screen: str = "inspect", more: str = "") -> None:
    page.goto(f"{server.url}/#tab={screen}{more}")
    page.wait_for_selector(f"#esl-screen-{screen} .esl .esl-top, #esl-screen-{screen} .esl main", state="visible")


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (2560, 1440)])
@pytest.mark.parametrize("screen", [*SCREENS, "open"])
def test_every_screen_opens(
    server: Server, watch: Callable[..., Watched], artefacts: Path, screen: str, width: int, height: int, theme: str
) -> None:
    page = watch(width, height).page
    page.add_init_script(f"localStorage.setItem('esl.theme', '{theme}')")
    shown = "inspect" if screen == "open" else screen
    open_page(server, page, shown)
    if screen == "open":
        page.locator("#esl-screen-inspect .esl-title").click()
        page.wait_for_selector(".esl-open-row")
    if screen == "inspect":
        page.wait_for_function("[...document.querySelectorAll('#esl-screen-inspect canvas')].length >= 4")
    page.wait_for_timeout(800)
    page.screenshot(path=artefacts / f"{screen}-{theme}-{width}.png")
    root = page.locator(f"#esl-screen-{shown} .esl")
    box = root.bounding_box()
    assert box is not None
    assert box["width"] >= width - 8
    assert root.get_attribute("data-theme") == theme
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_small_screen_every_control_can_be_reached(server: Server, watch: Callable[..., Watched]) -> None:
    page = watch(1024, 700).page
    open_page(server, page)
    page.wait_for_selector("#esl-screen-inspect .esl-image-name:has-text('one')")
    reached = """([root, texts]) => texts.filter((text) => {
        const node = [...document.querySelectorAll(root + ' *')].find((n) => n.childElementCount === 0 && n.textContent === text);
        node.scrollIntoView({ block: 'nearest' });
        const box = node.getBoundingClientRect();
        const at = [box.left + 3, box.right - 3].map((x) => document.elementFromPoint(x, (box.top + box.bottom) / 2));
        return at.some((hit) => hit !== node);
    })"""
    tools = ["Fit", "1:1", "Photo 0 %", "Colour: class", "Curtain", "Figures"]
    assert page.evaluate(reached, ["#esl-screen-inspect .esl-tools", tools]) == []
    page.locator("#esl-screen-inspect .esl-recipe-name").fill("a recipe with a name of some length")
    page.keyboard.press("Control+s")
    page.get_by_role("tab", name="Thresholds", exact=True).click()
    page.wait_for_selector("#esl-screen-thresholds .esl-recipe-row")
    wanted = [
        "Match coverage",
        "Match error",
        "Pareto",
        "uses GT: no UDA setting",
        "Figures",
        "Undo",
        "Compare",
        "Load",
    ]
    assert page.evaluate(reached, ["#esl-screen-thresholds .esl-middle", wanted]) == []


def test_a_hostile_name_is_text_everywhere(server: Server, watch: Callable[..., Watched]) -> None:
    page = watch().page
    open_page(server, page, more="&i=2")
    page.wait_for_function("document.body.innerText.includes('${alert(1)}<img src=x onerror=alert(1)>')")
    for screen in SCREENS[1:]:
        page.get_by_role("tab", name=screen.capitalize(), exact=True).click()
        page.wait_for_timeout(500)
    page.goto(server.url + "/plain/")
    page.wait_for_function("document.querySelectorAll('.esl-panel img').length === 4")
    assert page.evaluate("document.querySelectorAll('img[src=x]').length") == 0


@pytest.mark.parametrize("width", [1280, 2560])
def test_pointing_at_a_pixel_says_in_full_what_both_rules_do_with_it(
    server: Server, watch: Callable[..., Watched], width: int
) -> None:
    page = watch(width, width * 5 // 8).page
    open_page(server, page)
    line = page.get_by_label("Pixel under the cursor").locator("visible=true")
    expect(line).to_contain_text("Point at a pixel")
    pane = page.locator("#esl-screen-inspect .esl-pane[data-kind=photo] .esl-pane-body")
    pane.hover()
    expect(line).to_contain_text(re.compile(r"P [.\d]+ [≥<] μ [.\d]+ \w+ · SSL (keeps|drops)"))
    expect(line).to_contain_text(re.compile(r"E [.\d]+ [≤>] ν [.\d]+ \w+ · ESL (keeps|drops)"))
    box, bottom = line.bounding_box(), page.evaluate("innerHeight")
    assert box is not None
    assert box["y"] + box["height"] <= bottom
    inside = "n => n.scrollWidth <= n.clientWidth && n.scrollHeight <= n.clientHeight"
    assert line.evaluate(inside)  # nothing is cut off
    pane.click()
    panel = page.get_by_label("Class distribution of the pinned pixel").locator("visible=true")
    expect(panel.locator(".esl-prob")).to_have_count(5)


def test_tabs_keep_their_screens(server: Server, watch: Callable[..., Watched]) -> None:
    page = watch().page
    open_page(server, page)
    page.wait_for_selector("#esl-screen-inspect canvas")
    page.evaluate("document.querySelector('#esl-screen-inspect canvas').dataset.mark = 'here'")
    page.get_by_role("tab", name="Thresholds", exact=True).click()
    page.wait_for_selector("#esl-screen-thresholds .esl", state="visible")
    page.get_by_role("tab", name="Inspect", exact=True).click()
    page.wait_for_selector("#esl-screen-inspect canvas[data-mark=here]", state="visible")


def test_a_tab_that_opens_takes_the_thresholds_of_the_page_not_those_of_its_link(
    server: Server, watch: Callable[..., Watched]
) -> None:
    page = watch().page
    open_page(server, page, "audit", "&nu=0.4&mu=0.3&mode=fixed")
    handle = "document.querySelector('#esl-screen-audit .esl-shell').__esl"
    page.wait_for_function(f"{handle}?.session.rule.nuStar === 0.4")
    link = page.evaluate("location.hash")
    page.evaluate(f"{handle}.setRule({{nuStar: 0.38}})")
    page.wait_for_function("location.hash.includes('nu=0.38')")
    page.evaluate("(link) => history.replaceState(history.state, '', link)", link)  # as if the tab opened at once
    page.get_by_role("tab", name="Export", exact=True).click()
    page.wait_for_selector("#esl-screen-export .esl main", state="visible")
    assert page.evaluate(f"{handle}.session.rule.nuStar") == 0.38


def test_a_link_pasted_into_the_open_page_is_taken_whole(server: Server, watch: Callable[..., Watched]) -> None:
    page = watch().page
    open_page(server, page, more="&i=0")
    handle = "document.querySelector('#esl-screen-inspect .esl-shell')?.__esl"
    page.wait_for_function(f"{handle}?.session.image?.maps.i === 0")
    sid = page.evaluate(f"{handle}.session.sid")
    page.evaluate(f"location.hash = 'tab=inspect&s={sid}&i=2&nu=0.3&mu=0.7&p=esl,entropy&q=b/&hide=1'")
    page.wait_for_function(f"{handle}.session.image?.maps.i === 2")
    page.wait_for_timeout(600)  # what is written now is the new view
    for part in ("i=2", "nu=0.3&mu=0.7", "p=esl,entropy", "hide=1", "q=b"):
        assert part in page.evaluate("location.hash")
    inspect = page.locator("#esl-screen-inspect")
    assert inspect.locator(".esl-pane:visible").count() == 2
    expect(inspect.locator(".esl-item:visible")).to_have_count(1)
    page.evaluate(f"location.hash = 'tab=thresholds&s={sid}&i=1&nu=0.2&mu=0.8'")
    page.wait_for_selector("#esl-screen-thresholds .esl-middle", state="visible")
    page.wait_for_function(f"{handle}.session.image?.maps.i === 1 && {handle}.session.rule.nuStar === 0.2")
    page.wait_for_timeout(600)
    assert "tab=thresholds" in page.evaluate("location.hash")
    assert "nu=0.2&mu=0.8" in page.evaluate("location.hash")
    page.evaluate(f"location.hash = 'tab=inspect&s={sid}&i=9999'")
    expect(inspect.locator(".esl-toast")).to_contain_text("image #9999; this store has #0 to #2")
    page.evaluate("location.hash = 'tab=inspect&s=dead'")
    expect(inspect.locator(".esl-open-card")).to_be_visible()


def test_a_theme_chosen_on_one_screen_is_that_of_all(server: Server, watch: Callable[..., Watched]) -> None:
    page = watch().page
    open_page(server, page, "thresholds")
    for screen, theme in (("Train", "light"), ("Inspect", "dark")):
        page.get_by_role("tab", name=screen, exact=True).click()
        page.locator(f"#esl-screen-{screen.lower()} [aria-label='Light or dark theme']").click()
        themes = "[...document.querySelectorAll('.esl')].map((root) => root.dataset.theme)"
        assert set(page.evaluate(themes)) == {theme}
        assert page.evaluate("localStorage.getItem('esl.theme')") == theme
        assert page.evaluate("document.documentElement.classList.contains('esl-light')") == (theme == "light")


def test_help_is_a_dialog_that_keeps_the_focus_and_gives_it_back(server: Server, watch: Callable[..., Watched]) -> None:
    page = watch().page
    open_page(server, page)
    for screen in ("inspect", "train"):
        page.get_by_role("tab", name=screen.capitalize(), exact=True).click()
        button = page.locator(f"#esl-screen-{screen} [aria-label='Keyboard help']")
        button.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(".esl-help-row")
        for key in ("Tab", "Tab", "Shift+Tab"):
            page.keyboard.press(key)
            assert page.evaluate("document.activeElement.closest('[role=dialog]') !== null")
        page.keyboard.press("Escape")
        assert page.locator(".esl-help-row").count() == 0
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Keyboard help"


def test_eight_tabs_open_without_a_hang(server: Server, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(60_000)
    pages = [context.new_page() for _ in range(8)]
    for page in pages:
        open_page(server, page)
    for page in pages:
        page.wait_for_function("document.querySelectorAll('#esl-screen-inspect canvas').length >= 4")
    context.close()


def test_what_the_browser_fetches_is_what_the_library_derives(server: Server, watch: Callable[..., Watched]) -> None:
    page = watch().page
    open_page(server, page)
    sid = json.load(urllib.request.urlopen(server.url + "/api/v1/stores"))[0]["sid"]
    script = "url => fetch(url).then((r) => r.arrayBuffer()).then((b) => Array.from(new Uint8Array(b)))"
    got = page.evaluate(script, f"/api/v1/stores/{sid}/images/0/maps?kinds=pred,conf,ent")
    from esl.store.predictions import PredictionStore

    maps = PredictionStore.open(server.folder / "store").maps("a/one.png")
    assert bytes(got) == b"".join(np.ascontiguousarray(m).tobytes() for m in (maps.label, maps.max_prob, maps.entropy))


def test_an_idle_page_rests(server: Server, watch: Callable[..., Watched]) -> None:
    page = watch().page
    page.add_init_script(
        "const frame = window.requestAnimationFrame.bind(window); window.frames_asked = 0;"
        "window.requestAnimationFrame = (draw) => { window.frames_asked += 1; return frame(draw); };"
    )
    open_page(server, page, "train")
    page.wait_for_timeout(3000)
    before = page.evaluate("window.frames_asked")
    page.wait_for_timeout(3000)
    assert page.evaluate("window.frames_asked") - before < 30, "sixty frames a second are drawn for nothing"
