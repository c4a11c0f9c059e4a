"""The kernel gives the same bytes on every target, for any number of threads and in a forked worker."""

import hashlib
import multiprocessing
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from esl.labeling import kernel
from esl.labeling.maps import Interpolate, derive_maps
from tests.unit.labeling.worlds import random_logits

ORDERS: tuple[Interpolate, ...] = ("probs", "logits")


def digest(num_threads: int | None = None) -> str:
    """Hash of every map of a few predictions, in both orders."""
    total = hashlib.sha256()
    for num_classes, scale in ((2, 1.0), (19, 3.0), (19, 40.0), (40, 0.1)):
        logits = random_logits(num_classes, 9, 17, scale=scale)
        for order in ORDERS:
            maps = derive_maps(
                logits,
                (67, 331),
                interpolate=order,
                second=True,
                divisors=np.linspace(0.2, 1.0, num_classes),
                num_threads=num_threads,
            )
            for name in ("label", "max_prob", "entropy", "second", "second_prob", "weighted_label", "weighted_prob"):
                total.update(getattr(maps, name).tobytes())
    return total.hexdigest()


def _send_digest(connection: Connection) -> None:
    connection.send(digest())
    connection.close()


@pytest.mark.parametrize("num_threads", [1, 2, 3, 8])
def test_threads_change_nothing(num_threads: int) -> None:
    assert digest(num_threads) == digest()


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting",
    [
        {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
        {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma"},
        {"ATEN_CPU_CAPABILITY": "default", "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512_SKX AVX2 FMA3 X86_V3 X86_V4"},
    ],
    ids=["generic", "avx2 with fma", "NumPy and torch without vectors"],
)
def test_the_target_changes_nothing(setting: dict[str, str], repository: Path) -> None:
    if setting.get("NUMBA_CPU_NAME") == "haswell" and " fma " not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this machine has no fused multiply-add")
    code = "from tests.unit.labeling.test_maps_bytes import digest; print('digest', digest(2))"
    environment = {**os.environ, **setting, "PYTHONPATH": str(repository)}
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=environment, cwd=repository, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split("digest ")[-1].strip() == digest()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_worker_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    here = digest(2)  # the parent has a pool by now, whose threads the child will not have
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    worker = context.Process(target=_send_digest, args=(theirs,))
    worker.start()
    assert ours.poll(60), "the forked worker does not answer"
    assert ours.recv() == here
    worker.join(10)
    assert worker.exitcode == 0


def test_calls_at_the_same_time_do_not_disturb_each_other() -> None:
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(digest, [1, 2, 2, 3]))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_no_multiplication_is_fused_with_an_addition(order: Interpolate) -> None:
    derive_maps(random_logits(3, 4, 5), (8, 300), interpolate=order)
    cached: Any = kernel.maps_from_probs if order == "probs" else kernel.maps_from_logits
    fresh = numba.njit(nogil=True)(cached.py_func)  # code from the cache cannot be listed
    fresh.compile(cached.signatures[0])
    (listing,) = fresh.inspect_asm().values()
    assert "mul" in listing
    assert not re.search(r"\bvf(n?m(add|sub))\w*|\bfm(add|la|sub)\b", listing)


@pytest.mark.slow
def test_it_runs_where_no_cache_can_be_written(repository: Path) -> None:
    code = (
        "import numba.core.caching as caching, numpy as np\n"
        "caching.CacheImpl._locator_classes = []\n"
        "from esl.labeling.maps import derive_maps\n"
        "print(derive_maps(np.zeros((2, 1, 1), np.float32), (1, 1)).max_prob[0, 0])\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=repository,
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": "/nowhere"},
    )
    assert answer.stdout.strip() == "32768", answer.stderr
