"""How a page tells of errors: the library's are a sentence in place; anything else is logged and said plainly."""

import functools
import logging
from collections.abc import Callable
from typing import Any

import gradio as gr

from esl.errors import EslError

_log = logging.getLogger(__name__)


def said_in_place(num_outputs: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Wrap a handler whose last output is a text field: an error becomes its text, the other outputs stay as they are."""

    def wrap(handler: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(handler)
        def told(*args: Any) -> Any:
            try:
                return handler(*args)
            except EslError as error:
                sentence = str(error)
            except Exception:  # noqa: BLE001  the page's border
                _log.exception("%s failed", handler.__name__)
                sentence = "Something went wrong on the server; its log says what. Try again, or reload the page."
            return (*(gr.skip() for _ in range(num_outputs - 1)), sentence)

        return told

    return wrap
