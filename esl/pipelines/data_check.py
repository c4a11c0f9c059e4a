"""The data doctor: is a data set what it must be, before hours are spent on it?"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from esl.data.dataset import PairDataset, Sample
from esl.data.doctor import (
    FileFacts,
    Finding,
    PairFacts,
    check_counts,
    check_files,
    in_threads,
    pair_facts,
    sha256_of_file,
)
from esl.data.doctor_labels import (
    SAMPLED_LABELS,
    IdCounts,
    add_pair,
    check_decoded,
    class_pixels,
    decode_pair,
    spread,
)
from esl.data.folder import DESCRIPTION
from esl.data.known import Place, expected_count, probable_places
from esl.data.opening import open_dataset
from esl.errors import DataError
from esl.progress import Progress, no_progress

NOT_BLOCKING = frozenset({"count", "city", "duplicate"})
"""Faults that a run can live with: a part of a data set is still a data set."""


@dataclass(frozen=True, kw_only=True)
class DataReport:
    """What the doctor found. `to_json` is what `--json` prints."""

    name: str
    root: str
    split: str
    class_set: str = ""
    label_format: str = ""
    is_full: bool = False
    """Everything was decoded, not only a sample of labels."""
    num_images: int = 0
    num_expected: int | None = None
    """Published number of images; None where none is known."""
    num_labels: int = 0
    num_labels_decoded: int = 0
    sizes: Mapping[str, int] = field(default_factory=dict)
    """`height x width` -> images, the most frequent first (20 at most)."""
    class_pixels: Mapping[str, int] = field(default_factory=dict)
    """Class -> pixels in the decoded labels."""
    ids: Mapping[str, int] = field(default_factory=dict)
    """Stored id -> pixels in the decoded labels."""
    findings: tuple[Finding, ...] = ()
    sha256: Mapping[str, str] = field(default_factory=dict)
    """File relative to the root -> checksum, where asked for."""
    seconds: float = 0.0

    @property
    def faults(self) -> tuple[Finding, ...]:
        """Findings that are wrong, not only worth knowing."""
        return tuple(f for f in self.findings if f.level == "fault")

    @property
    def is_sound(self) -> bool:
        """Nothing is wrong."""
        return not self.faults

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """Faults that a long run would trip over; a missing part alone is not one."""
        return tuple(f for f in self.faults if f.check not in NOT_BLOCKING)

    @property
    def stops_a_run(self) -> bool:
        """Something is wrong that a long run would trip over."""
        return bool(self.blocking)

    @property
    def exit_code(self) -> int:
        """0 where nothing is wrong, else 1."""
        return 0 if self.is_sound else 1

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "findings": [asdict(f) for f in self.findings], "is_sound": self.is_sound}

    def to_text(self) -> str:
        """The report for a terminal."""
        expected = "" if self.num_expected is None else f" of {self.num_expected}"
        how = "everything decoded" if self.is_full else f"{self.num_labels_decoded} labels decoded"
        lines = [
            f"{self.name} {self.split} in {self.root}",
            f"  {self.num_images}{expected} images, {self.num_labels} labels, {how}, {self.seconds:.1f} s",
        ]
        if self.sizes:
            lines.append("  sizes (height x width): " + ", ".join(f"{k}: {v}" for k, v in list(self.sizes.items())[:5]))
        pixels = sum(self.class_pixels.values())
        if pixels:
            shares = (f"{name} {100 * count / pixels:.2f} %" for name, count in self.class_pixels.items())
            lines.append("  pixels: " + ", ".join(shares))
        for finding in self.findings:
            lines.append(f"  {'WRONG' if finding.level == 'fault' else 'note'}  {finding.message}")
            more = finding.num_files - len(finding.files)
            lines += [f"         {name}" for name in finding.files]
            if finding.files and more > 0:
                lines.append(f"         and {more} more")
        count = len(self.faults)
        wrong = "1 thing is wrong." if count == 1 else f"{count} things are wrong."
        lines.append(f"  {'Nothing is wrong.' if self.is_sound else wrong}")
        return "\n".join(lines)


def data_check(
    name: str,
    root: Path | str | None,
    split: str,
    *,
    class_set_name: str | None = None,
    label_format: str | None = None,
    full: bool = False,
    sha256: bool = False,
    progress: Progress = no_progress,
) -> DataReport:
    """Examine one split of a data set.

    Args:
        name: as for `open_dataset`, and so `root`, `split`, `class_set_name` and `label_format`.
        root: its folder.
        split: which part.
        class_set_name: classes to count and to check ids against.
        label_format: what the ids in the label files should mean.
        full: decode every file; otherwise headers and ends of all files, and a sample of labels.
        sha256: add each file's checksum to the report.
        progress: told how many pieces are done.

    Raises:
        ConfigError: an unknown name, split, class set or format.
    """
    try:
        dataset = open_dataset(name, root, split, class_set_name, label_format=label_format)
    except DataError as error:
        finding = Finding(level="fault", check="folder", message=str(error) + _probable(name, Path(root or ".")))
        return DataReport(name=name, root=str(root), split=split, is_full=full, findings=(finding,))
    return examine(dataset, full=full, sha256=sha256, progress=progress)


def examine(
    dataset: PairDataset, *, full: bool = False, sha256: bool = False, progress: Progress = no_progress
) -> DataReport:
    """`data_check` of a split that is open."""
    start = time.monotonic()
    decoded = list(dataset.samples) if full else spread(list(dataset.samples), SAMPLED_LABELS)
    total = len(dataset) * (2 if sha256 else 1) + len(decoded)
    facts = _survey(dataset, progress, total)
    has_fault = bool(dataset.label_fault) and any(p.label is not None for p in facts)
    if has_fault:
        total, decoded = total - len(decoded), []  # what the ids mean is in question; they say nothing
    ids = _decode(dataset, decoded, facts, full, progress, total)
    checksums = _checksums(dataset, progress, total) if sha256 else {}
    progress(total, total)
    sizes = Counter(f"{p.image.header.size[0]}x{p.image.header.size[1]}" for p in facts if p.image.header)
    return DataReport(
        name=dataset.name,
        root=str(dataset.root),
        split=dataset.split,
        class_set=dataset.class_set.name,
        label_format=dataset.label_format,
        is_full=full,
        num_images=len(dataset),
        num_expected=expected_count(dataset.name, dataset.split),
        num_labels=sum(p.label is not None for p in facts),
        num_labels_decoded=ids.num_labels,
        sizes=dict(sizes.most_common(20)),
        class_pixels=class_pixels(dataset, ids) if ids.num_labels else {},
        ids={str(i): int(count) for i, count in enumerate(ids.pixels) if count},
        findings=(
            *([Finding(level="fault", check="ids", message=dataset.label_fault)] if has_fault else []),
            *check_counts(dataset),
            *check_files(dataset, facts),
            *check_decoded(dataset, ids),
        ),
        sha256=checksums,
        seconds=round(time.monotonic() - start, 3),
    )


def _survey(dataset: PairDataset, progress: Progress, total: int) -> list[PairFacts]:
    facts = []
    for fact in in_threads(pair_facts, dataset.samples):
        facts.append(fact)
        progress(len(facts), total, "headers")
    return facts


def _decode(
    dataset: PairDataset, samples: list[Sample], facts: list[PairFacts], full: bool, progress: Progress, total: int
) -> IdCounts:
    """Decode the samples whose files looked right so far; the others have been reported."""
    suspects = {p.sample.image_id for p in facts if _is_suspect(p.image) or (p.label and _is_suspect(p.label))}
    sound = [s for s in samples if s.image_id not in suspects]
    lookup, counts = dataset.class_set.lookup(dataset.label_format), IdCounts()
    results = in_threads(lambda s: decode_pair(dataset, s, with_image=full), sound)
    for done, (sample, pixels, problem) in enumerate(results, len(facts) + 1):
        add_pair(counts, lookup, sample, pixels, problem)
        progress(done, total, "decoding")
    return counts


def _is_suspect(fact: FileFacts) -> bool:
    return fact.header is None or bool(fact.problem)


def _checksums(dataset: PairDataset, progress: Progress, total: int) -> dict[str, str]:
    paths = [p for s in dataset.samples for p in (s.image_path, s.label_path) if p is not None and p.is_file()]
    checksums = {}
    for done, (path, digest) in enumerate(in_threads(lambda p: (p, sha256_of_file(p)), paths)):
        checksums[path.relative_to(dataset.root).as_posix()] = digest
        progress(min(total, total - len(dataset) + done // 2), total, "checksums")
    return checksums


def _probable(name: str, root: Path) -> str:
    places = probable_places(root)
    match = next((p for p in places if p.name == name and p.root != root), None)
    if match is not None:
        return f" The root is probably {match.root}."
    # Where the folder has the layout asked for, or is none at all, what else is near says nothing.
    has_layout = name == "folder" and any((root / part).exists() for part in (DESCRIPTION, "images"))
    if has_layout or not root.is_dir() or Place(name, root) in places:
        return ""
    other = next((p for p in places if p.name != name), None)
    return f" {other.root} looks like {other.name}." if other is not None else ""
