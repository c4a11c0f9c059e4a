"""Write a folder of reference values for another seed: `python -m tests.parity.other_seed FOLDER SEED`.

What the public code computes cannot be had for a seed that it was never run on. Pseudo-labels, CBST and losses are
therefore computed here in their plain forms in float64, and the networks' values by our own networks in float64, which
the committed folder holds to the reference. A suite that passes on such a folder depends on no number of one seed, and
its tolerances do not rest on one draw of the weights.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tests.parity import golden_values

Values = dict[str, Any]
SIZE = (65, 129)


def write_folder(folder: Path, seed: str) -> None:
    """Everything that `golden/README.md` lists, for `seed`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "seed.json").write_text(json.dumps({"seed": seed}))
    os.environ["ESL_GOLDEN"] = str(folder)
    labels = _pseudo_labels(19) | _pseudo_labels(7)
    for name, values in (
        ("pseudo_labels", labels),
        ("cbst", _cbst(labels)),
        ("losses", _losses()),
        ("networks", _networks()),
        ("translation", _translation()),
    ):
        np.savez_compressed(folder / f"{name}.npz", **values)
    (folder / "train_step.json").write_text(json.dumps(_train_steps()))
    keys = Path(__file__).parent / "golden" / "translation_keys.json"
    (folder / keys.name).write_text(keys.read_text())


def _pseudo_labels(num_classes: int) -> Values:
    """Eq. 5 to 9 with the reference code's medians, ties kept."""
    g = golden_values.rng(f"pseudo_{num_classes}")
    # Classes of different frequency and confidence, as a network's are.
    logits = 3 * g.standard_normal((6, num_classes, 17, 33)) + 1.5 * g.standard_normal((1, num_classes, 1, 1))
    logits = logits.astype(np.float32)
    probs = functional.interpolate(
        torch.from_numpy(logits).double().softmax(1), SIZE, mode="bilinear", align_corners=True
    ).numpy()
    label = probs.argmax(1).astype(np.uint8)
    max_prob = probs.max(1)
    entropy = -(probs * np.log(np.maximum(probs, 1e-300))).sum(1) / np.log(num_classes)
    mu, nu = np.full(num_classes, 0.9), np.full(num_classes, 0.1)
    for c in range(num_classes):
        most, least = np.sort(max_prob[label == c]), np.sort(entropy[label == c])
        if len(most):
            rank = min(int(np.round(len(most) / 2)), len(most) - 1)
            mu[c], nu[c] = min(0.9, most[rank]), max(0.1, least[rank])
    kept = {"ssl": max_prob >= mu[label], "esl": entropy <= nu[label]}
    values = {"logits": logits, "label": label, "mu": mu, "nu": nu}
    values |= {"max_prob": max_prob.astype(np.float32), "entropy": entropy.astype(np.float32)}
    values |= {name: np.where(where, label, 255).astype(np.uint8) for name, where in kept.items()}
    return {f"{name}_{num_classes}": value for name, value in values.items()}


def _cbst(source: Values, portion: float = 0.2) -> Values:
    """Thresholds from every fourth pixel of a class in an image, labels by the re-weighted argmax."""
    label, max_prob = source["label_19"], source["max_prob_19"]
    thresholds = np.ones(19)
    for c in range(19):
        sampled = np.concatenate([p[k == c][::4] for p, k in zip(max_prob, label, strict=True)])
        rank = int(np.floor(len(sampled) * portion))
        if rank:
            thresholds[c] = np.sort(sampled)[::-1][rank - 1]
    probs = functional.interpolate(
        torch.from_numpy(source["logits_19"]).double().softmax(1), SIZE, mode="bilinear", align_corners=True
    ).numpy()
    weighted = probs / thresholds[None, :, None, None]
    labels = np.where(weighted.max(1) >= 1, weighted.argmax(1), 255).astype(np.uint8)
    return {"portion": np.float64(portion), "thresholds": thresholds, "labels": labels}


def _losses() -> Values:
    logits = golden_values.golden_input("loss_logits", (2, 19, 33, 65), 3.0).double()
    g = golden_values.rng("loss_labels")
    labels = g.integers(0, 19, (2, 33, 65)).astype(np.uint8)
    labels[g.random(labels.shape) < 0.2] = 255
    probs = logits.softmax(1)
    information = -probs * torch.log2(probs + 1e-30) / np.log2(19)
    scores = logits[:, :1]
    return {
        "labels": labels,
        "cross_entropy": functional.cross_entropy(logits, torch.from_numpy(labels).long(), ignore_index=255).numpy(),
        "entropy_loss": information.sum(1).mean().numpy(),
        "self_information_sum_per_class": information.sum((0, 2, 3)).numpy(),
        "bce_source": functional.binary_cross_entropy_with_logits(scores, torch.zeros_like(scores)).numpy(),
        "bce_target": functional.binary_cross_entropy_with_logits(scores, torch.ones_like(scores)).numpy(),
    }


def _as_float32(value: Tensor) -> NDArray[np.float32]:
    return value.float().numpy()


@torch.inference_mode()
def _networks() -> Values:
    from esl.models.discriminator import Discriminator
    from esl.models.published import DISCRIMINATOR_NAMES
    from tests.parity import test_networks as suite

    values: Values = {}
    image = golden_values.golden_input("image", (1, 3, 65, 129), 50).double()
    for name in suite.NETWORKS:
        aux, main = suite.network(name).double().forward_normalised(image)
        values |= {f"{name}.main": _as_float32(main)} | ({} if aux is None else {f"{name}.aux": _as_float32(aux)})
    renamed = [(ours, theirs) for theirs, ours in DISCRIMINATOR_NAMES.items()]
    probs = golden_values.golden_input("probs", (1, 19, 65, 129), 3).double().softmax(1)
    for name, names in (("adaptsegnet", renamed), ("advent", [])):
        judge = golden_values.fill(Discriminator(19), names).double()
        values[f"discriminator_{name}"] = _as_float32(judge(probs))
    return values


@torch.no_grad()
def _translation() -> Values:
    from esl.models.translation import Generator, PatchDiscriminator, normalised_semantic_logits, semantic_logits
    from tests.parity import test_translation_networks as suite

    image, other = (suite.image(key).double() for key in ("translate", "translate2"))
    network = suite.segmentation_network().double()
    loss = (normalised_semantic_logits(network, image) - normalised_semantic_logits(network, other)).square().mean()
    return {
        "generator_train_mode": _as_float32(golden_values.fill(Generator()).train().double()(image)),
        "discriminator_train_mode": _as_float32(golden_values.fill(PatchDiscriminator()).train().double()(image)),
        "semantic_logits": _as_float32(semantic_logits(network, image)),
        "semantic_loss": loss.double().numpy(),
    }


def _train_steps() -> dict[str, float]:
    """The keys of the committed folder with this seed's values."""
    from tests.parity import test_train_step as suite

    committed = json.loads((Path(__file__).parent / "golden" / "train_step.json").read_text())
    values: dict[str, float] = {}
    for name in suite.METHODS:
        values |= suite.one_iteration(name, torch.float64)
    return {key: values[key] for key in committed}


if __name__ == "__main__":
    write_folder(Path(sys.argv[1]), sys.argv[2])
