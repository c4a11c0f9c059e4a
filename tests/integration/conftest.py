"""Verdicts on the tests' own data sets are kept apart from the user's."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def checked_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder that this test's runs remember sound data in."""
    folder = tmp_path / "cache"
    monkeypatch.setattr("esl.pipelines.precheck.cache_dir", lambda: folder)
    return folder
