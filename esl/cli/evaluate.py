"""`evaluate`: mIoU of a checkpoint, with the protocol behind the number."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from esl.cli.terminal import optional, parse, show, tell
from esl.errors import ConfigError
from esl.progress import ProgressLine, no_progress

if TYPE_CHECKING:
    from esl.pipelines.evaluate_series import EvaluationSeries


def run(arguments: Sequence[str]) -> int:
    """Parse and do it."""
    return parse("evaluate", evaluate, arguments)


def evaluate(
    dataset: str,
    split: str,
    checkpoint: Path = Path(),
    store: Path = Path(),
    data_root: Path = Path(),
    size: tuple[int, int] | None = None,
    class_set: str = "",
    label_format: str = "",
    protocol: Literal["advent", "bdl"] = "advent",
    device: Literal["auto", "cpu", "cuda"] = "auto",
    precision: Literal["auto", "fp32", "bf16"] = "auto",
    scales: tuple[float, ...] = (1.0,),
    flip: bool = False,
    all: bool = False,  # the option's name
    last: int = 0,
    json: bool = False,
) -> int:
    """Score a checkpoint, or the predictions in a store, against a split's labels at their own size. Under torchrun or srun the processes share the images.

    Args:
        dataset: demo, cityscapes, gta5, synthia, mapillary, camvid or folder.
        split: a part with labels.
        checkpoint: .safetensors file, checkpoint folder, or run directory.
        store: a prediction store, instead of a checkpoint.
        data_root: the data set's folder.
        size: height and width of the network's input; by default what the checkpoint was trained on.
        class_set: the classes to score; by default the checkpoint's.
        label_format: what the ids in the label files mean, where the data set leaves a choice.
        protocol: advent resizes logits to the label and decides there; bdl resizes probabilities.
        device: auto takes CUDA where there is one.
        precision: auto takes bf16 where the device has it.
        scales: of the input's size, whose probabilities are averaged (the paper looks once, at 1).
        flip: look at each scale's mirror image too.
        all: score every checkpoint in the run or folder, and give the mean and s.d. of their mIoU.
        last: with --all, of the last so many checkpoints; 0 for all.
        json: print the result as JSON.
    """
    if (checkpoint == Path()) == (store == Path()):
        raise ConfigError("An evaluation needs either --checkpoint or --store.")
    if store != Path() and (all or flip or scales != (1.0,)):
        raise ConfigError("--all, --scales and --flip need a network: give --checkpoint instead of --store.")
    if store != Path() and (size or class_set or label_format):
        raise ConfigError(
            "--size, --class-set and --label-format stand in a store already, whose predictions are of one size and class set: "
            "leave them out, or give --checkpoint instead of --store."
        )
    if last and not all:
        raise ConfigError("--last counts the checkpoints of --all: add it.")
    from esl.pipelines.evaluate import EvaluationReport, evaluate_checkpoint, evaluate_store
    from esl.pipelines.ranks import launched_share

    share = launched_share(device=device if store == Path() else "cpu")
    progress = ProgressLine("evaluate") if share[0] == 0 else no_progress
    root = optional(data_root) or ""
    report: EvaluationReport | EvaluationSeries
    if store != Path():
        from esl.store.predictions import PredictionStore

        report = evaluate_store(
            PredictionStore.open(store),
            dataset=dataset,
            root=root,
            split=split,
            protocol=protocol,
            share=share,
            progress=progress,
        )
    else:
        from esl.pipelines.evaluate_series import evaluate_all
        from esl.pipelines.views import Views

        views = Views(scales=scales, flip=flip)

        def score(path: Path) -> EvaluationReport:
            return evaluate_checkpoint(
                path,
                dataset=dataset,
                root=root,
                split=split,
                size=size or _trained_size(path),
                class_set_name=class_set,
                label_format=label_format,
                protocol=protocol,
                device=device,
                precision=precision,
                views=views,
                share=share,
                progress=progress,
                say=tell if share[0] == 0 else lambda message: None,
            )

        report = evaluate_all(checkpoint, score, num_last=last) if all else score(checkpoint)
    if share[0] == 0:
        show(report, as_json=json)
    return 0


def _trained_size(checkpoint: Path) -> tuple[int, int]:
    from esl.models.weights import read_info

    size = read_info(checkpoint).provenance.get("input_size")
    if not size:
        raise ConfigError(f"An evaluation needs the input's size; {checkpoint} does not say its own. Give --size H W.")
    return int(size[0]), int(size[1])
