"""The plain page: four pictures, two sliders, a table and a plot, made of Gradio's own components alone.

The inspector replaces it for daily work; it stays at /plain as the simplest way to look, for scripts
(`gradio_client`: /panels, /numbers, /images) and as the measure that the inspector is compared against.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

import gradio as gr

from app import views
from app.library import Library
from app.notify import said_in_place
from app.opened import OpenStore
from app.session import Session
from esl.errors import DataError
from esl.figures.plotly_charts import draw_error_bars
from esl.labeling.thresholds import ThresholdRule

SET, IMAGE = "whole set", "this image"
_DATATYPES: list[Literal["str", "number", "bool", "date", "markdown", "html"]] = ["str"]
_DATATYPES += ["number"] * (len(views.HEADERS) - 1)
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 ]")


def build(library: Library) -> gr.Blocks:
    """The page over a library; it finds stores when it is loaded, so it may be built before there is one."""
    with gr.Blocks(title="ESL Inspector: plain page", fill_width=True, delete_cache=(600, 600)) as page:
        with gr.Row():
            store = gr.Dropdown([], label="Store", allow_custom_value=True, scale=2)
            image = gr.Dropdown([], label="Image", allow_custom_value=True, scale=4, elem_id="plain-image")
            status = gr.Textbox(
                "Opening ...", label="Status", interactive=False, scale=4, lines=1, elem_id="plain-status"
            )
        with gr.Row():
            with gr.Column(scale=3, min_width=480):
                pictures = _pictures()
                legend = gr.HTML("", js_on_load="", elem_id="plain-legend", apply_default_css=False)
                table = gr.Dataframe(
                    headers=list(views.HEADERS), datatype=_DATATYPES, interactive=False,
                    label="Coverage and error per predicted class", elem_id="plain-table", max_height=900,
                )  # fmt: skip
            with gr.Column(scale=2, min_width=420):
                controls = _controls()
                note = gr.Textbox(label="In short", interactive=False, lines=2, elem_id="plain-summary")
                plot = gr.Plot(show_label=False, elem_id="plain-plot")
        counted = gr.Textbox("", label="Counted", visible="hidden")
        timer = gr.Timer(1.0)
        parts = Parts(store, image, status, pictures, legend, table, controls, note, plot, counted, timer)
        _wire(page, parts, Handlers(library))
    return cast(gr.Blocks, page)


@dataclass(frozen=True)
class Parts:
    """The components that events read and write."""

    store: gr.Dropdown
    image: gr.Dropdown
    status: gr.Textbox
    pictures: list[gr.Image]
    legend: gr.HTML
    table: gr.Dataframe
    controls: list[Any]
    """nu*, mu*, source of the medians, opacity, scope of the table."""
    note: gr.Textbox
    plot: gr.Plot
    counted: gr.Textbox
    """Hidden; its change says that the set's numbers moved on."""
    timer: gr.Timer


def _wire(page: gr.Blocks, p: Parts, handlers: "Handlers") -> None:
    inputs = [p.store, p.image, *p.controls[:3]]
    nu, mu, source, opacity, scope = p.controls
    quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last", "concurrency_limit": None}
    moved = [p.image.change, nu.change, mu.change, source.change]
    gr.on(
        [*moved, opacity.change],
        handlers.panels,
        [*inputs, opacity],
        [*p.pictures, p.status],
        api_name="panels",
        **quiet,
    )
    gr.on([*moved, scope.change, p.counted.change], handlers.numbers, [*inputs, scope], [p.table, p.plot, p.note],
          api_name="numbers", **quiet)  # fmt: skip
    p.store.change(handlers.images, [p.store, p.image], [p.image, p.legend, p.status], api_name="images", **quiet)
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}
    p.store.change(lambda: gr.Timer(active=True), None, p.timer, **private)
    page.load(handlers.stores, [p.store], [p.store], **private)
    p.timer.tick(
        handlers.tick, [p.store, p.image, p.status], [p.store, p.image, p.timer, p.counted, p.status], **private
    )


def _pictures() -> list[gr.Image]:
    titles = ("Ground truth", "SSL: kept by max-prob", "ESL: kept by entropy", "SSL minus ESL: what entropy drops")
    made: list[gr.Image] = []
    for pair in (titles[:2], titles[2:]):
        with gr.Row():
            made += [
                gr.Image(
                    label=title, format="png", type="numpy", interactive=False, buttons=["download", "fullscreen"],
                    elem_classes="esl-panel", elem_id=f"plain-panel-{len(made) + k}",
                )
                for k, title in enumerate(pair)
            ]  # fmt: skip
    return made


def _controls() -> list[Any]:
    nu = gr.Slider(0, 1, 0.1, step=0.001, label="nu*: ESL keeps entropy <= nu(c)", elem_id="plain-nu")
    mu = gr.Slider(0, 1, 0.9, step=0.001, label="mu*: SSL keeps probability >= mu(c)", elem_id="plain-mu")
    with gr.Row():
        source = gr.Radio([SET, IMAGE], value=SET, label="Medians from")
        scope = gr.Radio([SET, IMAGE], value=SET, label="Table and plot of")
    opacity = gr.Slider(0, 1, 0.0, step=0.05, label="Image opacity", elem_id="plain-opacity")
    return [nu, mu, source, opacity, scope]


class Handlers:
    """What the page's events do; each makes its `Session` from the values of the components."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.panels = _public(said_in_place(5)(self._panels), _PANELS)
        self.numbers = _public(said_in_place(3)(self._numbers), _NUMBERS)
        self.images = _public(said_in_place(3)(self._images), _IMAGES)
        self.stores = self._stores
        self.tick = said_in_place(5)(self._tick)

    def _panels(self, sid: Any, image: Any, nu: float, mu: float, source: str, opacity: float) -> tuple[Any, ...]:
        opened = self._opened(sid)
        session = _session(opened, image, nu, mu, source, opacity)
        shown = views.panels(opened, session)
        return shown.truth, shown.ssl, shown.esl, shown.difference, shown.truth_note or _progress(opened)

    def _numbers(self, sid: Any, image: Any, nu: float, mu: float, source: str, scope: str) -> tuple[Any, ...]:
        opened = self._opened(sid)
        session = _session(opened, image, nu, mu, source, 0.0)
        of_set = views.set_numbers(self._library, opened, session)
        of_image = views.image_numbers(opened, session)
        text = f"{views.summary('This image', of_image)}\n{views.summary('Whole set', of_set)}"
        if of_set.bound:
            text += (
                f"\nIn {of_set.bound} classes the median is above nu* and decides, so moving nu* does not touch them."
            )
        rows = (of_set if scope == SET else of_image).rows
        return [list(row) for row in rows], draw_error_bars(views.error_rates(rows, scope)), text

    def _images(self, sid: Any, image: Any) -> tuple[Any, ...]:
        opened = self._opened(sid)
        return gr.Dropdown(_choices(opened), value=_first_done(opened, None)), _legend(opened), _progress(opened)

    def _stores(self, sid: Any) -> Any:
        stores = self._library.stores()
        held = next((s.sid for s in stores if s.sid == sid), stores[0].sid if stores else None)
        return gr.Dropdown([(s.name, s.sid) for s in stores], value=held)

    def _tick(self, sid: Any, image: Any, status: str) -> tuple[Any, ...]:
        """While a set grows or is counted: new stores, new images, new numbers. Stops when there is nothing to wait for."""
        opened = self._library.get(str(sid)) or next(iter(self._library.stores()), None)
        if opened is None:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip(), _waiting(self._library)
        is_new = str(sid) != opened.sid
        numbers = self._library.numbers(opened)
        is_growing = not opened.store.is_complete or "Extracting" in status
        is_over = numbers.is_over and not is_new
        return (
            self._stores(sid) if is_new else gr.skip(),
            gr.skip() if is_new or not is_growing else gr.Dropdown(_choices(opened), value=_first_done(opened, image)),
            gr.Timer(active=not is_over),
            f"{opened.sid} {numbers.num_counted}",
            _progress(opened),
        )

    def _opened(self, sid: Any) -> OpenStore:
        opened = self._library.get(str(sid)) if sid else next(iter(self._library.stores()), None)
        if opened is None:
            raise DataError("There is no such store here yet; wait for it, or open one.")
        return opened


_PANELS = """Ground truth, SSL, ESL and SSL-minus-ESL pictures of one image, PNG at the store's map size.

    Args: store id ("" = the first), image index, nu* and mu* in 0..1, where medians come from ("whole set" or
    "this image"), photo opacity 0..1. The fifth value is a note, e.g. that there is no ground truth."""
_NUMBERS = """Coverage and error per class as a table, the error-rate plot, and a summary of this image and the whole set.

    Args: store id, image index, nu*, mu*, where medians come from, and the table's scope ("whole set" or "this image")."""
_IMAGES = "The images of a store as choices (name, index), the legend, and how many images are done."


def _public(handler: Callable[..., Any], text: str) -> Callable[..., Any]:
    def documented(*args: Any) -> Any:
        return handler(*args)

    documented.__doc__ = text
    return documented


def _session(opened: OpenStore, image: Any, nu: float, mu: float, source: str, opacity: float) -> Session:
    try:
        index = int(image)
    except (TypeError, ValueError):
        raise DataError("Choose an image from the list.") from None
    opened.image_id(index)
    rule = ThresholdRule(mu_star=float(mu), nu_star=float(nu))
    return Session(
        sid=opened.sid, image=index, rule=rule, source="image" if source == IMAGE else "set", opacity=float(opacity)
    )


def _choices(opened: OpenStore) -> list[tuple[str, int]]:
    return [
        (image_id if opened.is_done(i) else f"{image_id} (waiting)", i)
        for i, image_id in enumerate(opened.store.image_ids)
    ]


def _first_done(opened: OpenStore, image: Any) -> int | None:
    if isinstance(image, int) and 0 <= image < len(opened.store.image_ids):
        return image
    return next((i for i in range(len(opened.store.image_ids)) if opened.is_done(i)), None)


def _progress(opened: OpenStore) -> str:
    done, total = opened.store.num_done, len(opened.store.image_ids)
    if done == total:
        return f"{total} images, thresholds from all of them."
    return f"Extracting: {done} of {total} images; medians and set numbers are provisional."


def _waiting(library: Library) -> str:
    jobs = library.jobs.all()
    if not jobs:
        return "No store is open. Start with --store DIR, or --checkpoint with --dataset."
    return jobs[-1].error or f"Getting ready: {jobs[-1].note or jobs[-1].kind} ..."


def _legend(opened: OpenStore) -> str:
    """Swatches as HTML; names come from files, so every sign that means anything to HTML or a template is an entity."""
    entries = "".join(
        f'<span><i style="background:{color}"></i>{_plain(name)}</span>'
        for name, color in views.legend(opened.store.class_set)
    )
    return f'<div class="esl-legend">{entries}<span><i style="background:#000"></i>not kept, or no label</span></div>'


def _plain(text: str) -> str:
    return _NOT_PLAIN.sub(lambda match: f"&#{ord(match.group())};", html.unescape(text))
