"""The stores that a server has open, by id, and the folders it may look into."""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from app.flips import FlipCounts
from app.jobs import JobBook
from app.opened import Caches, OpenStore, make_caches
from app.set_numbers import SetNumbers
from esl.errors import CheckpointError, ConfigError, DataError
from esl.pipelines.origin import origin_of, stale_sentence
from esl.pipelines.targets import DeviceName, Targets, device_like, load_predictor, release_gpu_memory
from esl.store.logits_array import ARRAY_NAME
from esl.store.predictions import MANIFEST_NAME, PredictionStore
from esl.store.verdicts import VerdictBook

ASSETS_DIR = Path(__file__).resolve().parent.parent / "assets"
"""What comes with the tool may be read whatever the roots are."""
MAX_DEPTH = 4
MAX_FOUND = 200
MAX_NETWORKS = 2
"""Networks at hand for own images: two sets are compared at most, and each takes memory of the device."""


@dataclass(kw_only=True)
class Library:
    """Everything the routes and pages share; made once by `app.main`."""

    roots: tuple[Path, ...]
    """Folders that may be read and opened from the page, beside `stores_dir`; paths outside are refused."""
    exports_dir: Path
    state_dir: Path
    """Where verdicts and recipes are kept."""
    cache_dir: Path
    stores_dir: Path
    """Where stores that are made from the page go."""
    device: DeviceName = "auto"
    """Where the page's networks run; `auto` takes a store's own device, and CUDA for a new one, where this machine has it."""
    jobs: JobBook = field(default_factory=JobBook)
    caches: Caches = field(default_factory=make_caches)

    def __post_init__(self) -> None:
        self._stores: dict[str, OpenStore] = {}
        self._numbers: dict[str, SetNumbers] = {}
        self._predictors: dict[str, Any] = {}
        self._flips: dict[tuple[str, str], FlipCounts] = {}
        self._lock = threading.Lock()
        self._loading = threading.Lock()

    def add(self, store: PredictionStore, name: str = "", checkpoint: Path | None = None) -> OpenStore:
        """Take an open store in; where this very one is open already, that is given back instead."""
        opened = OpenStore(store, name or store.directory.name, Targets.of(store.manifest), self.caches)
        with self._lock:
            opened = self._held(opened) or self._take(opened)
        if checkpoint is not None:
            opened.checkpoint = checkpoint
        return opened

    def _held(self, opened: OpenStore) -> OpenStore | None:
        """The same store if it is open; one that stood in its folder before is forgotten."""
        for held in list(self._stores.values()):
            if held.directory == opened.directory:
                if held.map_version == opened.map_version:
                    return held
                self._forget(held.sid)
        return None

    def _take(self, opened: OpenStore) -> OpenStore:
        if opened.sid in self._stores:
            # The same manifest in another folder does not mean the same logits.
            opened.sid = hashlib.sha256(f"{opened.verdict_key} {opened.directory}".encode()).hexdigest()[:16]
        self._stores[opened.sid] = opened
        return opened

    def _forget(self, sid: str) -> None:
        del self._stores[sid]
        self._predictors.pop(sid, None)
        if numbers := self._numbers.pop(sid, None):
            numbers.stop()
        for pair in [pair for pair in self._flips if sid in pair]:
            del self._flips[pair]

    def open(self, directory: Path, name: str = "") -> OpenStore:
        """Open a store's directory.

        Raises:
            DataError: it is none.
        """
        checkpoint = origin_of(directory)
        return self.add(PredictionStore.open(directory), name, checkpoint if self._may_load(checkpoint) else None)

    def _may_load(self, checkpoint: Path | None) -> bool:
        """Whether a path that a store names lies where this server reads: stores come from elsewhere, too."""
        roots = (*self.roots, ASSETS_DIR)
        return checkpoint is not None and any(checkpoint.resolve().is_relative_to(r.resolve()) for r in roots)

    def get(self, sid: str) -> OpenStore | None:
        """The open store called `sid`, as it stands in its folder now."""
        opened = self._stores.get(sid)
        if opened is not None and opened.is_founded_anew:
            with contextlib.suppress(DataError):  # it is being written, or damaged, which whoever reads it is told
                self.open(opened.directory, opened.name)
        return self._stores.get(sid)

    def stores(self) -> list[OpenStore]:
        """All open stores, in the order they were opened."""
        return list(self._stores.values())

    def keep_predictor(self, opened: OpenStore, predictor: Any) -> None:
        """Have the network of a store at hand for own images, in place of the one that was not asked for longest."""
        with self._lock:
            self._predictors.pop(opened.sid, None)
            self._predictors[opened.sid] = predictor
            while len(self._predictors) > MAX_NETWORKS:
                del self._predictors[next(iter(self._predictors))]

    def release_memory(self) -> None:
        """Give back what no network at hand needs: a training that waits for the same GPU may need it all."""
        release_gpu_memory()

    def predictor(self, opened: OpenStore) -> Callable[[], Any]:
        """Gives the network of a store, loaded when it is first called for.

        Raises (when called):
            CheckpointError: it is not at hand.
            ConfigError: this machine lacks the device that the server was started with.
        """

        def load() -> Any:
            with self._loading:
                predictor = self._predictors.get(opened.sid)
                if predictor is None:
                    if opened.checkpoint is None:
                        raise CheckpointError("The checkpoint that made this store must be at hand; it is not.")
                    if stale := stale_sentence(opened.store, opened.checkpoint):
                        raise CheckpointError(f"{stale} Predict the set again to see own images beside it.")
                    predictor = load_predictor(opened.checkpoint, *self._way_of(opened))
                self.keep_predictor(opened, predictor)
                return predictor

        return load

    def _way_of(self, opened: OpenStore) -> tuple[DeviceName, Any]:
        """Device and precision for own images: as the store was made, else what fits the device there is."""
        made = opened.store.manifest
        device = device_like(self.device, made.device)
        return device, made.precision if device == made.device else "auto"

    def close(self) -> None:
        """Stop what runs in the background; what is on the disk stays good."""
        self.jobs.stop_all()
        for numbers in list(self._numbers.values()):
            numbers.stop()

    def numbers(self, opened: OpenStore) -> SetNumbers:
        """The whole-set numbers of a store; counting begins with the first question."""
        with self._lock:
            if opened.sid not in self._numbers:
                self._numbers[opened.sid] = SetNumbers(opened, self.cache_dir)
            numbers = self._numbers[opened.sid]
        numbers.start()
        return numbers

    def damage(self, opened: OpenStore) -> tuple[int, str]:
        """How many of a store's images cannot be read, as far as its numbers were asked for, and why the first cannot."""
        numbers = self._numbers.get(opened.sid)
        return (numbers.num_damaged, numbers.damage) if numbers else (0, "")

    def unread(self, opened: OpenStore) -> tuple[int, str]:
        """How many of a store's labels cannot be read, as far as its numbers were asked for, and why the first cannot."""
        numbers = self._numbers.get(opened.sid)
        if numbers is None:
            return 0, ""
        if numbers.num_unread:
            numbers.start()  # they may be readable again
        return numbers.num_unread, numbers.unread

    def flips(self, a: OpenStore, b: OpenStore) -> FlipCounts:
        """How many pixels change between two open stores."""
        with self._lock:
            return self._flips.setdefault((a.sid, b.sid), FlipCounts(a, b))

    @cached_property
    def verdicts(self) -> VerdictBook:
        """Where verdicts are kept."""
        return VerdictBook(self.state_dir / "verdicts.sqlite")

    @property
    def recipes_dir(self) -> Path:
        """Where recipes are kept."""
        return self.state_dir / "recipes"

    def verdict_counts(self, opened: OpenStore) -> dict[str, int]:
        """Standing verdicts per image id."""
        return self.verdicts.counts(opened.verdict_key)

    @property
    def _readable(self) -> tuple[Path, ...]:
        """The roots, and the page's own stores where those lie elsewhere."""
        is_below = any(self.stores_dir.resolve().is_relative_to(root.resolve()) for root in self.roots)
        return self.roots if is_below else (*self.roots, self.stores_dir)

    def confine(self, path: str) -> Path:
        """A path from a page, with links resolved, that must lie below one of the roots, or be a store of the page's own.

        Raises:
            ConfigError: it does not.
        """
        if "\0" not in path and path.strip():
            for root in self._readable:
                resolved = (root / path).resolve()
                if any(resolved.is_relative_to(r.resolve()) for r in self._readable):
                    return resolved
        raise ConfigError(f"A path must lie below one of {', '.join(map(str, self._readable))}; got {path!r}.")

    def found_stores(self) -> list[Path]:
        """Store directories below the roots, and the page's own; checkpoints and exports have a manifest, too, but no logits."""
        return [path for path in _found(self._readable, MANIFEST_NAME) if (path / ARRAY_NAME).is_dir()][:MAX_FOUND]

    def found_checkpoints(self) -> list[Path]:
        """Weights below the roots: `.safetensors` files with their JSON beside them; those of a run as the run."""
        weights = [p for root in self.roots for p in _walk(root, MAX_DEPTH) if p.suffix == ".safetensors"]
        return sorted({_run_of(p.resolve()) for p in weights if p.with_suffix(".json").is_file()})[:MAX_FOUND]


def _run_of(weights: Path) -> Path:
    """`runs/a/checkpoints/step_000100/model.safetensors` -> `runs/a`, whose best checkpoint is meant; others as they are."""
    folder = weights.parent.parent
    return folder.parent if folder.name == "checkpoints" else weights


def _found(roots: Iterable[Path], name: str) -> list[Path]:
    found: set[Path] = set()
    for root in roots:
        for path in _walk(root, MAX_DEPTH):
            if path.name == name:
                found.add(path.parent.resolve())
    return sorted(found)


def _walk(root: Path, depth: int) -> Iterable[Path]:
    """Files below `root`, hidden and very large folders left out, not deeper than `depth`."""
    try:
        entries = sorted(root.iterdir())[:2000]
    except OSError:
        return
    for path in entries:
        if path.name.startswith("."):
            continue
        if path.is_file():
            yield path
        elif depth > 0 and path.is_dir() and not path.is_symlink() and path.suffix != ".zarr":
            yield from _walk(path, depth - 1)


def require_writable(directory: Path) -> Path:
    """Make a folder.

    Raises:
        DataError: it cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"A folder must be writable: {directory} is not ({error.strerror or error}).") from error
    return directory
