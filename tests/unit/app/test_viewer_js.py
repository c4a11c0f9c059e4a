"""Runs the viewer's own tests under Node, where there is one."""

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def node() -> str:
    """Path of Node 20 or newer; `node --test` needs it."""
    path = shutil.which("node")
    if path is None:
        pytest.skip("no node on the path: the viewer's JavaScript tests need Node 20 or newer")
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < 20:
        pytest.skip(f"node {version} is too old: the viewer's JavaScript tests need Node 20 or newer")
    return path


def test_the_viewers_own_tests_pass(node: str, repository: Path) -> None:
    tests = sorted(str(path) for path in (repository / "tests" / "viewer").glob("*.test.mjs"))
    assert tests
    result = subprocess.run([node, "--test", *tests], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]


def test_no_module_makes_markup_from_strings_or_loads_from_elsewhere(repository: Path) -> None:
    for source in sorted((repository / "app" / "viewer").glob("*.js")):
        text = source.read_text()
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert word not in text, f"{source.name} uses {word}; text from files must go through textContent"
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", ""), source.name
        assert "https://" not in text, source.name
