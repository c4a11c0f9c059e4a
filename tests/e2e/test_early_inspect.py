"""Inspect does not wait for Gradio: it stands from the page's head on, and its shell takes it in later."""

from collections.abc import Callable

from playwright.sync_api import Page, Route
from serving import Server, Watched

DRAWN = "document.querySelector('.esl-shell')?.__esl?.screen.grid.scene.maps"


def hold_gradio(page: Page) -> Callable[[], None]:
    """Hold all modules of Gradio's front end back; returns what lets them go."""
    held: list[Route] = []
    is_open = False

    def take(route: Route) -> None:
        if is_open:
            route.continue_()
        else:
            held.append(route)

    def let_go() -> None:
        nonlocal is_open
        is_open = True
        for route in held:
            route.continue_()

    page.route("**/assets/*.js", take)
    return let_go


def test_the_first_image_is_drawn_without_gradio(server: Server, watch: Callable[..., Watched]) -> None:
    page = watch().page
    hold_gradio(page)
    page.goto(server.url, wait_until="commit")
    page.wait_for_function(DRAWN)
    box = page.locator(".esl-early .esl").bounding_box()
    assert box is not None
    assert (box["x"], box["y"], box["width"]) == (0, 32, 1280)
    assert page.locator("#esl-tabs").count() == 0
    page.locator(".esl-range-nu").fill("0.3")
    assert page.evaluate("document.querySelector('.esl-shell').__esl.session.rule.nuStar") == 0.3


def test_the_shell_takes_inspect_in_as_it_is(server: Server, watch: Callable[..., Watched]) -> None:
    page = watch().page
    let_go = hold_gradio(page)
    page.goto(server.url, wait_until="commit")
    page.wait_for_function(DRAWN)
    before = page.locator(".esl-early .esl").bounding_box()
    page.evaluate("document.querySelector('.esl-shell canvas').dataset.mark = 'here'")
    page.evaluate("document.querySelector('.esl-list-scroll').style.cssText = 'flex: none; height: 60px'")
    page.evaluate("document.querySelector('.esl-shell').__esl.show(2)")
    scrolled = "document.querySelector('.esl-list-scroll').scrollTop > 0"
    page.wait_for_function(scrolled)
    let_go()
    page.wait_for_selector("#esl-screen-inspect .esl-shell canvas[data-mark=here]")
    assert page.locator(".esl-early").count() == 0
    assert page.locator(".esl").count() == 1
    page.wait_for_function(scrolled)  # the list shows the image that is chosen
    page.wait_for_timeout(1200)  # the tabs above have found their place
    assert page.locator("#esl-screen-inspect .esl").bounding_box() == before
    page.get_by_role("tab", name="Thresholds", exact=True).click()
    page.wait_for_selector("#esl-screen-thresholds .esl main", state="visible")
    page.get_by_role("tab", name="Inspect", exact=True).click()
    page.wait_for_selector("#esl-screen-inspect canvas[data-mark=here]", state="visible")


def test_another_tab_in_the_link_opens_alone(server: Server, watch: Callable[..., Watched]) -> None:
    page = watch().page
    page.goto(f"{server.url}/#tab=thresholds")
    page.wait_for_selector("#esl-screen-thresholds .esl main", state="visible")
    assert page.locator(".esl-early").count() == 0
    page.get_by_role("tab", name="Inspect", exact=True).click()
    page.wait_for_function(DRAWN)
