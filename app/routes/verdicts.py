"""Verdicts: stored durably before they are acknowledged; sending one again changes nothing."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from app.opened import OpenStore
from app.routes.answers import ApiError
from app.routes.lookup import LibraryDep, image_index, store_of
from app.security import ANONYMOUS
from esl.classes import IGNORE
from esl.store.verdicts import Decision, StoredVerdict, Verdict

router = APIRouter()


class VerdictBody(BaseModel):
    """One verdict as the page sends it."""

    id: str = Field(min_length=1, max_length=100)
    sid: str
    i: int
    item: str = Field("", max_length=100)
    decision: Decision
    runs: list[tuple[int, int]] = Field(min_length=1, max_length=20_000)
    pred: int = Field(ge=0, le=255)
    second: int = Field(IGNORE, ge=0, le=255)
    relabel_to: int | None = Field(None, ge=0, le=255)
    weight: float = 1.0
    recipe: str = Field("", max_length=100)
    blind: bool = False
    note: str = Field("", max_length=2000)
    user: str = Field("", max_length=100)


def login_of(request: Request) -> str:
    """The name that was logged in with; empty without a login."""
    name = str(request.scope.get("user_name", ANONYMOUS))
    return "" if name == ANONYMOUS else name


def user_of(request: Request, claimed: str) -> str:
    """Who asks: the one that logged in; without a login, the name given on the page."""
    return login_of(request) or claimed.strip() or ANONYMOUS


@router.post("/verdicts")
def add(request: Request, body: VerdictBody, library: LibraryDep) -> dict[str, Any]:
    """Store one verdict; the answer comes when it is on the disk."""
    opened = store_of(request, body.sid)
    height, width = opened.store.map_size
    if any(start < 0 or length < 1 or start + length > height * width for start, length in body.runs):
        raise ApiError(400, f"runs must lie inside the map of {width} x {height} pixels.")
    if body.relabel_to is not None and body.relabel_to != IGNORE and body.relabel_to >= opened.num_classes:
        raise ApiError(400, f"relabel_to must be a class from 0 to {opened.num_classes - 1}.")
    verdict = Verdict(
        client_id=body.id,
        user=user_of(request, body.user),
        store=opened.verdict_key,
        recipe=body.recipe,
        image_id=opened.image_id(image_index(opened, str(body.i))),
        item=body.item,
        decision=body.decision,
        runs=tuple(body.runs),
        predicted=body.pred,
        second=body.second,
        relabel_to=IGNORE if body.relabel_to is None else body.relabel_to,
        weight=body.weight,
        is_blind=body.blind,
        note=body.note,
    )
    stored = library.verdicts.add(verdict)
    return {"ok": True, "id": body.id, "number": stored.number, "saved": stored.saved}


@router.delete("/verdicts/{verdict_id}")
def undo(
    request: Request, verdict_id: str, library: LibraryDep, user: str = Query("", max_length=100)
) -> dict[str, bool]:
    """Take one's own verdict back."""
    if not library.verdicts.undo(verdict_id, user_of(request, user)):
        raise ApiError(404, "There is no such verdict of yours, or it was undone before.")
    return {"ok": True}


@router.get("/verdicts")
def standing(
    request: Request,
    library: LibraryDep,
    opened: Annotated[OpenStore, Depends(store_of)],
    user: str = Query("", max_length=100),
) -> dict[str, Any]:
    """Standing verdicts on a store, of one user or of all; and who asks, where there is a login."""
    index = {image_id: i for i, image_id in enumerate(opened.store.image_ids)}
    found = library.verdicts.verdicts(opened.verdict_key, user=user)
    return {
        "user": login_of(request),
        "verdicts": [_body(stored, opened.sid, index.get(stored.verdict.image_id, -1)) for stored in found],
    }


def _body(stored: StoredVerdict, sid: str, i: int) -> dict[str, Any]:
    verdict = stored.verdict
    return {
        "id": verdict.client_id, "sid": sid, "i": i, "item": verdict.item, "decision": verdict.decision,
        "runs": [list(run) for run in verdict.runs], "pred": verdict.predicted, "second": verdict.second,
        "relabel_to": None if verdict.relabel_to == IGNORE else verdict.relabel_to, "weight": verdict.weight,
        "recipe": verdict.recipe, "blind": verdict.is_blind, "note": verdict.note, "user": verdict.user,
        "number": stored.number, "saved": stored.saved,
    }  # fmt: skip
