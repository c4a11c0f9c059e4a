"""Checks of a data set's files by their first and last bytes, each of which gives findings.

What has to be decoded is in `doctor_labels`. OpenCV and file reading leave Python's lock, so threads are enough.
"""

import hashlib
import os
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, TypeVar

from esl.cores import usable_cores
from esl.data.dataset import PairDataset, Sample
from esl.data.known import SOURCES, USUAL_SIZES, expected_count, incomplete_cities, missing_names
from esl.errors import DataError
from esl.images import ImageHeader
from esl.images.headers import header_of, read_ends

SHOWN_FILES = 10
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong, or worth knowing."""

    level: Literal["fault", "note"]
    check: str
    """count, city, label, unreadable, truncated, depth, size, ids, kind, duplicate, folder or usual."""
    message: str
    num_files: int = 0
    files: tuple[str, ...] = ()
    """The first few files it is about."""


@dataclass(frozen=True)
class FileFacts:
    """What one file's ends say."""

    path: Path
    header: ImageHeader | None
    problem: str = ""
    check: str = ""
    fingerprint: tuple[int, int] = (0, 0)
    """Length and checksum of the last KiB; equal files have equal ones."""


@dataclass(frozen=True)
class PairFacts:
    """What the ends of an image and of its label say."""

    sample: Sample
    image: FileFacts
    label: FileFacts | None


def in_threads(work: Callable[[T], R], items: Iterable[T], num_threads: int | None = None) -> Iterator[R]:
    """`work` of each item, in order, with a bounded number under way."""
    count = num_threads or min(8, usable_cores())
    with ThreadPoolExecutor(count, thread_name_prefix="esl-check") as pool:
        rest = iter(items)
        waiting = [pool.submit(work, item) for item in islice(rest, 16 * count)]
        while waiting:
            done, waiting = waiting[0], waiting[1:]
            waiting += [pool.submit(work, item) for item in islice(rest, 1)]
            yield done.result()


def file_facts(path: Path) -> FileFacts:
    """Read a file's ends and judge them."""
    try:
        ends = read_ends(path)
        header = header_of(ends, path)
    except DataError as error:
        return FileFacts(path, None, str(error), "unreadable")
    mark = (ends.length, zlib.crc32(ends.tail))
    if not header.is_whole:
        return FileFacts(path, header, f"{path} has no end marker", "truncated", mark)
    return FileFacts(path, header, fingerprint=mark)


def pair_facts(sample: Sample) -> PairFacts:
    """Read the ends of an image and of its label, where there is one."""
    there = sample.label_path is not None and os.path.lexists(sample.label_path)
    label = file_facts(sample.label_path) if sample.label_path is not None and there else None
    return PairFacts(sample, file_facts(sample.image_path), label)


def check_counts(dataset: PairDataset) -> list[Finding]:
    """Compare the number of images with the published one."""
    expected = expected_count(dataset.name, dataset.split)
    findings = [
        Finding(
            level="fault",
            check="city",
            message=f"City {city} must have {published} images; {found} are there.",
            num_files=abs(published - found),
        )
        for city, (found, published) in incomplete_cities(dataset).items()
    ]
    if expected is not None and expected != len(dataset):
        missing = missing_names(dataset)
        findings.append(
            Finding(
                level="fault",
                check="count",
                message=f"{dataset.name} {dataset.split} must have {expected} images; {len(dataset)} are there.",
                num_files=abs(expected - len(dataset)),
                files=tuple(missing[:SHOWN_FILES]),
            )
        )
    return findings


def check_files(dataset: PairDataset, facts: list[PairFacts]) -> list[Finding]:
    """Judge headers and end markers of all files, and how images and labels go together."""
    files = [f for pair in facts for f in (pair.image, pair.label) if f is not None]
    findings = []
    sentences = {
        "unreadable": "Files must be PNG or JPEG images with an intact header",
        "truncated": "Files must be whole; these lack their end marker",
    }
    for check, sentence in sentences.items():
        if bad := [f for f in files if f.check == check]:
            findings.append(fault(check, f"{sentence} (first: {bad[0].problem}).", [str(f.path) for f in bad]))
    findings += _check_sizes(facts) + _check_depths(dataset, facts) + _check_labels_present(dataset, facts)
    return findings + _check_duplicates(facts) + _check_usual_size(dataset, facts)


def fault(check: str, message: str, files: list[str]) -> Finding:
    return Finding(level="fault", check=check, message=message, num_files=len(files), files=tuple(files[:SHOWN_FILES]))


def _headers(files: Iterable[FileFacts | None]) -> list[tuple[Path, ImageHeader]]:
    return [(f.path, f.header) for f in files if f is not None and f.header is not None]


def _check_sizes(facts: list[PairFacts]) -> list[Finding]:
    odd = [
        (label_path, image.size, label.size)
        for pair in facts
        for (_, image), (label_path, label) in zip(_headers([pair.image]), _headers([pair.label]))
        if image.size != label.size
    ]
    if not odd:
        return []
    path, image_size, label_size = odd[0]
    message = f"A label must have its image's size (first: {path} is {label_size}, its image {image_size})."
    return [fault("size", message, [str(path) for path, _, _ in odd])]


def _check_depths(dataset: PairDataset, facts: list[PairFacts]) -> list[Finding]:
    def is_id_map(header: ImageHeader) -> bool:
        plain = header.channels == 1 and header.bit_depth <= 8
        own = dataset.encoding == "class_channel" and header.channels in (3, 4) and header.bit_depth == 16
        return header.kind == "png" and (plain or own)

    labels = [(path, header) for path, header in _headers(p.label for p in facts) if not is_id_map(header)]
    images = [(path, header) for path, header in _headers(p.image for p in facts) if header.bit_depth > 8]
    findings = []
    for rule, odd in (
        ("A label must be one channel of 8-bit ids", labels),
        ("An image must have 8 bits a channel", images),
    ):
        if odd:
            message = f"{rule} (first: {odd[0][0]} is a {odd[0][1].describe()})."
            findings.append(fault("depth", message, [str(path) for path, _ in odd]))
    return findings


def _check_labels_present(dataset: PairDataset, facts: list[PairFacts]) -> list[Finding]:
    without = [p for p in facts if p.label is None]
    if not without:
        return []
    wanted = [str(p.sample.label_path) for p in without if p.sample.label_path]
    shown = f"{len(without)} of {len(facts)} images have no label"
    folder = next((p.sample.label_path.parent for p in without if p.sample.label_path), None)
    if len(without) < len(facts):
        return [fault("label", f"Each image must have a label; {shown}.", wanted)]
    if folder is not None and folder.is_dir():
        holds = sum(1 for _ in islice(os.scandir(folder), 3))
        state = "is empty" if not holds else "holds none of the names expected"
        return [fault("label", f"Each image must have a label; {shown}: {folder} {state}.", wanted)]
    if dataset.name in SOURCES:
        return [fault("label", f"A source data set must have labels; {shown}: {folder} does not exist.", wanted)]
    note = "which is enough for a target domain, but nothing can be audited or scored"
    return [Finding(level="note", check="label", message=f"{shown}, {note}.", num_files=len(without))]


def _check_duplicates(facts: list[PairFacts]) -> list[Finding]:
    groups: dict[tuple[int, int], list[Path]] = defaultdict(list)
    for pair in facts:
        if pair.image.header and pair.image.header.is_whole:
            groups[pair.image.fingerprint].append(pair.image.path)
    same: dict[str, list[Path]] = defaultdict(list)
    for paths in groups.values():
        for path in paths if len(paths) > 1 else ():
            same[sha256_of_file(path)].append(path)
    twins = [paths for paths in same.values() if len(paths) > 1]
    if not twins:
        return []
    names = [str(path) for paths in twins for path in paths]
    message = f"{len(names)} images are copies of {len(twins)} (first: {twins[0][0].name} and {twins[0][1].name})."
    return [fault("duplicate", message, names)]


def sha256_of_file(path: Path) -> str:
    """Hex SHA-256 of a file; an empty string where it cannot be read (another check says so)."""
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _check_usual_size(dataset: PairDataset, facts: list[PairFacts]) -> list[Finding]:
    usual = USUAL_SIZES.get(dataset.name)
    sizes = Counter(p.image.header.size for p in facts if p.image.header)
    if usual is None or not sizes or sizes.most_common(1)[0][0] == usual:
        return []
    found = sizes.most_common(1)[0][0]
    other = next((name for name, size in USUAL_SIZES.items() if size == found), "")
    guess = f"{other} has this size" if other else "a resized copy?"
    message = f"Most images of {dataset.name} are {usual} (height, width); here they are {found} ({guess})."
    return [Finding(level="note", check="usual", message=message)]
