"""A file appears whole or not at all; a path stays below its root."""

from pathlib import Path

import pytest

from esl.errors import DataError
from esl.files import atomic_writer, read_json, safe_join, sha256_of, sweep_partial_files, write_bytes, write_json


def test_a_failing_writer_leaves_the_old_file_and_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")
    with pytest.raises(RuntimeError), atomic_writer(path) as stream:
        stream.write(b"new")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file/x"):
        write_bytes(tmp_path / "file" / "x", b"")


def test_json_round_trip_and_refusals(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1})
    assert read_json(tmp_path / "a.json") == {"b": 1}
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "b.json", {"x": float("nan")})
    (tmp_path / "c.json").write_text("[1]")
    with pytest.raises(DataError, match="holds a list"):
        read_json(tmp_path / "c.json")
    with pytest.raises(DataError, match="missing.json"):
        read_json(tmp_path / "missing.json")


@pytest.mark.parametrize("bad", ["../x", "/etc/passwd", "a/../../x", "a\0b", "link/x"])
def test_paths_that_leave_the_root_are_refused(tmp_path: Path, bad: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(DataError, match="inside"):
        safe_join(root, bad)
    assert safe_join(root, "a/b.png") == root / "a" / "b.png"


def test_sha256_is_the_standard_one(tmp_path: Path) -> None:
    write_bytes(tmp_path / "x", b"abc")
    assert sha256_of(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_sweep_takes_what_killed_writers_left_and_nothing_else(tmp_path: Path) -> None:
    for name in (".a.json.x1.partial", "b.partial", "kept.json", "below/.c.png.x2.partial"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    sweep_partial_files(tmp_path / "missing")
    sweep_partial_files(tmp_path)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == [".c.png.x2.partial", "b.partial", "kept.json"]
    sweep_partial_files(tmp_path, "**/*")
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["b.partial", "kept.json"]
