"""The viewer in a real browser over a synthetic store: no Gradio, no network, no numbers of time."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.e2e
FOLDER = Path(__file__).resolve().parents[1] / "viewer"
CHROMIUM = Path("/usr/bin/chromium")
EVIL = "${alert(1)}<img src=x onerror=alert(1)>.png"


def load(name: str) -> ModuleType:
    sys.path.insert(0, str(FOLDER))
    try:
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def world() -> Any:
    return load("fake_world").FakeWorld(height=128, width=256, num_images=30)


@pytest.fixture
def state(world: Any) -> Any:
    return load("fake_server").FakeState(world)


@pytest.fixture
def address(state: Any) -> Iterator[str]:
    server = sys.modules["fake_server"].start(state)
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        path = {"executable_path": str(CHROMIUM)} if CHROMIUM.exists() else {}
        try:
            instance = driver.chromium.launch(
                **path, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
            )
        except playwright.Error as error:
            pytest.skip(f"no Chromium to drive: {str(error).splitlines()[0]}")
        yield instance
        instance.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    tab = context.new_page()
    tab.errors = []
    tab.on("pageerror", lambda error: tab.errors.append(str(error)))
    tab.on("dialog", lambda dialog: (tab.errors.append(f"dialog {dialog.message}"), dialog.dismiss()))
    yield tab
    errors = tab.errors
    context.close()
    assert errors == []


def visit(page: Any, address: str, query: str = "", fragment: str = "") -> None:
    page.goto(f"{address}?{query}{fragment}")
    page.wait_for_function("window.mounted || window.mountError", timeout=20000)
    assert page.evaluate("window.mountError || ''") == ""


def handle(page: Any, expression: str) -> Any:
    return page.evaluate(f"(() => {{ const esl = document.getElementById('host').__esl; return {expression}; }})()")


def drawn_image(page: Any) -> None:
    page.wait_for_function("document.getElementById('host').__esl?.screen.grid.scene.g != null")


@pytest.mark.parametrize("screen", ["inspect", "thresholds", "audit", "export"])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_screen_stands_in_both_sizes_without_overflow(page: Any, address: str, screen: str, theme: str) -> None:
    for width, height in ((1280, 800), (2560, 1440)):
        page.set_viewport_size({"width": width, "height": height})
        visit(page, address, f"screen={screen}&theme={theme}")
        page.wait_for_timeout(250)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("document.querySelector('.esl').getBoundingClientRect().height") == height
        unnamed = page.evaluate(
            "[...document.querySelectorAll('.esl :is(button, input, select)')].filter((n) => !n.hidden && n.offsetParent"
            " && !(n.getAttribute('aria-label') || n.textContent.trim() || n.labels?.length)).map((n) => n.outerHTML)"
        )
        assert unnamed == []


def test_panes_show_what_the_rules_keep_to_the_pixel(page: Any, address: str, world: Any) -> None:
    visit(page, address)
    drawn_image(page)
    rng = np.random.default_rng(11)
    image = world.image(0)
    for k in range(20):
        mode = ("capped", "fixed", "median")[k % 3]
        overrides = {str(int(c)): float(rng.random()) for c in rng.choice(19, 3, replace=False)}
        patch = f"{{muStar: {rng.random()}, nuStar: {rng.random()}, mode: '{mode}', nuOverrides: {overrides}, muOverrides: {{}}}}"
        handle(page, f"esl.setRule({patch})")
        t = handle(page, "esl.thresholds()")
        mu, nu = np.asarray(t["mu"]), np.asarray(t["nu"])
        ssl, esl = image.conf >= mu[image.label], image.ent <= nu[image.label]
        expected = {"ssl": ssl, "esl": esl, "ssl-esl": ssl & ~esl, "esl-ssl": esl & ~ssl}
        for kind, keep in expected.items():
            text = handle(
                page, f"new TextDecoder('latin1').decode(esl.readPane('{kind}'))"
            )  # ids and 255 map to themselves
            drawn = np.frombuffer(text.encode("latin-1"), np.uint8).reshape(image.label.shape)
            np.testing.assert_array_equal(drawn, np.where(keep, image.label, 255), err_msg=f"{kind} at {patch}")


def test_a_slider_moves_panes_numbers_and_table(page: Any, address: str) -> None:
    visit(page, address)
    drawn_image(page)
    before = page.inner_text(".esl-summary")
    notes = page.inner_text('[data-kind="esl"] .esl-pane-note')
    row = page.inner_text(".esl-table-body")
    page.locator(".esl-range-nu").fill("0.4")
    assert page.inner_text(".esl-summary") != before
    assert page.inner_text('[data-kind="esl"] .esl-pane-note') != notes
    assert page.inner_text(".esl-table-body") != row
    page.keyboard.press("Escape")
    page.locator(".esl-panes").hover()
    page.locator(".esl-pane").first.focus()
    page.keyboard.press("z")
    assert handle(page, "esl.session.rule.nuStar") == 0.1


def test_a_link_brings_the_same_view_back(page: Any, address: str) -> None:
    visit(page, address)
    drawn_image(page)
    handle(page, "esl.setRule({nuStar: 0.215, nuOverrides: {3: 0.5}})")
    handle(page, "esl.screen.grid.camera.zoomAt(100, 80, 6, ...esl.screen.grid.viewport)")
    handle(page, "esl.screen.grid.hooks.oncamera()")
    page.evaluate("document.getElementById('host').__esl.show(7)")
    page.wait_for_function("document.getElementById('host').__esl.session.image?.maps.i === 7")
    page.wait_for_function("location.hash.includes('i=7')")
    wanted = handle(page, "[esl.thresholds(), esl.screen.grid.camera.scale, esl.screen.grid.camera.cx]")
    page.reload()
    page.wait_for_function("window.mounted")
    drawn_image(page)
    page.wait_for_function("document.getElementById('host').__esl.session.image?.maps.i === 7")
    got = handle(page, "[esl.thresholds(), esl.screen.grid.camera.scale, esl.screen.grid.camera.cx]")
    assert got[0] == wanted[0]
    assert got[1:] == pytest.approx(wanted[1:], abs=0.01)


def test_names_from_files_are_text_everywhere(page: Any, address: str, state: Any) -> None:
    state.evil_name = EVIL
    for screen in ("inspect", "audit", "export"):
        visit(page, address, f"screen={screen}")
        page.wait_for_timeout(150)
        assert page.locator(".esl img[onerror]").count() == 0
    visit(page, address)
    drawn_image(page)
    assert "onerror=alert(1)" in page.text_content(".esl-item.is-current")


def test_a_failed_image_says_why_and_comes_back_on_retry(page: Any, address: str, state: Any) -> None:
    visit(page, address)
    drawn_image(page)
    state.fail = {"/images/2/maps"}
    page.evaluate("document.getElementById('host').__esl.show(2)")
    page.locator(".esl-card:visible").first.wait_for()
    assert "gone from the disk" in page.inner_text(".esl-card:visible >> nth=0")
    page.evaluate("document.getElementById('host').__esl.show(3)")  # other images keep working
    page.wait_for_function("document.getElementById('host').__esl.session.image?.maps.i === 3")
    assert page.locator(".esl-card:visible").count() == 0
    page.evaluate("document.getElementById('host').__esl.show(2)")
    page.locator(".esl-card:visible").first.wait_for()
    state.fail = set()
    page.locator(".esl-card:visible button").first.click()
    page.wait_for_function("document.getElementById('host').__esl.session.image?.maps.i === 2")


def test_an_empty_difference_and_a_missing_photo_are_told_in_their_panes(page: Any, address: str, state: Any) -> None:
    state.fail = {"/photo"}
    visit(page, address)
    drawn_image(page)
    assert "photo cannot be shown" in page.inner_text('[data-kind="photo"] .esl-card')
    handle(page, "esl.setRule({nuStar: 1, mode: 'fixed'})")
    handle(page, "esl.session.emit('look')")
    page.locator(
        '[data-kind="ssl-esl"] .esl-card', has_text="No SSL − ESL pixels"
    ).wait_for()  # drawn with the next frame


def test_twenty_rapid_verdicts_are_all_stored_and_survive_a_dead_server(page: Any, address: str, state: Any) -> None:
    visit(page, address, "screen=audit")
    page.wait_for_function("document.querySelectorAll('.esl-arc').length > 25")
    state.fail = {"verdicts"}
    for key in "asdxu":
        page.keyboard.press(key)
    page.locator(".esl-chip", has_text="unsent").wait_for()
    assert state.verdicts == []
    state.fail = set()
    for key in "asaxuasdasxasua":
        page.keyboard.press(key)
    page.locator(".esl-chip", has_text="unsent").click(force=True)
    page.wait_for_function("document.getElementById('host').__esl.screen.outbox.size === 0")
    assert len(state.verdicts) == 20
    assert len({v["item"] for v in state.verdicts}) == 20
    page.keyboard.press("j")
    page.reload()
    page.wait_for_function("document.querySelectorAll('.esl-arc[data-decision=\"drop\"]').length > 5")


def test_without_ground_truth_the_page_works_and_says_so(page: Any, address: str, state: Any) -> None:
    state.world = sys.modules["fake_world"].FakeWorld(height=64, width=128, num_images=3, truth=False)
    visit(page, address, fragment="#p=gt,errors,ssl,esl&nu=0.1")
    drawn_image(page)
    assert "No ground truth" in page.inner_text('[data-kind="gt"] .esl-card')
    assert "no GT" in page.inner_text(".esl-summary")
    assert "wrong" not in page.inner_text('[data-kind="esl"] .esl-pane-note')


def test_keys_rest_while_typing_and_the_palette_runs_commands(page: Any, address: str) -> None:
    visit(page, address)
    drawn_image(page)
    page.locator(".esl-list .esl-search").fill("v1c")
    assert handle(page, "esl.screen.grid.count") == 4
    page.keyboard.press("Control+k")
    page.locator(".is-palette input").fill("1, 2 or 4")
    page.keyboard.press("Enter")
    assert handle(page, "esl.screen.grid.count") == 1
    page.locator(".esl-pane").first.focus()
    page.keyboard.press("?")
    assert page.locator(".esl-help-row").count() > 20
    page.keyboard.press("?")
    assert page.locator(".esl-help-row").count() == 0


def words(page: Any, kind: str) -> list[int]:
    """What a pane shows now, as packed colours."""
    return list(handle(page, f"Array.from(esl.screen.grid.shown.find((p) => p.kind === '{kind}').words)"))


def test_holding_space_blinks_and_letting_go_ends_it(page: Any, address: str) -> None:
    visit(page, address, fragment="#nu=0.2&mu=0.6")
    drawn_image(page)
    page.locator(".esl-pane").first.focus()
    ssl, esl = words(page, "ssl"), words(page, "esl")
    assert ssl != esl
    page.keyboard.down("Space")
    page.wait_for_selector(".is-blinking")
    page.wait_for_timeout(100)
    assert (words(page, "ssl"), words(page, "esl")) == (esl, ssl)
    page.keyboard.up("Space")
    page.wait_for_timeout(100)
    assert (words(page, "ssl"), words(page, "esl")) == (ssl, esl)


def test_the_curtain_shows_ssl_left_of_the_pointer_and_esl_right_of_it(page: Any, address: str) -> None:
    visit(page, address, fragment="#nu=0.2&mu=0.6")
    drawn_image(page)
    size = handle(page, "[esl.screen.grid.scene.g.w, esl.screen.grid.scene.g.h]")
    shape = (size[1], size[0])
    ssl, esl = (np.array(words(page, kind)).reshape(shape) for kind in ("ssl", "esl"))
    page.get_by_role("button", name="Curtain").click()
    canvas = page.locator('[data-kind="esl"] canvas').first
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
    page.wait_for_timeout(150)
    edge = round(handle(page, "esl.screen.grid.curtain"))
    assert shape[1] / 4 < edge < shape[1] / 2
    shown = np.array(words(page, "esl")).reshape(shape)
    np.testing.assert_array_equal(shown[:, : edge - 1], ssl[:, : edge - 1])
    np.testing.assert_array_equal(shown[:, edge + 1 :], esl[:, edge + 1 :])


def test_a_click_lists_the_whole_class_distribution_and_a_second_one_ends_it(
    page: Any, address: str, world: Any
) -> None:
    visit(page, address, fragment="#p=ssl")
    drawn_image(page)
    box = page.locator(".esl-pane-decor").first.bounding_box()
    at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(*at)
    page.wait_for_function("document.querySelectorAll('.esl-prob').length === 19")
    x, y = handle(page, "esl.screen.grid.pin")
    assert page.inner_text(".esl-probs b") == f"P at ({x}, {y})"
    assert page.locator(".esl-prob").first.inner_text().split()[0] in world.names[int(world.image(0).label[y, x])]
    page.mouse.click(*at)
    assert not page.locator(".esl-probs").is_visible()
    assert handle(page, "esl.screen.grid.pin") is None
    page.mouse.click(*at)
    page.locator(".esl-prob").first.wait_for()
    page.keyboard.press("Escape")
    assert not page.locator(".esl-probs").is_visible()


def test_a_brush_marks_its_pixels_and_ranks_the_images_that_hold_most(page: Any, address: str, world: Any) -> None:
    visit(page, address, "screen=thresholds")
    page.locator(".esl-density").wait_for()
    page.wait_for_timeout(300)
    box = page.locator(".esl-density").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.8, steps=4)
    page.mouse.up()
    show = page.get_by_role("button", name="Show pixels")
    assert show.is_enabled()
    brush = {"cls": 0, "e": [0, 40000], "p": [20000, 65535]}
    visit(page, address)  # the tab of the real page keeps its session; here it is told
    drawn_image(page)
    handle(page, f"(esl.session.brush = {brush}, esl.session.emit('brush'), 1)")
    page.wait_for_function("document.querySelector('.esl-list')?.innerText.includes('brushed pixels')")
    assert "brushed pixels" in page.inner_text(".esl-chip.is-brush")
    assert "brushed pixels" in page.locator(".esl-item:visible small").first.inner_text()  # what the rows are ranked by
    i = handle(page, "esl.session.index")
    image = world.image(i)
    inside = (image.label == 0) & (image.ent <= 40000) & (image.conf >= 20000)
    assert handle(page, "esl.screen.grid.scene.brush.reduce((a, b) => a + b, 0)") == int(inside.sum()) > 0
    page.locator(".esl-chip.is-brush").click()
    assert handle(page, "esl.screen.grid.scene.brush") is None


@pytest.mark.parametrize("screen", ["inspect", "thresholds", "audit", "export"])
def test_a_screen_that_another_one_replaced_hears_nothing_of_the_store(page: Any, address: str, screen: str) -> None:
    visit(page, address, f"screen={screen}")
    listeners = "[...esl.session.listeners.values()].reduce((n, of) => n + of.size, 0)"
    before = handle(page, listeners)
    if screen == "inspect":
        page.locator(".esl-list .esl-search").fill("frankfurt")
        page.wait_for_function("document.getElementById('host').__esl.session.filter === 'frankfurt'")
    page.evaluate("document.getElementById('host').__esl.viewer.enter('abc123')")
    page.wait_for_function(f"document.getElementById('host').__esl.viewer.listening.length === {before}")
    assert handle(page, listeners) == before
    if screen == "inspect":  # the list on screen has kept the filter and asks once; no other list may ask
        assert page.locator(".esl-list .esl-search").input_value() == "frankfurt"
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        handle(page, "esl.setRule({nuStar: 0.3})")
        page.wait_for_timeout(600)
        assert len([url for url in asked if url.endswith("/rank")]) == 1


def test_maps_of_another_size_say_so_in_place(
    page: Any, address: str, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit(page, address)
    drawn_image(page)
    small = sys.modules["fake_world"].FakeWorld(height=64, width=128, num_images=30)
    real = world.image
    monkeypatch.setattr(world, "image", lambda i: small.image(i) if i == 5 else real(i))
    page.evaluate("document.getElementById('host').__esl.show(5)")
    page.locator(".esl-card:visible").first.wait_for()
    assert "too short" in page.inner_text(".esl-card:visible >> nth=0")
    monkeypatch.undo()
    page.locator(".esl-card:visible button").first.click()
    page.wait_for_function("document.getElementById('host').__esl.session.image?.maps.i === 5")


def test_a_class_of_which_nothing_is_kept_says_so(page: Any, address: str, world: Any) -> None:
    visit(page, address)
    drawn_image(page)
    c = int(world.image(0).label[0, 0])
    handle(
        page, f"esl.setRule({{nuStar: 0, muStar: 1, mode: 'fixed', nuOverrides: {{{c}: 0}}, muOverrides: {{{c}: 1}}}})"
    )
    row = page.locator(f'.esl-tr[aria-label^="{world.names[c]}:"]')
    page.wait_for_function("(row) => row.getAttribute('aria-label').includes('ESL keeps 0')", arg=row.element_handle())
    assert "0 0" in row.inner_text()  # the share that SSL keeps, and ESL


def test_a_long_list_scrolls_with_few_rows_that_always_show_their_own_image(
    page: Any, address: str, state: Any
) -> None:
    state.world = sys.modules["fake_world"].FakeWorld(height=64, width=128, num_images=3000)
    thumbs: list[str] = []
    page.on("request", lambda request: thumbs.append(request.url) if "/thumb" in request.url else None)
    visit(page, address)
    drawn_image(page)
    page.wait_for_function("document.querySelector('.esl-item img').naturalWidth > 0")
    few = page.locator(".esl-item").count()
    assert few < 60
    page.evaluate(
        """async () => {
          const list = document.querySelector('.esl-list-scroll');
          for (let k = 0; k < 40; k++) {
            list.scrollTop += 1500;
            await new Promise((go) => requestAnimationFrame(go));
          }
          list.scrollTop = 44 * 2000;
        }"""
    )
    page.wait_for_function(
        "[...document.querySelectorAll('.esl-item')].filter((row) => !row.hidden && row.title.includes('_002005_')).length === 1"
    )
    page.wait_for_function(
        "[...document.querySelectorAll('.esl-item:not([hidden]) img')].every((image) => image.naturalWidth > 0)"
    )
    shown = page.evaluate(
        """[...document.querySelectorAll('.esl-item:not([hidden])')].map((row) => [
          +row.style.transform.match(/[0-9.]+/)[0] / 44, +row.title.match(/_([0-9]+)_/)[1],
          +row.querySelector('img').src.match(/images.([0-9]+)/)[1], +row.getAttribute('aria-posinset') - 1])"""
    )
    assert all(place == name == picture == position for place, name, picture, position in shown)
    assert {place for place, *_ in shown} >= set(range(2000, 2012))
    assert page.locator(".esl-item").count() <= few + 12
    assert len(thumbs) < 400, "rows that fly past fetch no thumbnail"
    page.locator(".esl-item:not([hidden])[title*='_002003_']").click()
    page.wait_for_function("document.querySelector('.esl-item.is-current')?.title.includes('_002003_')")
    assert page.locator(".esl-item.is-current").count() == 1
