"""The map from paper to code names things that exist."""

import importlib
import re
from pathlib import Path


def test_every_function_and_test_of_the_paper_map_exists(repository: Path) -> None:
    text = (repository / "docs" / "paper_map.md").read_text()
    names = re.findall(r"`(esl\.[\w.]+)`", text)
    assert len(names) > 20
    for name in names:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name
    for path in re.findall(r"`(tests/[\w/.]+)`", text):
        assert (repository / path).exists(), path


def test_every_verb_of_the_readme_exists_and_every_verb_is_told_of(repository: Path) -> None:
    from esl.cli import VERBS

    readme = (repository / "README.md").read_text()
    assert set(re.findall(r"python -m esl ([a-z][\w-]+)", readme)) <= set(VERBS)
    told = "\n".join(p.read_text() for p in [repository / "README.md", *sorted((repository / "docs").glob("*.md"))])
    assert [verb for verb in VERBS if not re.search(rf"esl {verb}\b", told)] == []
