"""The inspector beside the plain Gradio page, in headless Chromium on real stores: how long a slider takes to pictures.

    python -m benchmarks.viewer --out docs/results/viewer.md

The stores are made first (synthetic streets, 19 classes) and kept in --folder. The ratio to the plain page of the same
run is the claim; the absolute figures are those of the machine and of what else it does, so the load stands beside them.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser

from benchmarks.measure import commit, hardware
from benchmarks.viewer_page import (
    Timing,
    a_browser,
    a_page,
    a_server,
    ask,
    call,
    counted,
    first_image,
    load,
    open_tabs,
    resident_mb,
    sorted_image,
)
from benchmarks.viewer_stores import CLASSES, World, made

SIZES = ((512, 1024), (1024, 2048))
MODULE = "benchmarks.viewer"
GOALS = {(512, 1024): ("median 8 ms", "60 fps"), (1024, 2048): ("median 16, p95 33 ms", "45 fps")}
"""Slider to drawn, and drag, on a machine that does nothing else."""
PLAIN_MOVES = (0.3, 0.05, 0.4, 0.12)
"""Positions on the plain page, over and over: far enough apart that each changes every picture that may change."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table: what was measured and what was wanted."""

    name: str
    value: str
    goal: str = ""


def moves(count: int, seed: int = 0) -> list[float]:
    """Slider positions as a hand gives them: steps of 0.002 to 0.03 to and fro between 0.03 and 0.45."""
    rng = np.random.default_rng(seed)
    at, direction, out = 0.1, 1.0, []
    for step in rng.uniform(0.002, 0.03, count):
        if not 0.03 <= at + direction * step <= 0.45:
            direction = -direction
        at += direction * step
        out.append(round(at, 3))
    return out


def measure_inspector(browser: Browser, url: str, options: argparse.Namespace) -> dict[str, Any]:
    """Everything about one store that the page measures itself."""
    opened = []
    for _ in range(options.repeats):
        with a_page(browser, url) as page:
            opened.append(first_image(page))
    raw: dict[str, Any] = {"first_image": opened}
    with a_page(browser, url) as page:
        first_image(page)
        sorted_image(page)
        call(page, "slider", "nu", moves(5))  # warm
        for which in ("nu", "mu"):
            shift = 0.0 if which == "nu" else 0.5
            values = [round(v + shift, 3) for v in moves(options.moves)]
            raw[f"slider_{which}"] = call(page, "slider", which, values)
        raw["jump"] = call(page, "slider", "nu", np.random.default_rng(1).uniform(0, 1, 20).round(3).tolist())
        raw["drag"] = [call(page, "drag", "nu", options.seconds, 0.05, 0.4) for _ in range(options.repeats)]
        raw["probe"] = call(page, "probe", 40)
        raw["next"] = call(page, "next", 8)
    return raw


def inspector_rows(raw: dict[str, Any], goals: tuple[str, str]) -> list[Row]:
    """The lines of the inspector's own measurements."""
    moved = raw["slider_nu"] + raw["slider_mu"]
    best = max(raw["drag"], key=lambda d: d["fps"])
    middle = float(np.median([d["fps"] for d in raw["drag"]]))
    gaps = Timing.of([gap for d in raw["drag"] for gap in d["gaps"]])
    return [
        Row(name="slider to drawn", value=_shown([m["drawn"] for m in moved]), goal=goals[0]),
        Row(name="slider to the second frame after", value=_shown([m["presented"] for m in moved])),
        Row(name="of it: table, bars, curves", value=_shown([m["numbers"] for m in moved]), goal="4 ms"),
        Row(name="jump across the slider to drawn", value=_shown([m["drawn"] for m in raw["jump"]])),
        Row(name="drag", value=f"{middle:.1f} fps, best {best['fps']:.1f}; gap p95 {gaps.p95:.1f} ms", goal=goals[1]),
        Row(name="probe", value=_shown([p["probe"] for p in raw["probe"]]), goal="2 ms"),
        Row(name="probe and crosshairs, pointer to drawn", value=_shown([p["drawn"] for p in raw["probe"]])),
        Row(name="next image, prefetched", value=_shown(raw["next"]), goal="250 ms"),
        Row(name="page to first image, empty cache", value=_shown(raw["first_image"]), goal="2000 ms"),
    ]


def measure_plain(browser: Browser, url: str, count: int) -> list[dict[str, float]]:
    """The plain page: slider to four decoded pictures."""
    with a_page(browser, f"{url}/plain/") as page:
        page.wait_for_function(
            "[...document.querySelectorAll('.esl-panel img')].filter((i) => i.naturalWidth > 0).length === 4"
        )
        page.wait_for_function("document.querySelector('#plain-summary textarea').value !== ''")
        page.wait_for_timeout(1500)
        call(page, "plain", PLAIN_MOVES[2:])  # warm
        return list(call(page, "plain", [PLAIN_MOVES[k % 4] for k in range(count)]))


def measure_size(browser: Browser, folder: Path, size: tuple[int, int], options: argparse.Namespace) -> dict[str, Any]:
    """Inspector and plain page over one store, one after the other, twice over so that both see the same machine."""
    store = made(folder / f"{size[1]}x{size[0]}", World(map_size=size, num_images=4, num_scenes=4))
    before = load()
    with tempfile.TemporaryDirectory() as state, a_server(store, Path(state)) as server:
        counted(server, ask(server, "/stores")[0]["sid"], CLASSES.num_classes)
        plain = measure_plain(browser, server.url, options.plain_moves)
        raw = measure_inspector(browser, server.url, options)
        plain += measure_plain(browser, server.url, options.plain_moves)
    decoded, presented = [p["decoded"] for p in plain], [p["presented"] for p in plain]
    moved = raw["slider_nu"] + raw["slider_mu"]
    ratios = {
        "drawn": Timing.of(decoded).median / Timing.of([m["drawn"] for m in moved]).median,
        "presented": Timing.of(presented).median / Timing.of([m["presented"] for m in moved]).median,
    }
    rows = [
        *inspector_rows(raw, GOALS.get(size, ("", ""))),
        Row(name="plain page: slider to four decoded pictures", value=_shown(decoded)),
        Row(name="plain page: to the second frame after", value=_shown(presented)),
        Row(name="**ratio, drawn against decoded**", value=f"**{ratios['drawn']:.0f}x**"),
        Row(name="**ratio, second frame after, both**", value=f"**{ratios['presented']:.1f}x**"),
    ]
    return {
        "rows": [asdict(row) for row in rows],
        "ratios": ratios,
        "load": [before, load()],
        "raw": {**raw, "plain": plain},
    }


def measure_many(browser: Browser, folder: Path, world: World, options: argparse.Namespace) -> dict[str, Any]:
    """A store of very many images: first picture while they are counted, ranking, the list, memory, eight tabs."""
    store = made(folder / f"{world.num_images}", world)
    before = load()
    with tempfile.TemporaryDirectory() as state, a_server(store, Path(state)) as server:
        start = time.monotonic()
        with a_page(browser, server.url) as page:
            early = first_image(page)
        sid = ask(server, "/stores")[0]["sid"]
        counted(server, sid, CLASSES.num_classes)
        counting = time.monotonic() - start
        function = rank_in_process(store, Path(state) / "work" / "cache", options.ranks)
        with a_page(browser, f"{server.url}/#s={sid}&sort=ssl_only") as page:
            late = first_image(page)
            page.wait_for_timeout(1500)
            http = call(page, "rank", options.ranks)
            scrolls = [
                call(page, "scroll", options.seconds, step) for step in (44, 440) for _ in range(options.repeats)
            ]
        tabs = open_tabs(browser, server.url, 8)
        now, highest = resident_mb(server)
    fps = [s["fps"] for s in scrolls]
    rows = [
        Row(name="page to first image while the set is being counted", value=f"{early:.0f} ms", goal="2000 ms"),
        Row(name="page to first image afterwards", value=f"{late:.0f} ms", goal="2000 ms"),
        Row(name="counting the whole set, in the background", value=f"{counting:.0f} s"),
        Row(name="ranking at new thresholds: the route's function", value=_shown(function), goal="50 ms"),
        Row(name="ranking at new thresholds: asked by the page, answer read", value=_shown(http), goal="50 ms"),
        Row(
            name="list scrolled by a row, by ten rows a frame",
            value=f"{np.median(fps[: options.repeats]):.1f}, {np.median(fps[options.repeats :]):.1f} fps",
            goal="60 fps",
        ),
        Row(name="eight tabs open, all with a picture", value=f"{tabs:.1f} s", goal="no hang"),
        Row(
            name="server's resident memory after all this; highest",
            value=f"{now:.0f} MB; {highest:.0f} MB",
            goal="1500 MB",
        ),
    ]
    raw = {
        "function": function,
        "http": http,
        "scroll": scrolls,
        "first_image": [early, late],
        "counting_s": counting,
        "tabs_s": tabs,
        "rss_mb": [now, highest],
    }
    return {"rows": [asdict(row) for row in rows], "load": [before, load()], "raw": raw}


def rank_in_process(store: Path, cache: Path, count: int) -> list[float]:
    """The route's own function over the server's saved counts, in milliseconds."""
    from app.library import Library
    from app.routes.numbers import RankQuestion, rank

    library = Library(roots=(), exports_dir=cache, state_dir=cache, cache_dir=cache, stores_dir=cache)
    opened = library.open(store)
    if not library.numbers(opened).wait(600):
        raise RuntimeError("The server's counts must be on the disk; they are not.")
    rng = np.random.default_rng(2)
    out = []
    for _ in range(count + 2):
        mu, nu = (
            rng.integers(low, high, CLASSES.num_classes).tolist() for low, high in ((45000, 65000), (1000, 20000))
        )
        start = time.perf_counter()
        rank(RankQuestion(**{"mu": mu, "nu": nu, "key": "ssl_only", "filter": "", "class": 0}), opened, library)
        out.append(1000 * (time.perf_counter() - start))
    library.close()
    return out[2:]


def _shown(values: Sequence[float]) -> str:
    timing = Timing.of(values)
    digits = 1 if timing.median < 100 else 0
    return f"{timing.median:.{digits}f} ms, p95 {timing.p95:.{digits}f}, fastest tenth {timing.p10:.{digits}f}"


def report(results: dict[str, dict[str, Any]], where: str) -> str:
    """Markdown: a table for each store."""
    lines = [where]
    for title, result in results.items():
        before, after = result["load"]
        lines += [
            "",
            f"### {title}",
            "",
            f"Load {before:.1f} before, {after:.1f} after.",
            "",
            "| | measured | goal |",
            "|---|---|---|",
        ]
        lines += [f"| {row['name']} | {row['value']} | {row['goal']} |" for row in result["rows"]]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("sliders", "many", "all"), default="all")
    parser.add_argument("--folder", type=Path, default=Path("build/benchmark-viewer"), help="where the stores are kept")
    parser.add_argument("--out", type=Path, help="also write the tables here (.md), and the numbers beside it (.json)")
    parser.add_argument("--repeats", type=int, default=5, help="page openings, drags and scrolls of each kind")
    parser.add_argument("--moves", type=int, default=60, help="of each slider")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each drag and scroll")
    parser.add_argument(
        "--plain-moves", type=int, default=8, help="moves on the plain page, before and after the inspector's"
    )
    parser.add_argument("--ranks", type=int, default=20)
    parser.add_argument(
        "--size", type=int, nargs=2, action="append", metavar=("H", "W"), help="map sizes of the sliders' part"
    )
    parser.add_argument(
        "--num-images", type=int, nargs=2, default=(3000, 10_000), help="images of the two large stores"
    )
    options = parser.parse_args(arguments)
    where = f"`python -m {MODULE}`, {hardware()}; commit {commit()}; window 1720x980, four panes"
    results: dict[str, dict[str, Any]] = {}
    with a_browser() as browser:
        where += f"; Chromium {browser.version}, headless, software GL; browser and server share the cores"
        if options.part != "many":
            for size in map(tuple, options.size or SIZES):
                results[f"Maps of {size[1]}x{size[0]}, 19 classes"] = measure_size(
                    browser, options.folder, size, options
                )
        if options.part != "sliders":
            for count, size in zip(options.num_images, ((256, 512), (32, 64)), strict=True):
                world = World(map_size=size, num_images=count, num_scenes=min(12, count), dtype="float16")
                results[f"{count:,} images with maps of {size[1]}x{size[0]}"] = measure_many(
                    browser, options.folder, world, options
                )
    text = report(results, where)
    print(text)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(f"# The viewer, beside the plain Gradio page\n\n{text}\n")
        options.out.with_suffix(".json").write_text(json.dumps({"where": where, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
