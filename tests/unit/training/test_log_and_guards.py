"""The record survives a crash; signals, NaN and full memory are said in words."""

import json
import os
import signal
from pathlib import Path

import pytest

from esl.errors import DataError
from esl.files import write_json
from esl.pipelines.run_record import failures_recorded
from esl.store.runs import RunDirectory, RunStatus
from esl.training.guards import (
    LostProcessError,
    NonFiniteError,
    StopRequest,
    check_finite,
    lost_processes_in_words,
    stop_on_signals,
)
from esl.training.log import RunLog


def test_lines_beyond_the_checkpoint_and_a_cut_line_go(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "m.jsonl", tmp_path / "log.txt")
    for step in (1, 2, 3):
        log.metrics({"step": step, "loss": float("nan"), "iou": [0.5, float("nan")]})
    with open(tmp_path / "m.jsonl", "a") as stream:
        stream.write('{"step": 2, "lo')
    log.cut_after(2)
    lines = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    assert lines[0]["loss"] is None
    assert lines[0]["iou"] == [0.5, None]
    log.cut_after(2)
    log.say("hello")
    assert (tmp_path / "log.txt").read_text().endswith(" hello\n")


def test_an_evaluation_that_is_to_be_made_again_goes(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "m.jsonl", tmp_path / "log.txt")
    for kind, step in (("evaluation", 1), ("train", 2), ("evaluation", 2), ("evaluation", 3)):
        log.metrics({"kind": kind, "step": step})
    for is_evaluated, kept in ((True, 3), (False, 2)):
        log.cut_after(2, is_evaluated=is_evaluated)
        assert len((tmp_path / "m.jsonl").read_text().splitlines()) == kept


def test_a_rank_that_is_not_the_first_writes_nothing(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "m.jsonl", tmp_path / "log.txt", enabled=False)
    log.metrics({"step": 1})
    log.say("hello")
    log.cut_after(0)
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "nowhere" / "m.jsonl", tmp_path / "log.txt")
    with pytest.raises(DataError, match="must be writable"):
        log.metrics({"step": 1})


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 143), (signal.SIGINT, 130)])
def test_a_signal_asks_for_a_stop_once_and_is_given_back(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    request = StopRequest()
    with stop_on_signals(request):
        assert not request()
        os.kill(os.getpid(), number)
        assert request()
        assert request.exit_code == code
        if number == signal.SIGINT:
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


def test_numbers_that_are_not_finite_are_named() -> None:
    check_finite({"seg_main": 1.0}, 3, lambda: "never asked", "step_2")
    with pytest.raises(NonFiniteError, match=r"adv_main was not at step 3, with images a\.png.*checkpoint is step_2"):
        check_finite({"seg_main": 1.0, "adv_main": float("inf")}, 3, lambda: "a.png", "step_2")


def test_a_dead_worker_is_a_sentence_wherever_it_is_noticed() -> None:
    with (
        pytest.raises(LostProcessError, match=r"a worker died.*--num-workers.*goes on from step_4"),
        lost_processes_in_words(lambda: "step_4"),
    ):
        raise RuntimeError("DataLoader worker (pid 12) is killed by signal: Killed.")
    with pytest.raises(RuntimeError, match="gloo"), lost_processes_in_words(lambda: ""):
        raise RuntimeError("gloo is not what is wrong where there are no ranks")


@pytest.mark.parametrize("raised", [ConnectionResetError(104, "reset by peer"), EOFError(), BrokenPipeError()])
def test_a_worker_that_died_while_it_handed_over_a_batch_is_a_sentence(raised: Exception) -> None:
    with (
        pytest.raises(LostProcessError, match=r"a worker died .*while a batch.*step_4"),
        lost_processes_in_words(lambda: "step_4"),
    ):
        raise raised


def test_a_failure_is_noted_although_a_signal_handler_speaks_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory(tmp_path)
    write_json(run.config_path, {})
    whole, spoken = RunDirectory.write_status, []

    def interrupted(self: RunDirectory, status: RunStatus) -> RunStatus:
        if not spoken:
            spoken.append(1)
            raise RuntimeError("DataLoader worker (pid 1) is killed by signal: Killed.")
        return whole(self, status)

    monkeypatch.setattr(RunDirectory, "write_status", interrupted)
    with pytest.raises(LostProcessError), failures_recorded(run, is_first=True):
        raise LostProcessError("a worker died")
    assert (run.status().state, run.status().message) == ("failed", "a worker died")
