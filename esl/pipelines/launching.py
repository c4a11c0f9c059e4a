"""From a form to a job: which command a button stands for, checked before it is queued.

The commands are those that a shell would run; the form shows them, so that anybody can copy them.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from esl.config import TrainConfig, config_from_json, config_to_json
from esl.config.form import command_flags, form_fields, with_values
from esl.errors import ConfigError, EslError
from esl.files import read_json
from esl.pipelines.label_store import store_faults, store_of_recipe
from esl.pipelines.resources import Resources, resources_for
from esl.presets import preset, with_data_root
from esl.store.job_queue import Job, Launcher, devices_from

Kind = Literal["train", "extract", "self-train"]
"""What a button starts: one training (baseline, or on pseudo-labels), an extraction, or a whole experiment."""

MAX_ROUNDS = 10
MAX_DEVICES = 1024
CRITERIA = ("entropy", "max_prob", "class_balanced")


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What a person asked for."""

    job_id: str
    """Made by the page when the form is opened, so that a double click starts once."""
    run: str
    """Name of the run, the store or the experiment below its folder."""
    kind: Kind = "train"
    preset: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Settings by dotted name, as the form sends them."""
    data_root: str = ""
    recipe: str = ""
    """Path of the recipe to train on."""
    store: str = ""
    """Store whose labels to train on: those of `recipe`, or class-balanced ones, which no recipe holds; looked up by the
    server, never typed."""
    checkpoint: str = ""
    dataset: str = ""
    split: str = ""
    rounds: int = 1
    criterion: str = "entropy"
    device: str = "cpu"
    launcher: Launcher = "local"
    num_devices: int = 1
    user: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a launch comes to: the command, the config behind it, and what is wrong with it, field by field."""

    argv: tuple[str, ...]
    config: Mapping[str, Any]
    faults: Mapping[str, str]
    resources: Resources | None = None
    """What the runs need and what there is; None for an extraction."""

    def job(self, launch: Launch) -> Job:
        """The job to queue.

        Raises:
            ConfigError: the plan has faults; all in one message.
        """
        if self.faults:
            raise ConfigError("; ".join(f"{k}: {v}" if k else v for k, v in self.faults.items()))
        return Job(
            job_id=launch.job_id, run=launch.run, argv=self.argv, device=launch.device, launcher=launch.launcher,
            num_devices=launch.num_devices, user=launch.user,
        )  # fmt: skip


def plan_launch(
    launch: Launch, *, runs_dir: Path, stores_dir: Path, roots: Sequence[Path], devices: Sequence[str] = ("cpu",)
) -> Plan:
    """Check a launch and write out its command.

    Args:
        launch: the form's content.
        runs_dir: where runs live.
        stores_dir: where extracted stores go.
        roots: folders that typed paths must lie in.
        devices: of this host, those that may be used.

    Returns:
        A plan; where something is wrong its `faults` say what, under the field's name ("" for the whole form).
    """
    faults: dict[str, str] = {}
    _check_form(launch, faults)
    _check_devices(launch, devices, faults)
    for name in ("data_root", "recipe", "checkpoint"):
        _check_path(name, getattr(launch, name), roots, faults)
    if launch.kind == "extract":
        argv = ["extract", "--checkpoint", launch.checkpoint, "--dataset", launch.dataset, "--split", launch.split]
        argv += [
            *_given("--data-root", launch.data_root),
            "--store",
            str(stores_dir / launch.run),
            "--device",
            _accelerator(launch),
        ]
        for name in ("checkpoint", "dataset", "split"):
            if not getattr(launch, name):
                faults.setdefault(name, "must be given")
        return Plan(argv=_esl(argv), config={}, faults=faults)
    config = _config(launch, roots, faults)
    store = launch.store or (store_of_recipe(launch.recipe) if launch.recipe else "")
    if config is not None and store:
        faults.update(store_faults(config, store))
    base = _base(launch)
    flags = command_flags(base, config) if base is not None and config is not None else []
    verb = "train" if launch.kind == "train" else "self-train"
    argv = [verb, launch.preset, *flags]
    if launch.kind == "self-train":
        argv += [
            "--rounds",
            str(launch.rounds),
            "--criterion",
            launch.criterion,
            "--experiment",
            str(runs_dir / launch.run),
        ]
    else:
        argv += ["--run", str(runs_dir / launch.run)]
    argv += ["--device", _accelerator(launch)]
    if launch.num_devices > 1:
        argv += ["--devices", str(launch.num_devices)]
    resources = None
    if config is not None:
        resources = resources_for(
            config,
            runs_dir,
            _needed(launch),
            launch.rounds + 1 if launch.kind == "self-train" else 1,
        )
        if resources.fault:
            faults.setdefault("", resources.fault)
    return Plan(argv=_esl(argv), config=config_to_json(config) if config else {}, faults=faults, resources=resources)


def resume_launch(
    run_dir: Path, job_id: str, *, devices: Sequence[str] = ("cpu",), last: Job | None = None, user: str = ""
) -> Job:
    """The job that goes on with a run: its own config, in its own directory, on as many devices of the same kind.

    Args:
        run_dir: the run.
        job_id: of the new job.
        devices: of this host, those that may be used.
        last: the run's newest job; None for a run that a shell began.
        user: who asks.

    Raises:
        DataError: the run's config is damaged.
        ConfigError: it came from no preset, or needs devices that this host lacks.
    """
    record = read_json(run_dir / "config.json")
    config = config_from_json(record["config"])
    resolved = record.get("resolved", {})
    count = int(resolved.get("world_size", last.num_devices if last else 1))
    launcher: Launcher = last.launcher if last else "local"
    if launcher == "local" and count > 1:
        launcher = "torchrun"
    argv = ["train", config.preset, *command_flags(preset(config.preset), config), "--run", str(run_dir)]
    if count > 1:
        argv += ["--devices", str(count)]
    fitting = [*([last.device] if last and last.device in devices else []), *devices]
    if launcher != "slurm":
        kind = str(resolved.get("accelerator", ""))
        fitting = [d for d in fitting if d.startswith(kind) and set(devices_from(d, count)) <= set(devices)]
        if not fitting:
            raise ConfigError(
                f"A run goes on with the devices it was begun with: {run_dir.name} needs {count} of kind "
                f"{kind or 'cuda'}, this server has {', '.join(devices)}. Resume it on a machine that has them."
            )
    return Job(
        job_id=job_id, run=run_dir.name, argv=_esl(argv), device=fitting[0], launcher=launcher, num_devices=count, user=user,
    )  # fmt: skip


def _config(launch: Launch, roots: Sequence[Path], faults: dict[str, str]) -> TrainConfig | None:
    base = _base(launch)
    if base is None:
        faults["preset"] = "must be one of the presets"
        return None
    good = base if not launch.data_root else with_data_root(base, launch.data_root)
    if (launch.recipe or launch.store) and not good.target:
        faults["preset"] = "must have target images for the pseudo-labels; this one has none"
        return None
    if launch.recipe:
        # The recipe itself decides; what the form named it by is what tables call the run.
        criterion: Any = "max_prob" if launch.criterion == "max_prob" else "entropy"
        labels = replace(
            good.pseudo_labels, criterion=criterion, spatial_prior=Path(), source="recipe", path=Path(launch.recipe)
        )
        good = replace(good, pseudo_labels=labels)
    elif launch.store and launch.criterion == "class_balanced":
        labels = replace(good.pseudo_labels, source="store", path=Path(launch.store), criterion="class_balanced")
        good = replace(good, pseudo_labels=labels)
    try:
        config = with_values(good, launch.values)
    except ConfigError as error:
        for name, value in launch.values.items():
            try:
                with_values(good, {name: value})
            except ConfigError as own:
                faults[name] = str(own)
        if not set(faults) & set(launch.values):
            faults[""] = str(error)
        return None
    for setting in form_fields(config):
        if setting.kind == "path" and setting.path in launch.values:
            _check_path(setting.path, str(launch.values[setting.path]), roots, faults)
    return config


def _base(launch: Launch) -> TrainConfig | None:
    try:
        return preset(launch.preset)
    except EslError:
        return None


def _check_form(launch: Launch, faults: dict[str, str]) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][\w.+-]{0,99}", launch.run):
        faults["run"] = f"must be a plain folder name of letters, digits, . _ - ; got {launch.run[:100]!r}"
    if launch.kind not in get_args(Kind):
        faults["kind"] = f"must be one of {', '.join(get_args(Kind))}"
    if not 1 <= launch.num_devices <= MAX_DEVICES:
        faults["num_devices"] = f"must be 1 to {MAX_DEVICES}; got {launch.num_devices}"
    elif launch.kind == "self-train" and launch.num_devices > 1:
        faults["num_devices"] = f"must be 1: a whole experiment runs in one process; got {launch.num_devices}"
    if not 1 <= launch.rounds <= MAX_ROUNDS:
        faults["rounds"] = f"must be 1 to {MAX_ROUNDS}; got {launch.rounds}"
    if launch.criterion not in CRITERIA:
        faults["criterion"] = f"must be one of {', '.join(CRITERIA)}; got {launch.criterion!r}"


def _check_devices(launch: Launch, devices: Sequence[str], faults: dict[str, str]) -> None:
    if launch.launcher == "slurm":
        return
    if launch.device not in devices:
        faults["device"] = f"must be one of {', '.join(devices)}; got {launch.device!r}"
        return
    needed = _needed(launch)
    if (there := len(set(needed) & set(devices))) < len(needed):
        faults.setdefault(
            "num_devices",
            f"must be at most {there}, one for each GPU from {launch.device} on; got {launch.num_devices}",
        )


def _needed(launch: Launch) -> tuple[str, ...]:
    return devices_from(launch.device, min(max(1, launch.num_devices), MAX_DEVICES))


def _check_path(name: str, text: str, roots: Sequence[Path], faults: dict[str, str]) -> None:
    if not text:
        return
    if "\0" in text:
        faults[name] = "must be a path without NUL characters"
        return
    resolved = Path(text).resolve()
    if not any(resolved.is_relative_to(root.resolve()) for root in roots):
        faults[name] = f"must lie in one of {', '.join(map(str, roots))}; got {text}"
    elif not resolved.exists():
        faults[name] = f"must exist; {text} does not"


def _given(flag: str, value: str) -> list[str]:
    return [flag, value] if value else []


def _accelerator(launch: Launch) -> str:
    return "cuda" if launch.device.startswith("cuda") or launch.launcher == "slurm" else "cpu"


def _esl(argv: Sequence[str]) -> tuple[str, ...]:
    return (sys.executable, "-m", "esl", *argv)
