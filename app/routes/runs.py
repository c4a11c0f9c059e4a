"""Training runs: what may be set, launching, watching, stopping, comparing, deleting."""

import hashlib
import json
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from app.routes.lookup import store_of
from app.run_desk import RunDesk, job_to_json
from esl.classes import CLASS_SETS
from esl.config.form import form_fields
from esl.pipelines.launching import Launch
from esl.presets import PRESETS, preset

router = APIRouter()

MAX_LINES = 20_000


def desk_of(request: Request) -> RunDesk:
    """The server's desk."""
    return cast(RunDesk, request.app.state.runs)


DeskDep = Annotated[RunDesk, Depends(desk_of)]
Name = Annotated[str, Field(max_length=200)]


class LaunchQuestion(BaseModel):
    """Body of `POST /runs` and `POST /runs/check`: the form."""

    id: str = Field(min_length=1, max_length=100)
    run: str = Field(max_length=200)
    kind: Literal["train", "extract", "self-train"] = "train"
    preset: str = Field("", max_length=200)
    values: dict[str, Any] = Field(default_factory=dict, max_length=200)
    data_root: str = Field("", max_length=1000)
    recipe: str = Field("", max_length=1000)
    sid: str = Field("", max_length=100)
    checkpoint: str = Field("", max_length=1000)
    dataset: str = Field("", max_length=100)
    split: str = Field("", max_length=200)
    rounds: int = 1
    criterion: str = Field("entropy", max_length=20)
    device: str = Field("", max_length=20)
    launcher: Literal["local", "torchrun", "slurm"] = "local"
    num_devices: int = 1
    user: str = Field("", max_length=100)


class CompareQuestion(BaseModel):
    """Body of `POST /runs/compare`."""

    runs: list[Name] = Field(max_length=100)


class MoveQuestion(BaseModel):
    """Body of `POST /queue/{job}/move`."""

    before: str = Field("", max_length=100)


class StopQuestion(BaseModel):
    """Body of `POST /runs/{name}/stop`."""

    kill: bool = False


class ResumeQuestion(BaseModel):
    """Body of `POST /runs/{name}/resume`."""

    id: str = Field(min_length=1, max_length=100)


@router.get("/presets")
def presets() -> dict[str, Any]:
    """Names of the presets."""
    return {"presets": [{"name": name, "method": p.method.name, "steps": p.steps} for name, p in PRESETS.items()]}


@router.get("/presets/{name}")
def preset_form(name: str) -> dict[str, Any]:
    """Every setting of a preset: kind, value, choices, help."""
    fields = form_fields(preset(name))
    return {
        "name": name,
        "fields": [
            {"path": f.path, "kind": f.kind, "value": f.value, "choices": f.choices, "help": f.help} for f in fields
        ],
    }


@router.get("/runs")
def runs(desk: DeskDep, tag: str = "") -> Response:
    """The runs table, the queue in its order, and what may be used; short where nothing changed since `tag`."""
    waiting = [job_to_json(job) for job in desk.worker.queue.jobs(("queued", "running", "stopping"))]
    answer = {
        "runs": desk.rows(),
        "queue": waiting,
        "devices": desk.devices,
        "roots": [str(r) for r in desk.roots],
        "folder": str(desk.runs_dir),
    }
    # A thousand rows are asked for every second or two: one plain dump, and nothing where they are known.
    body = json.dumps(answer, default=str)
    now = hashlib.sha256(body.encode()).hexdigest()[:16]
    body = f'{{"tag": "{now}", "unchanged": true}}' if tag == now else f'{{"tag": "{now}", {body[1:]}'
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


@router.post("/runs/check")
def check(question: LaunchQuestion, request: Request, desk: DeskDep) -> dict[str, Any]:
    """The command a form stands for, and what is wrong with it; starts nothing."""
    plan = desk.plan(_launch(question, request, desk, ""))
    return {
        "command": "python " + " ".join(map(_quoted, plan.argv[1:])),
        "config": plan.config,
        "faults": plan.faults,
        "resources": plan.resources.to_json() if plan.resources else None,
    }


@router.post("/runs")
def launch(question: LaunchQuestion, request: Request, desk: DeskDep) -> dict[str, Any]:
    """Queue a run; the same id again gives the same job."""
    return job_to_json(desk.launch(_launch(question, request, desk, request.scope.get("user_name", ""))))


@router.post("/runs/compare")
def compare(question: CompareQuestion, desk: DeskDep) -> dict[str, Any]:
    """What differs between 2 to 8 runs, and how they scored."""
    answer = desk.table.compare(question.runs)
    return {**answer, "class_names": [_class_names(row) for row in answer["runs"]]}


@router.get("/runs/{name}")
def detail(name: str, desk: DeskDep) -> dict[str, Any]:
    """Everything about one run but its metrics."""
    row = desk.table.detail(name)
    return {**row, "class_names": _class_names(row), "path": str(desk.table.run(name).path)}


@router.get("/runs/{name}/metrics")
def metrics(name: str, desk: DeskDep, after: int = 0) -> dict[str, Any]:
    """Lines of metrics.jsonl from the `after`-th on; ask again with `next`."""
    lines, next_line = desk.table.metrics(name, max(0, after), MAX_LINES)
    return {"lines": lines, "next": next_line, "from": next_line - len(lines)}


@router.get("/runs/{name}/log")
def log(name: str, desk: DeskDep, lines: int = 200) -> dict[str, Any]:
    """The last lines of a run's log."""
    return {"lines": desk.table.log_tail(name, max(1, min(lines, 2000)))}


@router.get("/runs/{name}/samples/{which}")
def sample(name: str, which: str, desk: DeskDep) -> Response:
    """The picture of a step (its number), or `photo`: what each checkpoint of a run says of one fixed image."""
    path = desk.table.sample_path(name, which)
    kind = "image/jpeg" if path.suffix == ".jpg" else "image/png"
    return Response(path.read_bytes(), media_type=kind, headers={"Cache-Control": "private, no-cache"})


@router.post("/runs/{name}/stop")
def stop(name: str, question: StopQuestion, desk: DeskDep) -> dict[str, Any]:
    """Ask a run to save and stop, or kill it."""
    return job_to_json(desk.stop(name, is_kill=question.kill))


@router.post("/runs/{name}/resume")
def resume(name: str, question: ResumeQuestion, request: Request, desk: DeskDep) -> dict[str, Any]:
    """Queue an ended run to go on from its last checkpoint."""
    return job_to_json(desk.resume(name, question.id, request.scope.get("user_name", "")))


@router.delete("/runs/{name}")
def delete(name: str, desk: DeskDep) -> dict[str, Any]:
    """Move a run to the trash."""
    desk.delete(name)
    return {"ok": True, "trash": desk.table.trash()}


@router.get("/trash")
def trash(desk: DeskDep) -> dict[str, Any]:
    """Deleted runs and their sizes."""
    return {"trash": desk.table.trash()}


@router.delete("/trash")
def empty_trash(desk: DeskDep) -> dict[str, Any]:
    """Remove deleted runs for good."""
    return {"ok": True, "removed": desk.table.empty_trash()}


@router.post("/queue/{job}/move")
def move(job: str, question: MoveQuestion, desk: DeskDep) -> dict[str, Any]:
    """Put a waiting job before another, or last."""
    desk.worker.queue.move(job, question.before)
    return {"queue": [job_to_json(j) for j in desk.worker.queue.jobs(("queued", "running", "stopping"))]}


@router.delete("/queue/{job}")
def remove(job: str, desk: DeskDep) -> dict[str, Any]:
    """Take a job out of the queue, or ask it to stop where it runs."""
    return job_to_json(desk.worker.stop(job))


def _class_names(row: dict[str, Any]) -> list[str]:
    known = CLASS_SETS.get(row.get("class_set", ""))
    return list(known.names) if known else []


def _launch(question: LaunchQuestion, request: Request, desk: RunDesk, user: str) -> Launch:
    values = question.model_dump(exclude={"id", "user", "device", "sid"})
    store = str(store_of(request, question.sid).store.directory) if question.sid else ""
    device = question.device or desk.devices[0]
    return Launch(job_id=question.id, user=user or question.user, device=device, store=store, **values)


def _quoted(word: str) -> str:
    return f"'{word}'" if any(c in word for c in " '\"$&|;<>*?()`\\") else word
