"""A reader that leaves (`| head -1`) ends no work and is not told; a full disk is one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.pipelines.stored_world import fill_store


def esl(words: list[str], *, stdout: int, stderr: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "esl", *words], stdout=stdout, stderr=stderr, text=True, check=False)


def pipe_without_reader() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("words", [["--help"], ["train"], ["train", "demo_advent", "--help"], []])
def test_help_that_nobody_reads_ends_quietly(words: list[str]) -> None:
    done = esl(words, stdout=pipe_without_reader())
    assert (done.returncode, done.stderr) == (0 if "--help" in words else 2, "")


def test_a_result_that_nobody_reads_ends_quietly(tmp_path: Path) -> None:
    fill_store(tmp_path / "s")
    done = esl(["audit", "--store", str(tmp_path / "s"), "--json"], stdout=pipe_without_reader())
    assert done.returncode == 0
    assert all(line.startswith("audit: ") for line in done.stderr.splitlines()), "progress alone"


def test_work_goes_on_when_nobody_reads_its_progress(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
import esl.cli.demo
from esl.cli import program
from esl.progress import ProgressLine

def work(words):
    for step in range(3):
        ProgressLine("train")(3, 3)
        print("said", file=sys.stderr)
    Path({str(tmp_path / "done")!r}).touch()
    print("result")
    return 0

esl.cli.demo.run = work
sys.argv = ["esl", "demo"]
sys.exit(program())
"""
    closed = pipe_without_reader()
    done = subprocess.run([sys.executable, "-c", code], stdout=closed, stderr=closed, check=False)
    assert done.returncode == 0
    assert (tmp_path / "done").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [["--help"], ["train", "demo_advent", "--help"]])
def test_a_full_disk_is_one_sentence(words: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = esl(words, stdout=full.fileno())
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_closed_standard_output_is_no_defect(tmp_path: Path) -> None:
    fill_store(tmp_path / "s")
    command = f'"{sys.executable}" -m esl audit --store "{tmp_path / "s"}" >&-'
    done = subprocess.run(command, shell=True, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stderr
