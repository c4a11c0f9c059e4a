"""Learning rates: the figures of the published schedule."""

import pytest

from esl.training.schedule import poly_factor


@pytest.mark.parametrize(("step", "rate"), [(0, 2.5e-4), (80_000, 1.767e-4), (120_000, 1.388e-4), (150_000, 1.096e-4)])
def test_poly_reaches_the_published_rates(step: int, rate: float) -> None:
    assert 2.5e-4 * poly_factor(step, 250_000) == pytest.approx(rate, rel=1e-3)


def test_it_ends_at_zero_and_warms_up_from_nearly_zero() -> None:
    assert poly_factor(100, 100) == 0.0
    assert poly_factor(200, 100) == 0.0
    rising = [poly_factor(step, 10_000, warmup_steps=10) for step in range(12)]
    assert rising[0] == pytest.approx(1 / 11)
    assert rising[:11] == sorted(rising[:11])
