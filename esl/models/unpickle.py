"""Turn a pickle of tensors into safetensors, in a process of its own.

    python -I unpickle.py SOURCE TARGET

`torch.load(weights_only=True)` runs no code of the file, but a hostile or damaged file may still ask for absurd memory
or crash the reader. So it is read here, under limits, and the caller only ever opens the safetensors.
This file imports nothing of the package, so that it can run isolated.
"""

import os
import pickle
import resource
import sys
from collections.abc import Mapping

import torch
from safetensors.torch import save_file

SPARE_BYTES = 2 << 30
CPU_SECONDS = 300
_STARTS = (b"PK", b"\x80")
"""First bytes of torch's files: a ZIP, or in old ones a pickle."""
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net")


def limit_resources(file_bytes: int) -> None:
    """Cap address space at what is mapped now plus some copies of the file, and CPU time at five minutes."""
    with open("/proc/self/statm") as stream:
        mapped = int(stream.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    limit = mapped + 6 * file_bytes + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


def tensors_of(value: object) -> dict[str, torch.Tensor]:
    """The tensors of a state dict, or of one inside a checkpoint of a trainer."""
    while isinstance(value, Mapping):
        found = {str(k): v for k, v in value.items() if isinstance(v, torch.Tensor)}
        inner = next((value[k] for k in _WRAPPERS if isinstance(value.get(k), Mapping)), None)
        if inner is None:
            # Old torch writes tensors that share a storage; safetensors wants each on its own.
            return {k: v.detach().clone(memory_format=torch.contiguous_format) for k, v in found.items()}
        value = inner
    return {}


def main(source: str, target: str) -> int:
    """Read `source`, write `target`; a failure is one line on stderr and exit code 1."""
    if sys.platform == "linux":
        limit_resources(os.path.getsize(source))
    try:
        tensors = tensors_of(torch.load(source, map_location="cpu", weights_only=True))
    except Exception as error:  # noqa: BLE001  a damaged pickle may raise anything; this process exists to contain it
        print(_reason(error, source), file=sys.stderr)
        return 1
    if not tensors:
        print("it holds no state dict of tensors", file=sys.stderr)
        return 1
    save_file(tensors, target)
    return 0


def _reason(error: Exception, source: str) -> str:
    """Why a file was not read, in our words: torch's own are advice to programmers, with codes for a terminal's colours."""
    with open(source, "rb") as stream:
        start = stream.read(4)
    if not start.startswith(_STARTS):
        return "it does not begin as one"
    if isinstance(error, pickle.UnpicklingError) and "nsupported global" in str(error):
        return "it holds objects of Python beside tensors, and code of a file is not run; save the network's state_dict() alone"
    return f"it is damaged, or asks for more memory than its size explains ({type(error).__name__})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
