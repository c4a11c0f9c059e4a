"""The first thing that a long run does: the quick data check of what it will read, paid for once.

What was found sound is remembered by a fingerprint of the files (names, sizes, times of change), so that a resume, the
next round and the next seed pay for a listing only. Labels of target images stay closed (decision 6).
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

from lightning_fabric import Fabric

from esl.data.dataset import PairDataset
from esl.errors import DataError, EslError
from esl.files import cache_dir, read_json, write_json
from esl.pipelines.data_check import DataReport, examine

SKIP = "ESL_SKIP_DATA_CHECK"
"""Environment variable that, set to 1, lets runs start unchecked."""
_TELL_SECONDS = 30.0
_RULES = 1
"""Raise it when the checks change, so that old verdicts do not count."""


def require_sound(
    pairs: PairDataset, *, with_labels: bool, say: Callable[[str], None] = lambda message: None
) -> DataReport | None:
    """Refuse a split that a run would trip over hours later.

    Args:
        pairs: the split.
        with_labels: whether the run reads its labels; otherwise they are not so much as looked for.
        say: gets faults that a run can live with (a missing part, copies), each time they are found.

    Returns:
        The report, or None where these very files were found sound before.

    Raises:
        DataError: the first thing that is wrong, how many more there are, and how to see them all.
    """
    if os.environ.get(SKIP) == "1":
        return None
    looked_at = pairs if with_labels else _without_labels(pairs)
    verdict, fingerprint = _verdict_path(looked_at, with_labels), _fingerprint(looked_at)
    if _is_known(verdict, fingerprint):
        return None
    report = examine(looked_at)
    if not with_labels:
        report = replace(report, findings=tuple(f for f in report.findings if f.check != "label"))
    if report.stops_a_run:
        raise DataError(_sentence(report))
    for finding in report.faults:
        say(f"{pairs.name} {pairs.split}: {finding.message}")
    _remember(verdict, fingerprint)
    return report


def require_all_sound(
    read: Iterable[tuple[PairDataset | None, bool]], say: Callable[[str], None] = lambda message: None
) -> None:
    """`require_sound` for each (split, whether its labels are read); None is a split that the run does without."""
    for pairs, with_labels in read:
        if pairs is not None:
            require_sound(pairs, with_labels=with_labels, say=say)


def require_all_sound_once(
    fabric: Fabric,
    read: Iterable[tuple[PairDataset | None, bool]],
    say: Callable[[str], None] = lambda message: None,
) -> None:
    """`require_all_sound` on the first rank, for all of them.

    A published set on a slow disk takes longer than ranks wait for each other, so that the others are told all the while
    that it is still going on.
    """
    if fabric.world_size == 1:
        return require_all_sound(read, say)
    with ThreadPoolExecutor(1) as pool:
        check = pool.submit(require_all_sound, read, say) if fabric.is_global_zero else None
        is_done, problem = False, ""
        while not is_done:
            if check is not None and (is_done := bool(wait([check], _TELL_SECONDS).done)):
                error = check.exception()
                problem = str(error) if isinstance(error, EslError) else repr(error) if error else ""
            is_done, problem = fabric.broadcast((is_done, problem))
    if problem:
        raise DataError(problem)
    return None


def _without_labels(pairs: PairDataset) -> PairDataset:
    samples = tuple(replace(sample, label_path=None) for sample in pairs.samples)
    return replace(pairs, samples=samples, label_fault="")


def _sentence(report: DataReport) -> str:
    first, more = report.blocking[0], len(report.blocking) - 1
    also = f" {more} more {'thing is' if more == 1 else 'things are'} wrong." if more else ""
    return (
        f"Data must be sound before a long run: {report.name} {report.split} in {report.root} is not. {first.message}{also} "
        f"See all with: python -m esl data-check {report.name} --split {report.split} --data-root {report.root} "
        f"({SKIP}=1 runs all the same)."
    )


def _verdict_path(pairs: PairDataset, with_labels: bool) -> Path:
    told = [str(pairs.root.absolute()), pairs.name, pairs.split, with_labels]
    return cache_dir() / "checked" / f"{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:24]}.json"


def _fingerprint(pairs: PairDataset) -> str:
    """Changes with the rules, the classes asked for, what ids mean, and any file's name, size or time of change."""
    meaning = pairs.class_set.lookup(pairs.label_format).tolist()  # a folder's description may have changed
    rules = [_RULES, pairs.class_set.name, pairs.label_format, pairs.encoding, meaning, pairs.label_fault]
    digest = hashlib.sha256(json.dumps(rules).encode())
    for sample in pairs.samples:
        digest.update(f"{sample.image_id}\0{_stamp(sample.image_path)}\0{_stamp(sample.label_path)}\n".encode())
    return digest.hexdigest()


def _stamp(path: Path | None) -> str:
    try:
        status = None if path is None else path.stat()
    except OSError:
        status = None
    return "" if status is None else f"{status.st_size} {status.st_mtime_ns}"


def _is_known(verdict: Path, fingerprint: str) -> bool:
    try:
        return verdict.is_file() and read_json(verdict).get("sound") == fingerprint
    except (DataError, OSError):
        return False


def _remember(verdict: Path, fingerprint: str) -> None:
    try:
        write_json(verdict, {"sound": fingerprint})
    except DataError:
        pass  # without a cache folder the next run checks again
