"""Canvas, exported files and the paper's equations agree to the pixel, on demo scenes and on real frames."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page
from serving import Server, Watched, start_server

from esl.classes import CAMVID_11, CITYSCAPES_19, IGNORE
from esl.cli.export import run as run_export
from esl.data.demo import demo_split, draw_pair
from esl.data.opening import open_dataset
from esl.images import write_png
from esl.labeling.maps import SCALE
from esl.labeling.thresholds import ThresholdRule
from esl.models.predictor import Predictor
from esl.store.predictions import PredictionStore, StoreManifest

NUM_RECIPES = 20
HANDLE = "[...document.querySelectorAll('#esl-screen-inspect, #esl-screen-inspect *')].find((e) => e.__esl)?.__esl"
PORTIONS = (0.2, 0.05, 0.5, 0.9)
PANES = ("ssl", "esl", "ssl-esl", "esl-ssl")


def demo_store(folder: Path, repository: Path) -> PredictionStore:
    """The bundled network's predictions for three dusk scenes."""
    predictor = Predictor.load(repository / "assets" / "demo", device="cpu", precision="fp32")
    names = tuple(f"scene_{k}.png" for k in range(3))
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "dataset.toml").write_text('class_set = "cityscapes19"\n')
    logits = []
    for k, name in enumerate(names):
        image, label = draw_pair(demo_split("target_val"), k)
        write_png(folder / "data" / "images" / name, image)
        write_png(folder / "data" / "labels" / name, label)
        logits.append(predictor.predict(image[None])[0])
    manifest = StoreManifest(
        dataset="folder", root=str(folder / "data"), split="all", class_set=CITYSCAPES_19, image_ids=names,
        map_size=(256, 512), logits_shape=logits[0].shape, model={"name": "bundled"},
    )  # fmt: skip
    return written(folder / "store", manifest, logits)


def camvid_store(folder: Path, repository: Path) -> PredictionStore:
    """Real frames; the predictor is how near each colour lies to the mean colour of each class in them."""
    root = repository.parent / "shared" / "data" / "camvid"
    if not root.is_dir():
        pytest.skip("CamVid is not beside this checkout")
    data = open_dataset("camvid", root, "dusk_test")
    names, small = data.image_ids[:3], (30, 23)
    frames = [cv2.resize(data.read_image(name), small, interpolation=cv2.INTER_AREA) for name in names]
    truths = [cv2.resize(data.read_label(name), small, interpolation=cv2.INTER_NEAREST) for name in names]
    pixels, ids = np.stack(frames).reshape(-1, 3) / 255.0, np.stack(truths).reshape(-1)
    means = [pixels[ids == c].mean(0) if (ids == c).any() else np.full(3, 2.0) for c in range(11)]
    logits = [
        np.stack([-40 * ((frame / 255.0 - mean) ** 2).sum(-1) for mean in means]).astype(np.float32) for frame in frames
    ]
    manifest = StoreManifest(
        dataset="camvid", root=str(root), split="dusk_test", class_set=CAMVID_11, image_ids=names,
        map_size=(360, 480), logits_shape=logits[0].shape, model={"name": "mean colours"},
    )  # fmt: skip
    folder.mkdir(parents=True)
    return written(folder / "store", manifest, logits)


def written(path: Path, manifest: StoreManifest, logits: list[NDArray[Any]]) -> PredictionStore:
    with PredictionStore.create(path, replace(manifest, logits_type=str(logits[0].dtype))) as store:
        for image_id, one in zip(manifest.image_ids, logits, strict=True):
            store.write(image_id, one)
        store.finish()
    return store


@pytest.fixture(scope="module", params=[demo_store, camvid_store], ids=["demo", "camvid"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, repository: Path
) -> Iterator[tuple[Server, PredictionStore]]:
    folder = tmp_path_factory.mktemp("agreement") / "world"
    store = request.param(folder, repository)
    server = start_server(folder, "--store", "store")
    yield server, store
    server.stop()


def random_rule(rng: np.random.Generator, k: int, names: tuple[str, ...]) -> ThresholdRule:
    """Modes in turn, two classes of each criterion overridden."""
    chosen = rng.choice(len(names), 4, replace=False)
    values = [round(float(v), 3) for v in rng.random(6)]
    return ThresholdRule(
        mu_star=values[0], nu_star=values[1], mode=("capped", "fixed", "median")[k % 3],
        mu_overrides={int(c): v for c, v in zip(chosen[:2], values[2:4], strict=True)},
        nu_overrides={int(c): v for c, v in zip(chosen[2:], values[4:], strict=True)},
    )  # fmt: skip


def plain_labels(store: PredictionStore, rule: ThresholdRule) -> dict[str, dict[str, NDArray[np.uint8]]]:
    """Eq. (5) to (9) over the whole set, by sorting: image id -> `ssl` and `esl` -> (H, W) train ids, 255 = not kept."""
    maps = {image_id: store.maps(image_id) for image_id in store.image_ids}
    label = np.concatenate([m.label.ravel() for m in maps.values()])
    prob = np.concatenate([m.max_prob.ravel() for m in maps.values()]).astype(int)
    entropy = np.concatenate([m.entropy.ravel() for m in maps.values()]).astype(int)
    star = [int(np.floor(SCALE * v + 0.5)) for v in (rule.mu_star, rule.nu_star)]
    mu, nu = [star[0]] * store.class_set.num_classes, [star[1]] * store.class_set.num_classes
    for c in range(store.class_set.num_classes):
        p, e = np.sort(prob[label == c]), np.sort(entropy[label == c])
        if len(p) and rule.mode != "fixed":
            upper, lower = int(p[len(p) // 2]), int(e[(len(e) - 1) // 2])
            mu[c] = upper if rule.mode == "median" else min(mu[c], upper)  # Eq. (6)
            nu[c] = lower if rule.mode == "median" else max(nu[c], lower)  # Eq. (9)
    for values, overrides in ((mu, rule.mu_overrides), (nu, rule.nu_overrides)):
        for c, value in overrides.items():
            values[c] = int(np.floor(SCALE * value + 0.5))
    return {
        image_id: {
            "ssl": np.where(m.max_prob >= np.array(mu)[m.label], m.label, IGNORE).astype(np.uint8),  # Eq. (5)
            "esl": np.where(m.entropy <= np.array(nu)[m.label], m.label, IGNORE).astype(np.uint8),  # Eq. (7)
        }
        for image_id, m in maps.items()
    }


def drawn(page: Page, pane: str, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Train ids that a pane's canvas shows, at the map's own resolution."""
    text = page.evaluate(f"(kind) => new TextDecoder('latin1').decode({HANDLE}.readPane(kind))", pane)
    return np.frombuffer(text.encode("latin-1"), np.uint8).reshape(shape)  # ids and 255 map to themselves


def exported_to(out: Path, store: PredictionStore, rule: ThresholdRule, key: str) -> Path:
    """The folder that `python -m esl export` wrote for a rule."""
    names = store.class_set.names
    arguments = ["--store", str(store.directory), "--out", str(out)]
    arguments += ["--criterion", {"ssl": "max_prob", "esl": "entropy"}[key], "--mode", rule.mode]
    arguments += ["--mu-star", str(rule.mu_star), "--nu-star", str(rule.nu_star)]
    for flag, overrides in (("--mu-override", rule.mu_overrides), ("--override", rule.nu_overrides)):
        for c, value in overrides.items():
            arguments += [flag, f"{names[c]}={value}"]
    assert run_export(arguments) == 0
    return out


def test_canvas_export_and_equations_agree(
    served: tuple[Server, PredictionStore], watch: Callable[..., Watched], tmp_path: Path
) -> None:
    server, store = served
    names, rng = store.class_set.names, np.random.default_rng(3)
    page = watch().page
    page.goto(f"{server.url}/#tab=inspect")
    page.wait_for_function(f"{HANDLE}?.session?.image?.maps && {HANDLE}.screen.grid.scene.g != null")
    for k in range(NUM_RECIPES):
        rule = random_rule(rng, k, names)
        plain = plain_labels(store, rule)
        files = {key: exported_to(tmp_path / f"{k}-{key}", store, rule, key) for key in ("ssl", "esl")}
        patch = {
            "muStar": rule.mu_star, "nuStar": rule.nu_star, "mode": rule.mode,
            "muOverrides": {str(c): v for c, v in rule.mu_overrides.items()},
            "nuOverrides": {str(c): v for c, v in rule.nu_overrides.items()},
        }  # fmt: skip
        index = k % len(store.image_ids)
        image_id = store.image_ids[index]
        page.evaluate(f"([i, rule]) => {{ {HANDLE}.show(i); {HANDLE}.setRule(rule); }}", [index, patch])
        page.wait_for_function(f"{HANDLE}.session.image.maps.i === {index}")
        ssl, esl = plain[image_id]["ssl"], plain[image_id]["esl"]
        expected = {
            "ssl": ssl,
            "esl": esl,
            "ssl-esl": np.where(esl == IGNORE, ssl, IGNORE),
            "esl-ssl": np.where(ssl == IGNORE, esl, IGNORE),
        }
        for pane in PANES:
            np.testing.assert_array_equal(drawn(page, pane, ssl.shape), expected[pane], err_msg=f"{pane}, {rule}")
        for key in ("ssl", "esl"):
            png = cv2.imread(str(files[key] / Path(image_id).with_suffix(".png")), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(png, expected[key], err_msg=f"exported {key}, {rule}")


def test_cbsts_pane_shows_what_is_exported(
    served: tuple[Server, PredictionStore], watch: Callable[..., Watched], tmp_path: Path
) -> None:
    server, store = served
    page = watch().page
    page.goto(f"{server.url}/#tab=inspect&p=photo,cbst&cb={PORTIONS[0]}")
    seen = 0
    for k, portion in enumerate(PORTIONS):
        out = tmp_path / str(k)
        arguments = ["--store", str(store.directory), "--out", str(out), "--criterion", "class_balanced"]
        assert run_export([*arguments, "--portion", str(portion)]) == 0
        index = k % len(store.image_ids)
        page.wait_for_function(f"{HANDLE}?.session?.image?.maps && {HANDLE}.screen.grid.scene.g != null")
        page.evaluate(
            f"([i, p]) => {{ {HANDLE}.show(i); {HANDLE}.session.classBalanced.setPortion(p); }}", [index, portion]
        )
        page.wait_for_function(
            f"([i, p]) => {HANDLE}.session.classBalanced.current?.key?.startsWith(`${{i}}|${{p}}|`)",
            arg=[index, portion],
        )
        png = cv2.imread(str(out / Path(store.image_ids[index]).with_suffix(".png")), cv2.IMREAD_UNCHANGED)
        assert png is not None
        np.testing.assert_array_equal(drawn(page, "cbst", png.shape), png, err_msg=f"portion {portion}")
        seen += int((png != IGNORE).sum())
    assert seen > 0
    assert f"cb={PORTIONS[-1]}" in page.evaluate("new Promise((r) => setTimeout(() => r(location.hash), 600))")
    note = page.locator(".esl-pane[data-kind=cbst] .esl-pane-note").inner_text()
    assert "kept" in note
    assert "relabelled" in note
    assert "thresholds" in page.locator(".esl-slider.is-portion").inner_text()
