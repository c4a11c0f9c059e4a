"""Functions over pixels that Numba compiles to machine code."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """Compile `function` on first call, cached on disk where a folder for the cache can be written."""
    try:
        return cast(_F, numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:  # neither the package's folder nor the user's is writable: compile in memory
        return cast(_F, numba.njit(nogil=True)(function))
