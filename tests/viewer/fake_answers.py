"""Ranking and queue of the synthetic store, plain and slow."""

from typing import Any

import cv2
import numpy as np
from fake_world import FakeWorld

from esl.classes import IGNORE


def states(world: FakeWorld, i: int, body: dict[str, Any]) -> Any:
    image = world.image(i)
    mu = np.append(np.asarray(body["mu"]), [65536] * (256 - world.num_classes))
    nu = np.append(np.asarray(body["nu"]), [-1] * (256 - world.num_classes))
    return (image.conf >= mu[image.label]).astype(np.uint8) | ((image.ent <= nu[image.label]).astype(np.uint8) << 1)


def rank_answer(world: FakeWorld, body: dict[str, Any]) -> dict[str, Any]:
    values = []
    distinct = [states(world, i, body) for i in range(world.distinct)]
    for i in range(world.num_images):
        image, state = world.image(i), distinct[i % world.distinct]
        wrong = (image.truth != image.label) & (image.truth != IGNORE)
        only = state == 1
        value = {
            "ssl_only": float(only.sum()),
            "esl_only": float((state == 2).sum()),
            "err_ssl": float(wrong[state & 1 > 0].mean()),
            "err_esl": float(wrong[state & 2 > 0].mean()),
            "coverage": float((state & 2 > 0).mean()),
            "entropy": float(image.ent.mean() / 65535),
        }.get(body["key"], float(i))
        values.append(value + i * 1e-9)
    order = sorted(range(world.num_images), key=lambda i: -values[i])
    return {
        "order": order,
        "values": [values[i] for i in order],
        "approximate": True,
        "totals": totals(world, distinct),
    }


def totals(world: FakeWorld, distinct: list[Any]) -> list[list[list[int]]]:
    out = np.zeros(world.num_classes * 3 * 4, np.int64)
    for i, state in enumerate(distinct):
        image = world.image(i)
        truth = np.where(image.truth == IGNORE, 2, np.where(image.truth == image.label, 0, 1))
        out += np.bincount(((image.label.astype(np.int64) * 3 + truth) * 4 + state).ravel(), minlength=out.size)
    return out.reshape(world.num_classes, 3, 4).tolist()


def queue_answer(world: FakeWorld, body: dict[str, Any]) -> dict[str, Any]:
    items: list[dict[str, Any]] = []
    for i in range(min(world.distinct, world.num_images)):
        image = world.image(i)
        wanted = 1 if body.get("direction", "ssl_only") == "ssl_only" else 2
        only = ((states(world, i, body) == wanted) & (image.truth != IGNORE)).astype(np.uint8)
        for c in range(world.num_classes):
            _, parts, stats, _ = cv2.connectedComponentsWithStats(
                ((only > 0) & (image.label == c)).astype(np.uint8), connectivity=8
            )
            for k in range(1, len(stats)):
                x, y, w, h, area = (int(v) for v in stats[k])
                if not 12 <= area <= 4000:
                    continue
                inside = parts[y : y + h, x : x + w] == k
                runs = []
                for dy, row in enumerate(inside):
                    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
                    runs += [[(y + dy) * world.width + x + int(a), int(b - a)] for a, b in edges.reshape(-1, 2)]
                second = int(np.bincount(image.second[y : y + h, x : x + w][inside]).argmax())
                items.append(
                    {
                        "key": f"{i}-{c}-{k}",
                        "i": i,
                        "box": [x, y, x + w - 1, y + h - 1],
                        "runs": runs,
                        "pred": c,
                        "second": second,
                        "pixels": area,
                        "weight": 1.0,
                    }
                )
    items.sort(key=lambda item: -item["pixels"])
    return {"items": items[: body.get("limit", 100)], "seed": body.get("seed", 0)}
