"""What every test shares: quick threads, repeatable Hypothesis, the folder of real data where there is one."""

import os
from pathlib import Path

import pytest

# Two or three threads a process fight over two cores; one is faster for tiny tensors.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent

settings.register_profile(
    "repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], max_examples=50
)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real frames (CamVid and samples); named by `ESL_SHARED`, else beside the checkout."""
    root = Path(os.environ.get("ESL_SHARED", REPOSITORY.parent / "shared")) / "data"
    if not root.is_dir():
        pytest.skip(f"no real data at {root}; name its parent in ESL_SHARED")
    return root
