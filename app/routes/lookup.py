"""Ids from URLs, looked up; nothing here is ever joined to a path."""

import re
from typing import Annotated, cast

import numpy as np
from fastapi import Depends, Request
from numpy.typing import NDArray

from app.library import Library
from app.opened import OpenStore
from app.routes.answers import ApiError
from esl.labeling.maps import SCALE
from esl.labeling.thresholds import Thresholds

_OWN = re.compile(r"u[0-9a-f]{12}")


def library_of(request: Request) -> Library:
    """The server's library."""
    return cast(Library, request.app.state.library)


def store_of(request: Request, sid: str) -> OpenStore:
    """The open store that a URL names.

    Raises:
        ApiError: 404.
    """
    opened = library_of(request).get(sid)
    if opened is None:
        raise ApiError(404, "This store is not open here; reload the page to see which are.")
    return opened


def image_key(opened: OpenStore, i: str) -> int | str:
    """An image's index, or the key of a dropped one.

    Raises:
        ApiError: 404.
    """
    if _OWN.fullmatch(i):
        return i
    return image_index(opened, i)


def image_index(opened: OpenStore, i: str) -> int:
    """An image's index.

    Raises:
        ApiError: 404.
    """
    if not (i.isascii() and i.isdigit() and len(i) < 10 and int(i) < len(opened.store.image_ids)):
        raise ApiError(404, f"An image's index must be 0 to {len(opened.store.image_ids) - 1}.")
    return int(i)


def thresholds_of(opened: OpenStore, mu: list[int], nu: list[int]) -> Thresholds:
    """Integer thresholds from a request.

    Raises:
        ApiError: 400, not C integers from 0 to 65535.
    """
    return Thresholds(
        mu=_integers(mu, opened.num_classes, "mu"),
        nu=_integers(nu, opened.num_classes, "nu"),
        mu_median_binds=np.zeros(opened.num_classes, np.bool_),
        nu_median_binds=np.zeros(opened.num_classes, np.bool_),
        absent=np.zeros(opened.num_classes, np.bool_),
    )


def _integers(values: list[int], count: int, name: str) -> NDArray[np.uint16]:
    if len(values) != count or not all(0 <= v <= SCALE for v in values):
        raise ApiError(400, f"{name} must hold {count} integers from 0 to {SCALE}, one per class.")
    return np.asarray(values, np.uint16)


LibraryDep = Annotated[Library, Depends(library_of)]
StoreDep = Annotated[OpenStore, Depends(store_of)]
