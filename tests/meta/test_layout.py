"""The repository keeps its own rules: file sizes, names, documents that exist."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.commands import require_parses

BANNED = {"utils", "helpers", "common", "misc"}


def tracked(repository: Path, *suffixes: str) -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files"], cwd=repository, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [repository / n for n in names if n.endswith(suffixes) and (repository / n).exists()]


def test_no_module_is_a_drawer_for_everything(repository: Path) -> None:
    for path in tracked(repository, ".py", ".js", ".mjs"):
        assert not BANNED & {part.split(".")[0] for part in path.relative_to(repository).parts}, path


def test_no_file_is_longer_than_three_hundred_lines(repository: Path) -> None:
    long = {
        str(path.relative_to(repository)): lines
        for path in tracked(repository, ".py", ".js")
        if not path.is_relative_to(repository / "tests") and (lines := len(path.read_text().splitlines())) > 300
    }
    assert not long


def test_links_in_documents_lead_somewhere(repository: Path) -> None:
    broken = []
    for path in tracked(repository, ".md"):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
            if not target.startswith(("http://", "https://", "mailto:")) and not (path.parent / target).exists():
                broken.append(f"{path.relative_to(repository)}: {target}")
    assert not broken


def test_every_command_of_the_readme_is_one_that_is_understood(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = re.findall(r"^python -m esl .*", (repository / "README.md").read_text(), re.MULTILINE)
    assert len(commands) > 10
    for command in commands:
        require_parses(command, monkeypatch)


def test_no_document_names_a_machine(repository: Path) -> None:
    for path in tracked(repository, ".md", ".py", ".json", ".toml", ".js"):
        if path == Path(__file__):
            continue
        assert not re.search(r"/work/(main|shared|\.)|/tmp/bash_jobs", path.read_text()), path


@pytest.mark.parametrize("command", ["make app", "make test"])
def test_the_readme_names_the_two_commands_and_the_makefile_has_them(repository: Path, command: str) -> None:
    assert command in (repository / "README.md").read_text()
    assert re.search(rf"^{command.split()[1]}:", (repository / "Makefile").read_text(), re.MULTILINE)
