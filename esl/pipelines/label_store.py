"""Whether a run can take its pseudo-labels from a store, told while its form is filled in.

What is read is the store's manifest and index; that each target image has its labels, the run itself makes sure of.
"""

from pathlib import Path

from esl.config import TrainConfig
from esl.errors import EslError
from esl.store.manifest import StoreManifest
from esl.store.predictions import PredictionStore
from esl.store.recipes import load_recipe


def store_of_recipe(path: Path | str) -> str:
    """The folder of a recipe's store; empty where the recipe cannot be read, which the run says in words."""
    try:
        return load_recipe(path)[0].store_path
    except EslError:
        return ""


def store_faults(config: TrainConfig, directory: Path | str) -> dict[str, str]:
    """Why a run cannot train on the labels of a store: setting -> what it must be; nothing where it can."""
    try:
        store = PredictionStore.open(directory)
    except EslError:
        return {}
    held, target = store.manifest, config.target
    if held.class_set.name != config.class_set:
        return {"class_set": f"must be the store's, {held.class_set.name}; got {config.class_set}"}
    if (held.dataset, held.split) == (target.dataset, target.split):
        if store.is_complete:
            return {}
        return {
            "": f"The store must be complete: {store.num_done} of {len(store.image_ids)} images are predicted so far."
        }
    if _has_all_images(held, config):
        return {}
    first = f"the store holds it, not {target.dataset} {target.split}, which must else be extracted first"
    if held.dataset == target.dataset:
        return {"target.split": f"must be {held.split}: {first}"}
    return {"target.dataset": f"must be {held.dataset} with split {held.split}: {first}"}


def _has_all_images(held: StoreManifest, config: TrainConfig) -> bool:
    """Whether a store that calls its images otherwise has the target's all the same: who writes a store names it freely."""
    if config.target.dataset == "demo":
        return False  # its splits share no image, and opening one may draw it first
    from esl.data.opening import open_dataset  # brings OpenCV, which a form does without

    target = config.target
    try:
        pairs = open_dataset(
            target.dataset, target.root, target.split, config.class_set, label_format=target.label_format or None
        )
    except EslError:
        return False
    return {sample.image_id for sample in pairs.samples} <= set(held.image_ids)
