"""Every screen without a pointer: Tab visits each control that can be used; it has a name and shows the focus."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page
from serving import Server, Watched

SCREENS = ("inspect", "thresholds", "audit", "compare", "train", "export", "open")

# Controls of the screen that is open: what can be used now. Marks of a slider only repeat it, and are left to pointers.
CONTROLS = """(root) => [...root.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')].filter((node) =>
    !node.disabled && node.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true }) && !node.classList.contains('esl-mark'))"""

NOTE = """(root) => {
  const node = document.activeElement;
  if (!root.contains(node)) return null;
  const style = getComputedStyle(node);
  const label = node.getAttribute('aria-label') || node.labels?.[0]?.textContent || (node.tagName !== 'SELECT' && node.textContent) || node.title || '';
  const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1;
  const box = node.getBoundingClientRect();
  node.dataset.visited = '1';
  return { what: node.outerHTML.slice(0, 120), label: label.trim(), ring, isInView: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth };
}"""


def root_of(server: Server, page: Page, screen: str) -> Any:
    host = "inspect" if screen == "open" else screen
    page.goto(f"{server.url}/#tab={host}")
    page.wait_for_selector(f"#esl-screen-{host} .esl main", state="visible")
    if screen == "open":
        page.locator("#esl-screen-inspect .esl-title").click()
        page.wait_for_selector(".esl-open-row")
    page.wait_for_timeout(1500)  # counts and lists come; what was disabled is not any more
    return page.locator(f"#esl-screen-{host} .esl").element_handle()


@pytest.mark.parametrize("screen", SCREENS)
def test_tab_visits_every_control_and_shows_where_it_is(
    server: Server, watch: Callable[..., Watched], screen: str
) -> None:
    page = watch().page
    root = root_of(server, page, screen)
    count = page.evaluate(f"(root) => ({CONTROLS})(root).length", root)
    assert count >= 2
    page.get_by_role("tab", name="Export", exact=True).focus()
    visited = []
    for _ in range(count + 20):
        page.keyboard.press("Tab")
        note = page.evaluate(NOTE, root)
        if note is None and visited:
            break
        if note is not None:
            visited.append(note)
    missed = page.evaluate(
        f"(root) => ({CONTROLS})(root).filter((n) => !n.dataset.visited).map((n) => n.outerHTML.slice(0, 140))", root
    )
    assert missed == []
    assert [n["what"] for n in visited if not n["label"]] == [], "a control without a name"
    assert [n["what"] for n in visited if not n["ring"]] == [], "a focus that cannot be seen"
    assert [n["what"] for n in visited if not n["isInView"]] == [], "a focus outside the window"


def test_thresholds_images_and_regions_move_by_keys(server: Server, watch: Callable[..., Watched]) -> None:
    page = watch().page
    root_of(server, page, "inspect")
    handle = "document.querySelector('#esl-screen-inspect .esl-shell').__esl"
    page.locator("#esl-screen-inspect .esl-range-nu").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(f"{handle}.session.rule.nuStar") == pytest.approx(0.101)
    page.keyboard.press("Shift+ArrowRight")
    assert page.evaluate(f"{handle}.session.rule.nuStar") == pytest.approx(0.1011)
    page.locator("#esl-screen-inspect .esl-thr").nth(2).focus()
    page.keyboard.press("ArrowUp")
    assert list(page.evaluate(f"{handle}.session.rule.nuOverrides")) == ["2"]
    page.keyboard.press("Delete")
    assert page.evaluate(f"{handle}.session.rule.nuOverrides") == {}
    page.locator("#esl-screen-inspect .esl-list-scroll").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function(f"{handle}.session.image.maps.i === 1")
    page.keyboard.press("n")
    assert page.evaluate("document.activeElement.dataset.kind") == "ssl-esl"
    page.get_by_role("tab", name="Thresholds", exact=True).click()
    region = page.locator(".esl-region:enabled", has_text="SSL only")
    region.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Show pixels").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#esl-screen-inspect .esl-chip.is-brush", state="visible")
    inside = f"""(() => {{ const {{ session, screen }} = {handle}; const {{ label }} = session.image.maps; const {{ state }} = session.image.selection;
      return screen.grid.scene.brush.every((on, i) => Boolean(on) === (label[i] === 0 && state[i] === 1)); }})()"""
    page.wait_for_function(f"{handle}.screen.grid.scene.brush !== null")
    assert page.evaluate(inside), "the brush holds the pixels that SSL alone keeps, to the pixel"
