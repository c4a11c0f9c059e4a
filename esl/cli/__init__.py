"""The command line: `python -m esl VERB`, one module per verb, loaded when it is called.

Results go to stdout, progress to stderr. Exit codes: 0 done, 1 a defect (traceback; for data-check: unsound data), 2 a
mistake in words, 130 Ctrl-C, 143 a run that was told to stop. A reader that leaves (`| head`) ends nothing and changes no exit code.
"""

import importlib
import sys
from collections.abc import Sequence

from esl import __version__
from esl.cli.streams import OutputError, open_streams
from esl.errors import EslError

VERBS = {
    "demo": ("esl.cli.demo", "write the demo world to disk in Cityscapes' layout"),
    "train": ("esl.cli.train", "train a preset in a run directory; the same command goes on"),
    "self-train": ("esl.cli.self_train", "baseline, pseudo-labels, re-training: one experiment of several rounds"),
    "extract": ("esl.cli.extract", "run a network over images, once, into a prediction store"),
    "evaluate": ("esl.cli.evaluate", "mIoU of a checkpoint or a store, with its protocol"),
    "audit": ("esl.cli.audit", "coverage and error rate of SSL's and ESL's pseudo-labels (Table 4)"),
    "export": ("esl.cli.export", "write pseudo-labels of a store as PNG files"),
    "spatial-prior": ("esl.cli.spatial_prior", "where each class lies in source labels, for CBST with spatial priors"),
    "import-weights": ("esl.cli.import_weights", "bring published .pth weights into this project's format"),
    "reproduce": ("esl.cli.reproduce", "a table of the paper from nothing; what has a row is not run again"),
    "report": ("esl.cli.report", "the paper's tables from finished rows, beside its own numbers"),
    "translate": ("esl.cli.translate", "train image translation, or translate a whole data set with it"),
    "bdl": ("esl.cli.bdl", "BDL: translation, adaptation and re-training that teach each other, one experiment"),
    "submit": ("esl.cli.submit", "any other verb as a SLURM job that saves and queues itself again"),
    "data-check": ("esl.cli.data_check", "examine a data set before a long run"),
}
"""Verb -> (module with `run(arguments) -> exit code`, one line of help)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        arguments: what follows `python -m esl`; the process's own by default.

    Returns:
        The exit code.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help"):
        print(_overview())
        return 0 if given else 2
    if given[0] == "--version":
        print(__version__)
        return 0
    verb, rest = given[0], given[1:]
    if verb not in VERBS:
        _complain(f"The verb must be one of {', '.join(VERBS)}; got {verb!r}. Try: python -m esl --help")
        return 2
    # Loaded here: the overview above needs nothing.
    from esl.pipelines.ranks import SHARED_VERBS, require_one_process

    try:
        if verb not in SHARED_VERBS:
            require_one_process(verb)
        code: int = importlib.import_module(VERBS[verb][0]).run(rest)
    except EslError as error:
        _complain(f"esl {verb}: {error}")
        return 2
    except KeyboardInterrupt:
        _complain(f"esl {verb}: stopped. Run the same command again to go on.")
        return 130
    return code


def program() -> int:
    """Run this process's verb, as `main` does, with standard streams whose reader may leave.

    Returns:
        The exit code.
    """
    open_streams()
    try:
        try:
            return main()
        finally:  # what a parser's help or a table left in the buffer, too
            sys.stdout.flush()
    except OutputError as error:
        _complain(f"esl: {error}")
        return 2


def _complain(sentence: str) -> None:
    # A progress line may be standing on the terminal.
    print(("\n" if sys.stderr.isatty() else "") + sentence, file=sys.stderr)


def _overview() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {verb:<{width}}  {text}" for verb, (_, text) in VERBS.items()]
    return "\n".join(
        ["usage: python -m esl VERB [options]", "", *lines, "", "Options of a verb: python -m esl VERB --help"]
    )
