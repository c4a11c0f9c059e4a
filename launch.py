"""Open the inspector: `python launch.py`, or with --store DIR, or with --checkpoint C --dataset D --data-root R --split S."""

import logging
import os
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from app.extraction import DEMO_SPLIT, Source, demo_checkpoint, start_extraction
from app.library import Library
from app.opened import warm_kernels
from app.security import resolve_access
from esl.errors import ConfigError, EslError


@dataclass(frozen=True, kw_only=True)
class LaunchConfig:
    """What the page opens with; without a store or checkpoint, the bundled demo."""

    store: Path | None = None
    """A prediction store to open. With --checkpoint: where the new store goes."""
    checkpoint: Path | None = None
    """Weights (.safetensors), a checkpoint folder or a run folder; the network runs in the background."""
    dataset: str | None = None
    """demo, cityscapes, camvid or folder."""
    data_root: Path | None = None
    """Folder of the data set."""
    split: str | None = None
    """Split of the data set; the demo's target_val by default."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the network runs; auto takes CUDA where there is one."""
    host: str = "127.0.0.1"
    """Address to listen on; beyond loopback only with --auth or --insecure."""
    port: int = 7860
    """Port to listen on."""
    auth: Path | None = None
    """File with user:password lines; every route then asks for a login."""
    insecure: bool = False
    """Listen beyond loopback without a login all the same."""
    root: tuple[Path, ...] = ()
    """Further folders that may be opened from the page; the working folder and the data root always may."""
    state: Path = Path("work")
    """Folder for verdicts, recipes, exports and stores made from the page."""
    runs: Path = Path("runs")
    """Folder of training runs and their queue; runs that a shell started there show too."""


def main(config: LaunchConfig) -> None:
    """Serve until interrupted.

    Raises:
        EslError: the settings or the data cannot be used.
    """
    # The page's own network and the jobs it starts then mean the same GPU by a number, the one that nvidia-smi shows.
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    access = resolve_access(config.host, config.auth, config.insecure)
    _check(config)
    listener = _listen(config.host, config.port)
    library = _library(config)
    source = _source(config)
    if source is None and config.store is not None:
        library.open(config.store)
    # The network starts while Gradio is still being imported: the first picture is what a user waits for.
    threading.Thread(target=warm_kernels, name="warm", daemon=True).start()
    threading.Thread(target=_begin, args=(library, source), name="begin", daemon=True).start()
    from app.main import serve

    serve(library, access, listener, config.runs.absolute())


def _library(config: LaunchConfig) -> Library:
    state = config.state.absolute()
    roots = [Path.cwd(), config.runs, *config.root, *(p for p in (config.data_root, config.store) if p is not None)]
    return Library(
        roots=tuple(dict.fromkeys(p.absolute() for p in roots)),
        exports_dir=state / "exports",
        state_dir=state,
        cache_dir=state / "cache",
        stores_dir=state / "stores",
        device=config.device,
    )


def _source(config: LaunchConfig) -> Source | None:
    """What the network shall run over: what was named, the bundled demo, or nothing."""
    checkpoint = config.checkpoint or (None if config.store is not None else demo_checkpoint())
    if checkpoint is None:
        return None
    return Source(
        checkpoint=checkpoint,
        dataset=config.dataset or "demo",
        data_root=config.data_root,
        split=config.split or DEMO_SPLIT,
        store=config.store,
    )


def _begin(library: Library, source: Source | None) -> None:
    """Extract in the background, or have the first image and the counts at hand; errors are said on the page and here."""
    try:
        if source is not None:
            start_extraction(library, source)
        for opened in library.stores():
            library.numbers(opened)
            if opened.is_done(0):
                opened.maps(0)
    except EslError as error:
        logging.getLogger("esl").error("%s", error)


def _listen(host: str, port: int) -> socket.socket:
    """Bind before anything slow is done, so that a port that is taken is said at once."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        raise ConfigError(
            f"The server must be able to listen on {host} port {port}: {error.strerror}. Choose another --port."
        ) from error
    return listener


def _check(config: LaunchConfig) -> None:
    if not 1 <= config.port <= 65535:
        raise ConfigError(f"--port must be 1 to 65535; got {config.port}.")
    if config.checkpoint is not None and not (config.dataset and (config.split or config.dataset == "demo")):
        raise ConfigError("--checkpoint needs --dataset and --split (and --data-root where the data set has one).")
    if config.checkpoint is None and config.store is None and config.dataset not in (None, "demo"):
        raise ConfigError("--dataset needs --checkpoint: the network that shall run over it.")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        main(tyro.cli(LaunchConfig, description=__doc__))
    except EslError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
