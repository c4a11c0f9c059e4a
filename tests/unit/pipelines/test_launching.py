"""A form becomes the command that a shell would run, or sentences beside the fields that are wrong."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from esl.classes import CITYSCAPES_19
from esl.cli.self_train import SelfTrainArguments
from esl.cli.train import TrainArguments
from esl.config import config_from_json, config_to_json
from esl.errors import ConfigError
from esl.files import read_json, write_json
from esl.images import write_png
from esl.pipelines.launching import Launch, Plan, plan_launch, resume_launch
from esl.presets import PRESETS, preset
from esl.store.job_queue import Job, Launcher
from esl.store.predictions import PredictionStore, StoreManifest
from esl.store.recipes import Recipe, save_recipe

LAUNCH = Launch(
    job_id="j", run="demo-1", preset="demo_source_only", values={"steps": "50", "schedule_steps": 50, "seed": 3}
)


def plan(launch: Launch, root: Path) -> Plan:
    return plan_launch(launch, runs_dir=root / "runs", stores_dir=root / "stores", roots=[root])


def parsed(argv: tuple[str, ...]) -> TrainArguments:
    import tyro

    default = TrainArguments(run=tyro.MISSING, config=preset(argv[4]))
    config = (tyro.conf.FlagCreatePairsOff, tyro.conf.AvoidSubcommands)
    return tyro.cli(TrainArguments, default=default, args=argv[5:], config=config)


def test_a_training_is_the_command_line_of_its_config(tmp_path: Path) -> None:
    made = plan(LAUNCH, tmp_path)
    assert made.faults == {}
    assert made.argv[1:5] == ("-m", "esl", "train", "demo_source_only")
    arguments = parsed(made.argv)
    assert arguments.config == config_from_json(made.config)
    assert (arguments.config.steps, arguments.config.seed) == (50, 3)
    assert arguments.run == tmp_path / "runs" / "demo-1"
    assert made.job(LAUNCH).argv == made.argv


def test_a_recipe_and_a_data_root_reach_the_config(tmp_path: Path) -> None:
    recipe = tmp_path / "r.json"
    recipe.write_text("{}")
    launch = replace(LAUNCH, preset="demo_advent_esl", recipe=str(recipe), data_root=str(tmp_path))
    config = parsed(plan(launch, tmp_path).argv).config
    assert (config.pseudo_labels.source, config.pseudo_labels.path) == ("recipe", recipe)
    assert config.source.root == tmp_path


def labelled_store(
    folder: Path, dataset: str, split: str, ids: tuple[str, ...] = ("a.png", "b.png"), done: int = 2
) -> str:
    manifest = StoreManifest(
        dataset=dataset, split=split, class_set=CITYSCAPES_19, image_ids=ids, map_size=(4, 8), logits_shape=(19, 2, 4)
    )
    with PredictionStore.create(folder, manifest) as store:
        for image_id in ids[:done]:
            store.write(image_id, np.zeros((19, 2, 4), np.float32))
    return str(folder)


@pytest.mark.parametrize(
    ("held", "values", "faults"),
    [
        (("demo", "target_val"), {}, {"target.split": "target_val: the store holds it, not demo target_train"}),
        (("demo", "target_val"), {"target.split": "target_val"}, {}),
        (("demo", "target_train"), {}, {}),
        (("camvid", "dusk_train"), {}, {"target.dataset": "camvid with split dusk_train"}),
    ],
)
@pytest.mark.parametrize("by", ["store", "class-balanced", "recipe"])
def test_labels_come_from_a_store_of_the_targets_images(
    tmp_path: Path, held: tuple[str, str], values: dict[str, str], faults: dict[str, str], by: str
) -> None:
    launch = Launch(job_id="j", run="r", preset="demo_source_only", values=values)
    store = labelled_store(tmp_path / "s", *held)
    recipe = save_recipe(tmp_path, Recipe(store="0" * 64, store_path=store))
    change = {"store": {"store": store}, "recipe": {"recipe": str(recipe)}}
    change["class-balanced"] = {"store": store, "criterion": "class_balanced"}
    said = plan(replace(launch, **change[by]), tmp_path).faults  # type: ignore[arg-type]
    assert said.keys() == faults.keys()
    assert all(text in said[key] for key, text in faults.items())


def test_labels_come_from_a_whole_store_for_a_preset_with_a_target(tmp_path: Path) -> None:
    part = labelled_store(tmp_path / "part", "demo", "target_train", done=1)
    launch = Launch(job_id="j", run="r", preset="demo_advent", store=part)
    assert "1 of 2 images" in plan(launch, tmp_path).faults[""]
    assert "none" in plan(replace(launch, preset="camvid_day_source_only"), tmp_path).faults["preset"]
    assert "camvid11" in plan(replace(launch, preset="camvid_day_dusk_advent"), tmp_path).faults["class_set"]


def test_a_store_that_names_its_images_otherwise_may_label_them_all_the_same(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_png(tmp_path / "data" / "images" / f"{name}.png", np.zeros((8, 16, 3), np.uint8))
    values = {"target.dataset": "folder", "target.split": "all"}
    launch = Launch(job_id="j", run="r", preset="demo_advent", values=values, data_root=str(tmp_path / "data"))
    whole = labelled_store(tmp_path / "s", "own", "")
    assert plan(replace(launch, store=whole), tmp_path).faults == {}
    part = labelled_store(tmp_path / "t", "own", "", ids=("a.png",))
    assert "target.dataset" in plan(replace(launch, store=part), tmp_path).faults


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"run": "../x"}, "run", "plain"), ({"run": "<script>"}, "run", "plain"), ({"run": ""}, "run", "plain"),
        ({"values": {"steps": -1}}, "steps", "at least 1"), ({"values": {"method.lambda_adv_main": "nan"}}, "method.lambda_adv_main", "finite"),
        ({"num_devices": 0}, "num_devices", "1 to 1024"), ({"rounds": 0}, "rounds", "1 to 10"), ({"data_root": "/etc"}, "data_root", "lie in"),
        ({"preset": "nobody"}, "preset", "presets"), ({"values": {"nobody": 1}}, "nobody", "known"), ({"criterion": "x"}, "criterion", "entropy"),
        ({"values": {"init_weights": "/etc/passwd"}}, "init_weights", "lie in"), ({"checkpoint": "a\0b"}, "checkpoint", "NUL"),
        ({"values": {"pseudo_labels.store": "/etc"}}, "pseudo_labels.store", "lie in"),
        ({"values": {"pseudo_labels.criterion": "class_balanced", "pseudo_labels.spatial_prior": "/etc/passwd"}}, "pseudo_labels.spatial_prior", "lie in"),
    ],
)  # fmt: skip
def test_a_fault_stands_beside_its_field(tmp_path: Path, change: dict[str, object], field: str, said: str) -> None:
    launch = replace(LAUNCH, **change)  # type: ignore[arg-type]
    made = plan(launch, tmp_path)
    assert said in made.faults[field]
    with pytest.raises(ConfigError, match=field):
        made.job(launch)


def test_a_form_asks_for_gpus_that_are_there(tmp_path: Path) -> None:
    places = {"runs_dir": tmp_path / "runs", "stores_dir": tmp_path / "stores", "roots": [tmp_path]}

    def faults(**change: object) -> dict[str, str]:
        launch = replace(LAUNCH, **{"launcher": "torchrun", **change})  # type: ignore[arg-type]
        return dict(plan_launch(launch, devices=("cuda:0", "cuda:1", "cuda:2", "cpu"), **places).faults)  # type: ignore[arg-type]

    assert faults(device="cuda:1", num_devices=2) == {}
    assert faults(device="cpu", num_devices=4) == {}  # ranks share the CPU
    assert faults(device="cuda:9", num_devices=4, launcher="slurm") == {}  # elsewhere
    assert faults(device="cuda:1", num_devices=3) == {
        "num_devices": "must be at most 2, one for each GPU from cuda:1 on; got 3"
    }
    assert faults(device="cuda:x") == {"device": "must be one of cuda:0, cuda:1, cuda:2, cpu; got 'cuda:x'"}
    assert "1 to 1024" in faults(device="cuda:0", num_devices=10**9)["num_devices"]


def test_a_path_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert "exist" in plan(replace(LAUNCH, data_root=str(tmp_path / "no")), tmp_path).faults["data_root"]


def test_values_that_make_sense_only_together_are_taken_together(tmp_path: Path) -> None:
    both = {"schedule_steps": 3000, "steps": 3000}
    assert plan(replace(LAUNCH, values=dict(reversed(both.items()))), tmp_path).faults == {}


def test_an_extraction_names_what_it_needs(tmp_path: Path) -> None:
    launch = replace(LAUNCH, kind="extract", preset="", values={}, dataset="demo", split="target_val")
    assert plan(launch, tmp_path).faults == {"checkpoint": "must be given"}
    (tmp_path / "c").mkdir()
    made = plan(replace(launch, checkpoint=str(tmp_path / "c")), tmp_path)
    assert made.faults == {}
    assert made.argv[3:5] == ("extract", "--checkpoint")


def test_a_whole_experiment_is_one_command(tmp_path: Path) -> None:
    made = plan(replace(LAUNCH, kind="self-train", rounds=2, criterion="max_prob"), tmp_path)
    assert made.argv[3:5] == ("self-train", "demo_source_only")
    assert " ".join(made.argv[5:]).endswith(
        f"--rounds 2 --criterion max_prob --experiment {tmp_path}/runs/demo-1 --device cpu"
    )


def begun(root: Path, **resolved: object) -> Path:
    """A run's folder with its config and what was resolved at its start."""
    config = replace(preset("demo_advent"), seed=9)
    write_json(root / "r" / "config.json", {"config": config_to_json(config), "resolved": resolved})
    return root / "r"


def test_a_resume_is_the_same_config_in_the_same_place(tmp_path: Path) -> None:
    run = begun(tmp_path)
    job = resume_launch(run, "again")
    assert parsed(job.argv).config == config_from_json(read_json(run / "config.json")["config"])
    assert (job.run, job.device, job.launcher, job.num_devices) == ("r", "cpu", "local", 1)


GPUS = ("cuda:0", "cuda:1", "cuda:2", "cpu")


@pytest.mark.parametrize(
    ("resolved", "last", "device", "launcher"),
    [
        ({"accelerator": "cuda", "world_size": 2}, ("cuda:1", "torchrun", 2), "cuda:1", "torchrun"),
        ({"accelerator": "cuda", "world_size": 2}, None, "cuda:0", "torchrun"),
        # A GPU that is gone, and a job that had lost the number: the run's record decides.
        ({"accelerator": "cuda", "world_size": 2}, ("cuda:7", "local", 1), "cuda:0", "torchrun"),
        ({"accelerator": "cpu", "world_size": 2}, None, "cpu", "torchrun"),
        ({"accelerator": "cpu", "world_size": 1}, None, "cpu", "local"),
        ({"accelerator": "cuda", "world_size": 8}, ("cuda:0", "slurm", 8), "cuda:0", "slurm"),
        ({}, ("cuda:2", "local", 1), "cuda:2", "local"),
    ],
)
def test_a_resume_has_the_devices_of_the_beginning(
    tmp_path: Path, resolved: dict[str, object], last: tuple[str, Launcher, int] | None, device: str, launcher: Launcher
) -> None:
    before = last and Job(
        job_id="1", run="r", argv=("x",), device=last[0], launcher=last[1], num_devices=last[2]
    )  # fmt: skip
    job = resume_launch(begun(tmp_path, **resolved), "again", devices=GPUS, last=before or None)
    count = resolved.get("world_size", 1)
    assert (job.device, job.launcher, job.num_devices) == (device, launcher, count)
    assert parsed(job.argv).devices == count


def test_a_resume_that_lacks_its_devices_says_which(tmp_path: Path) -> None:
    run = begun(tmp_path, accelerator="cuda", world_size=4)
    with pytest.raises(ConfigError, match=r"r needs 4 of kind cuda, this server has cuda:0, cuda:1, cuda:2, cpu"):
        resume_launch(run, "again", devices=GPUS)


def test_a_whole_experiment_on_several_devices_is_refused(tmp_path: Path) -> None:
    launch = replace(LAUNCH, kind="self-train", launcher="torchrun", num_devices=2)
    assert plan(launch, tmp_path).faults == {"num_devices": "must be 1: a whole experiment runs in one process; got 2"}


def test_class_balanced_labels_come_from_the_store_on_screen(tmp_path: Path) -> None:
    store = tmp_path / "store"
    launch = replace(LAUNCH, preset="demo_advent_esl", store=str(store), values={"pseudo_labels.portion": "0.35"})
    labels = parsed(plan(replace(launch, criterion="class_balanced"), tmp_path).argv).config.pseudo_labels
    assert (labels.source, labels.path) == ("store", store)
    assert (labels.criterion, labels.portion) == ("class_balanced", 0.35)


def test_a_recipe_takes_the_place_of_a_presets_class_balanced_labels(tmp_path: Path) -> None:
    recipe = tmp_path / "r.json"
    recipe.write_text("{}")
    name = next(name for name, p in PRESETS.items() if p.pseudo_labels.criterion == "class_balanced")
    made = plan(Launch(job_id="j", run="r", preset=name, recipe=str(recipe)), tmp_path)
    assert made.faults == {}
    assert parsed(made.argv).config.pseudo_labels.source == "recipe"
    assert parsed(made.argv).config.pseudo_labels.criterion == "entropy"
    made = plan(Launch(job_id="j", run="r", preset=name, recipe=str(recipe), criterion="max_prob"), tmp_path)
    assert parsed(made.argv).config.pseudo_labels.criterion == "max_prob"  # as tables name the run


def test_a_whole_experiment_may_be_class_balanced(tmp_path: Path) -> None:
    launch = replace(LAUNCH, kind="self-train", preset="demo_advent_esl", criterion="class_balanced")
    made = plan(replace(launch, values={"pseudo_labels.portion": 0.3}), tmp_path)
    assert made.faults == {}
    assert made.argv[made.argv.index("--criterion") + 1] == "class_balanced"
    assert made.argv[made.argv.index("--pseudo-labels.portion") + 1] == "0.3"
    import tyro

    default = SelfTrainArguments(experiment=tyro.MISSING, config=preset("demo_advent_esl"))
    settings = (tyro.conf.FlagCreatePairsOff, tyro.conf.AvoidSubcommands)
    arguments = tyro.cli(SelfTrainArguments, default=default, args=made.argv[5:], config=settings)
    assert (arguments.criterion, arguments.config.pseudo_labels.portion) == ("class_balanced", 0.3)
