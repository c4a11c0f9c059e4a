"""BDL: translation and adaptation that teach each other, as one experiment that can be stopped and gone on with.

    experiment.json             what was asked for, and what each finished stage left
    adapt/run                   step 0: the method on translated source images, without pseudo-labels
    step_1/translation          generators; from step 2 on with the perceptual loss of the step before's network
    step_1/translated           the source set in the target's style
    step_1/store                predictions of the network so far on the target training split
    step_1/run                  re-trained on those pseudo-labels: what the next step goes on from
    step_1/ssl, step_1/esl+it   the same with other strategies, where they are asked for: rows of Table 1
    step_2/...

Paper: Sec. 4.1. Its "step 1" and "step 2" are the networks that make the pseudo-labels: the adapted one, and the one
re-trained once. "+ IT" re-trains on translated source images in place of the originals.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from esl.config import DataConfig, PseudoLabelConfig, config_differences, config_from_json
from esl.config.translation import TranslationConfig
from esl.errors import ConfigError
from esl.files import read_json, sweep_partial_files, write_json
from esl.models.checkpoint_paths import follow_pointer
from esl.pipelines.bdl_config import BdlConfig
from esl.pipelines.bdl_strategies import labels_of, strategy_of
from esl.pipelines.evaluate import evaluate_on
from esl.pipelines.extract import extract
from esl.pipelines.precheck import require_sound
from esl.pipelines.run_record import Accelerator
from esl.pipelines.start_weights import init_weights_digest, require_same_start
from esl.pipelines.train import open_data, train
from esl.pipelines.translate_apply import ApplyPlan, apply_translation, on_translated_source
from esl.pipelines.translate_train import train_translation
from esl.progress import Progress, no_progress
from esl.store.predictions import PredictionStore
from esl.store.runs import EXPERIMENT_FILE, RunDirectory, require_own_folder
from esl.training.guards import StopRequest, stop_on_signals

FORMAT = "esl-bdl"
_MAY_CHANGE = ("steps", "score_on", "strategies")


def bdl(
    config: BdlConfig,
    experiment_dir: Path | str,
    *,
    accelerator: Accelerator = "auto",
    progress_of: Callable[[str], Progress] = lambda stage: no_progress,
    stop: StopRequest | None = None,
    say: Callable[[str], None] = lambda message: None,
) -> dict[str, Any]:
    """Run an experiment to its end, or go on with one; a stage that is done stays as it is, but for another `score_on`.

    Args:
        config: what to do.
        experiment_dir: a new folder, or that of the same experiment.
        accelerator: `auto` takes CUDA where there is one.
        progress_of: gives each stage its progress.
        stop: ask it to save and stop; signals do the same.
        say: gets notices.

    Returns:
        The content of `experiment.json`; `exit_code` is not 0 where a stop was asked for.

    Raises:
        ConfigError: the folder holds another experiment, or a stage would start from other weights.
        EslError: a stage cannot be done; the same call goes on after the cause is gone.
    """
    directory, stop = Path(experiment_dir), StopRequest() if stop is None else stop
    if config.plan.score_on:
        require_sound(open_data(config.plan.score_on, config.adaptation.class_set), with_labels=True, say=say)
    record = _begin(config, directory)
    with stop_on_signals(stop):
        _Procedure(config, directory, record, accelerator, progress_of, stop, say)()
    return record | {"exit_code": stop.exit_code}


@dataclass(frozen=True)
class _Procedure:
    """The stages, in the order in which BDL takes them."""

    config: BdlConfig
    directory: Path
    record: dict[str, Any]
    accelerator: Accelerator
    progress_of: Callable[[str], Progress]
    stop: StopRequest
    say: Callable[[str], None]

    def __call__(self) -> None:
        """Translate, adapt; then pseudo-labels and re-training, and from step 2 on a translation that knows more."""
        self._score_again()
        network, translated = "adapt/run", "step_1/translated"
        for step in range(1, self.config.plan.steps + 1):
            here = f"step_{step}"
            if step == 1 or self.config.plan.perceptual > 0:
                self._stage(f"{here}/translation", self._translation, "" if step == 1 else network)
                self._stage(f"{here}/translated", self._translate, f"{here}/translation")
                translated = f"{here}/translated"
            if step == 1:
                self._stage(network, self._train, PseudoLabelConfig(), translated)
            self._stage(f"{here}/store", self._extract, network)
            own = strategy_of(self.config.adaptation.pseudo_labels, self.config.plan.image_translation)
            self._stage(f"{here}/run", self._retrain, here, own, translated)
            for other in self.config.plan.strategies:
                if other != own:
                    self._stage(f"{here}/{other}", self._retrain, here, other, translated)
            network = f"{here}/run"

    def _stage(self, name: str, work: Callable[..., dict[str, Any] | None], *inputs: object) -> None:
        """Do a stage that is not done, and note what it left; nothing happens after a stop."""
        if not self.stop and name not in self.record["stages"]:
            self.say(f"BDL: {name}")
            self._note(name, work(name, *inputs))

    def _score_again(self) -> None:
        """Score what was finished before the score was asked for, or when it was asked for on another split."""
        for name, left in dict(self.record["stages"]).items():
            if not self.stop and self._lacks_scores(left):
                self.say(f"BDL: {name}")
                self._note(name, {**left, **self._scores(name)})

    def _note(self, name: str, left: dict[str, Any] | None) -> None:
        if left is not None and not self.stop:
            self.record["stages"][name] = left
            write_json(self.directory / EXPERIMENT_FILE, self.record)

    def _lacks_scores(self, done: Mapping[str, Any]) -> bool:
        """Whether a finished network has no scores on the split that is asked for, at its size and in its label format."""
        on = self.config.plan.score_on
        return done["kind"] == "run" and bool(on) and done.get("score_on") != _asked(on)

    def _translation(self, name: str, observed_by: str) -> dict[str, Any] | None:
        adaptation = self.config.adaptation
        config = self.config.translation
        if observed_by:
            weight = self.config.plan.perceptual
            config = replace(config, perceptual=weight, perceptual_network=self._checkpoint(observed_by))
        config = replace(
            config,
            source=replace(config.source, root=adaptation.source.root),
            target=replace(config.target, root=adaptation.target.root),
        )
        result = train_translation(
            config, self.directory / name, accelerator=self.accelerator,
            progress=self.progress_of(name), stop=self.stop, say=self.say,
        )  # fmt: skip
        return {"kind": "translation", "steps": result.step, "observed_by": observed_by}

    def _translate(self, name: str, translation: str) -> dict[str, Any] | None:
        adaptation = self.config.adaptation
        manifest = apply_translation(
            self.directory / translation, self.directory / name,
            # Translated at the size that the generators were trained at; labels keep theirs.
            ApplyPlan(data=adaptation.source, size=self.config.translation.source.size, own_size=True),
            device=self.accelerator, progress=self.progress_of(name), should_stop=self.stop,
        )  # fmt: skip
        if not manifest["complete"]:
            return None
        facts = {"images": len(manifest["images"]), "generator": manifest["generator"], "sheet": manifest["sheet"]}
        return {"kind": "translated", **facts}

    def _train(self, name: str, labels: PseudoLabelConfig, translated: str) -> dict[str, Any] | None:
        if not RunDirectory(self.directory / name).exists:
            require_same_start(self.config.adaptation, {self.directory: self.record.get("init_weights")})
        config = replace(self.config.adaptation, pseudo_labels=labels)
        if translated:
            config = on_translated_source(config, self.directory / translated)
        result = train(
            config, self.directory / name, accelerator=self.accelerator,
            progress=self.progress_of(name), stop=self.stop, say=self.say,
        )  # fmt: skip
        if self.stop:
            return None
        facts = {"kind": "run", "steps": result.step, "source": translated or "originals", "pseudo_labels": "none"}
        if labels.source != "none":
            facts["pseudo_labels"] = labels.criterion
        return facts | self._scores(name)

    def _retrain(self, name: str, here: str, strategy: str, translated: str) -> dict[str, Any] | None:
        labels, image_translation = labels_of(strategy, self.config.adaptation.pseudo_labels)
        labels = replace(labels, source="store", path=self.directory / here / "store")
        left = self._train(name, labels, translated if image_translation else "")
        return None if left is None else left | {"strategy": strategy}

    def _scores(self, name: str) -> dict[str, Any]:
        on = self.config.plan.score_on
        if not on:
            return {}
        report = evaluate_on(
            self._checkpoint(name), on, self.config.adaptation.class_set, device=self.accelerator,
            progress=self.progress_of(f"{name}: score"), should_stop=self.stop,
        )  # fmt: skip
        self.say(f"{name}: mIoU {100 * report.miou:.2f} on {on.dataset} {on.split}.")
        return {"scores": report.to_json(), "score_on": _asked(on)}

    def _extract(self, name: str, network: str) -> dict[str, Any] | None:
        adaptation = self.config.adaptation
        store: PredictionStore = extract(
            self._checkpoint(network),
            open_data(adaptation.target, adaptation.class_set),
            self.directory / name,
            size=adaptation.target.size,
            device=self.accelerator,
            progress=self.progress_of(name),
            should_stop=self.stop,
        )
        if not store.is_complete:
            return None
        return {"kind": "store", "network": network, "store_hash": store.store_hash}

    def _checkpoint(self, name: str) -> Path:
        return follow_pointer(self.directory / name / "checkpoints", "LATEST")


def _asked(on: DataConfig) -> dict[str, Any]:
    """What decides a score; the data may move."""
    return {"dataset": on.dataset, "split": on.split, "size": list(on.size), "label_format": on.label_format}


def _begin(config: BdlConfig, directory: Path) -> dict[str, Any]:
    path, told = directory / EXPERIMENT_FILE, config.to_json()
    if is_new := not path.is_file():
        require_own_folder(directory)
    sweep_partial_files(directory)
    if is_new:
        start = init_weights_digest(config.adaptation)
        record: dict[str, Any] = {"format": FORMAT, "version": 1, **told, "init_weights": start, "stages": {}}
        write_json(path, record)
        return record
    record = read_json(path)
    if record.get("format") != FORMAT:
        raise ConfigError(f"A BDL experiment must have a folder of its own; {directory} holds another one.")
    changed = _changes(record, config)
    if changed:
        raise ConfigError(
            f"An experiment must go on as it began; {directory} differs in {'; '.join(changed)}. Use another folder."
        )
    return record | told


def _changes(record: Mapping[str, Any], config: BdlConfig) -> list[str]:
    changed = [
        f"translation.{c}" for c in TranslationConfig.from_json(record["translation"]).differences(config.translation)
    ]
    changed += config_differences(config_from_json(record["adaptation"]), config.adaptation)
    plan = config.to_json()["plan"]
    return changed + [
        f"plan.{k}: {record['plan'].get(k)} -> {v}"
        for k, v in plan.items()
        if k not in _MAY_CHANGE and record["plan"].get(k) != v
    ]
