"""The progress line says how far, how fast and how long."""

import io

from esl.progress import ProgressLine, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_rate_and_time_left_count_only_this_process() -> None:
    clock = iter([0.0, 10.0, 20.0])
    stream = Terminal()
    line = ProgressLine("extract", stream, now=lambda: next(clock))
    for done in (100, 110, 120):
        line(done, 160)
    assert "120/160, 1.00/s, 40 s left" in stream.getvalue().split("\r")[-1]


def test_the_last_piece_ends_the_line() -> None:
    clock = iter([0.0, 0.01])
    stream = Terminal()
    line = ProgressLine("export", stream, now=lambda: next(clock))
    line(0, 2)
    line(2, 2)
    assert stream.getvalue().endswith("in all\n")


def test_a_log_file_gets_few_lines() -> None:
    clock = iter([float(i) for i in range(100)])
    stream = io.StringIO()
    line = ProgressLine("extract", stream, now=lambda: next(clock))
    for done in range(100):
        line(done, 1000)
    assert len(stream.getvalue().splitlines()) == 10


def test_durations_read_as_people_say_them() -> None:
    assert [duration(s) for s in (4.4, 185, 7805)] == ["4 s", "3 min 05 s", "2 h 10 min"]
