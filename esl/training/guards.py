"""What stops a run in time: signals, numbers that are not finite, memory that is not there."""

import math
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

import torch.distributed as dist

from esl.errors import EslError

STOP_SIGNALS = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGUSR1: 143}
"""Signal -> exit code after the checkpoint is written."""


class NonFiniteError(EslError):
    """A loss or a gradient is NaN or infinite; no update was made with it."""


class LostProcessError(EslError):
    """A loading process or another rank is gone."""


class StopRequest:
    """Whether somebody asked the run to stop, and with which exit code it then ends."""

    def __init__(self) -> None:
        self.exit_code = 0

    def __bool__(self) -> bool:
        return self.exit_code != 0

    def __call__(self) -> bool:
        """Whether to stop: the `should_stop` of pipelines."""
        return bool(self)

    def ask(self, exit_code: int = 143) -> None:
        """Ask for a stop after the step that is under way."""
        self.exit_code = exit_code


@contextmanager
def stop_on_signals(request: StopRequest) -> Iterator[None]:
    """Turn SIGTERM, SIGINT and SIGUSR1 into a request; a second SIGINT interrupts at once.

    Signals can be taken over in the main thread only; elsewhere the request comes from its owner.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        if request and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.ask(STOP_SIGNALS[signal.Signals(number)])

    try:
        previous = {number: signal.signal(number, handle) for number in STOP_SIGNALS}
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        for number, old in previous.items():
            signal.signal(number, old)


def check_finite(values: Mapping[str, float], step: int, names: Callable[[], str], last_good: str) -> None:
    """Stop before the update when a loss or the gradients' norm is not finite.

    Args:
        values: by name, over all ranks.
        step: the update that would have been made.
        names: the images of the step, on the ranks where it happened.
        last_good: the checkpoint to go back to.

    Raises:
        NonFiniteError: naming the step, what is not finite, the images, and the last good checkpoint.
    """
    wrong = [name for name, value in values.items() if not math.isfinite(value)]
    if wrong:
        raise NonFiniteError(
            f"Losses and gradients must be finite: {', '.join(wrong)} was not at step {step}, with images {names()}. "
            f"No update was made with it; the last good checkpoint is {last_good}. Lower the learning rate (--lr), or "
            "look at these files."
        )


STEP_TOO_LARGE = (
    "A step must fit into memory, and this one does not. Three knobs: a smaller crop or size (--source.augment.crop, "
    "--source.size, and the target's), fewer images a pass (--batch-size, with --accumulate for the same update), or "
    "--precision bf16. Weights are as they were after the last step."
)


_GONE = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Timed out waiting", "NCCL", "gloo")


def _lost_worker(how: str, last_good: str) -> LostProcessError:
    return LostProcessError(
        f"Loading must not lose a process: a worker died ({how}). If /dev/shm is small or memory is short, use fewer "
        f"workers (--num-workers). The same command goes on from {last_good}."
    )


@contextmanager
def lost_processes_in_words(last_good: Callable[[], str]) -> Iterator[None]:
    """Turn what is raised when a worker or another rank is gone into a sentence.

    torch notices a dead worker in a signal's handler, so that its error can come out of any line of the loop.

    Args:
        last_good: the checkpoint to go back to.

    Raises:
        LostProcessError: in place of the framework's own error.
    """
    try:
        yield
    except (ConnectionError, EOFError) as error:
        # It died while a batch was on its way, before torch looked at it.
        raise _lost_worker(f"{type(error).__name__} while a batch was read from it", last_good()) from error
    except RuntimeError as error:
        text = str(error)
        if "DataLoader worker" in text:
            raise _lost_worker(text.splitlines()[0], last_good()) from error
        if dist.is_initialized() and any(word in text for word in _GONE):
            raise LostProcessError(
                f"A run needs all of its {dist.get_world_size()} processes: another one is gone ({text.splitlines()[0][:200]}); "
                f"what it said last tells why. The same command goes on from {last_good()}."
            ) from error
        raise
