"""Which image comes when depends on seed and position alone."""

import numpy as np

from esl.training.order import augmentation_rng, image_at, position_of


def test_an_epoch_shows_every_image_once_and_the_next_in_another_order() -> None:
    first = [image_at(p, 50, 3, 0) for p in range(50)]
    second = [image_at(p, 50, 3, 0) for p in range(50, 100)]
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert first != [image_at(p, 50, 4, 0) for p in range(50)]
    assert first != [image_at(p, 50, 3, 1) for p in range(50)]


def test_ranks_and_accumulation_share_out_the_same_positions() -> None:
    def positions(steps: int, ranks: int, accumulate: int, batch: int) -> list[set[int]]:
        return [
            {
                position_of(step * accumulate + micro, rank, slot, world_size=ranks, batch_size=batch)
                for micro in range(accumulate)
                for rank in range(ranks)
                for slot in range(batch)
            }
            for step in range(steps)
        ]

    assert positions(3, 1, 1, 4) == positions(3, 2, 1, 2) == positions(3, 2, 2, 1) == positions(3, 1, 4, 1)


def test_augmentation_is_a_function_of_the_position() -> None:
    def draw(position: int, seed: int = 1, domain: int = 0) -> list[float]:
        return list(augmentation_rng(position, seed, domain).random(4))

    assert draw(7) == draw(7)
    assert len({tuple(d) for d in (draw(7), draw(8), draw(7, seed=2), draw(7, domain=1))}) == 4
    flips = [augmentation_rng(p, 1, 0).random() < 0.5 for p in range(2000)]
    assert 0.45 < np.mean(flips) < 0.55
