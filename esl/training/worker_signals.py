"""Loading processes live as long as their trainer: a stop that is sent to the whole group is the trainer's affair."""

import os
import signal
import threading


def leave_stops_to_the_trainer(worker: int) -> None:
    """Keep a loading process alive through the signals that ask a run to save: the `worker_init_fn` of loaders.

    Ctrl-C, torchrun and the page signal the whole process group. A worker that died of it would take the run down
    before it has saved. The trainer itself ends a worker with SIGTERM, which therefore cannot be ignored, and torch's
    own handler dies of one from anybody else: SIGTERM is waited for in a thread that looks at its sender.

    Args:
        worker: its number; the same for all.
    """
    for number in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_end_when_the_trainer_says_so, daemon=True).start()


def _end_when_the_trainer_says_so() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)
