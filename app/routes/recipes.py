"""Recipes: thresholds with a name and an id, which training and export take."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app.library import Library
from app.routes.answers import ApiError
from app.routes.lookup import LibraryDep, store_of
from esl.errors import DataError
from esl.labeling.thresholds import Criterion, Mode, ThresholdRule
from esl.store.recipes import Recipe, VerdictMask, list_recipes, load_recipe, save_recipe

router = APIRouter()


class MaskBody(BaseModel):
    """Whose verdicts are frozen into the recipe; an empty list means everybody's."""

    users: list[str] = Field(default_factory=list, max_length=100)
    sid: str = ""
    """The store that was judged; empty for the recipe's own, which may lend no more than its medians."""


class RecipeBody(BaseModel):
    """Body of `PUT /recipes`."""

    sid: str
    name: str = Field("", max_length=200)
    """What somebody typed. Empty: the recipe keeps the name that it has."""
    default_name: str = Field("", max_length=200)
    """For a recipe that has no name yet, where none was typed."""
    criterion: Criterion = "entropy"
    mu_star: float = 0.9
    nu_star: float = 0.1
    mode: Mode = "capped"
    mu_overrides: dict[int, float] = Field(default_factory=dict)
    nu_overrides: dict[int, float] = Field(default_factory=dict)
    verdict_mask: MaskBody | None = None


def read_recipe(library: Library, recipe_id: str) -> tuple[Recipe, VerdictMask | None]:
    """A saved recipe by id.

    Raises:
        ApiError: 404.
        DataError: its file is damaged.
    """
    for recipe in list_recipes(library.recipes_dir):  # looked up among the files that are there
        if recipe.id == recipe_id:
            return load_recipe(library.recipes_dir / f"{recipe.id}.json")
    raise ApiError(404, "There is no such recipe; it may have been deleted.")


@router.put("/recipes")
def put(request: Request, body: RecipeBody, library: LibraryDep) -> dict[str, Any]:
    """Save the thresholds; the same content has the same id, and keeps its name until another one is typed."""
    recipe, mask = _make(request, body, library)
    if not body.name:
        recipe = replace(recipe, name=_kept_name(library, recipe.id) or body.default_name)
    save_recipe(library.recipes_dir, recipe, mask)
    return _to_json(recipe, library, mask)


@router.put("/recipes/{recipe_id}")
def put_named(request: Request, recipe_id: str, body: RecipeBody, library: LibraryDep) -> dict[str, Any]:
    """The same, where the client says which id it expects."""
    recipe, _ = _make(request, body, library)
    if recipe.id != recipe_id:
        raise ApiError(400, f"A recipe's id is the hash of its content: this content is {recipe.id}.")
    return put(request, body, library)


@router.get("/recipes")
def all_recipes(request: Request, library: LibraryDep, sid: str = "") -> dict[str, Any]:
    """Saved recipes, newest first; those of one store, if named."""
    store_hash = store_of(request, sid).store.store_hash if sid else ""
    found = [r for r in list_recipes(library.recipes_dir) if not sid or r.store == store_hash]
    return {"recipes": [_listed(recipe, library) for recipe in found]}


@router.get("/recipes/{recipe_id}")
def one_recipe(recipe_id: str, library: LibraryDep) -> dict[str, Any]:
    """One recipe."""
    recipe, mask = read_recipe(library, recipe_id)
    return _to_json(recipe, library, mask)


def _kept_name(library: Library, recipe_id: str) -> str:
    return next((recipe.name for recipe in list_recipes(library.recipes_dir) if recipe.id == recipe_id), "")


def _make(request: Request, body: RecipeBody, library: Library) -> tuple[Recipe, VerdictMask | None]:
    opened = store_of(request, body.sid)
    opened.store.refresh()
    if not opened.store.is_complete:
        raise ApiError(409, "A recipe needs the medians of the whole set; wait until every image is extracted.")
    rule = ThresholdRule(
        mu_star=body.mu_star,
        nu_star=body.nu_star,
        mode=body.mode,
        mu_overrides=body.mu_overrides,
        nu_overrides=body.nu_overrides,
    )
    strange = [c for c in (*body.mu_overrides, *body.nu_overrides) if c >= opened.num_classes]
    if strange:
        raise DataError(f"Overrides must name classes 0 to {opened.num_classes - 1}; got {strange}.")
    mask = None
    if body.verdict_mask is not None:
        judged = store_of(request, body.verdict_mask.sid or body.sid)
        mask = VerdictMask.of(library.verdicts, judged.verdict_key, body.verdict_mask.users)
        if not mask.verdicts:
            who = " and ".join(body.verdict_mask.users) or "anybody"
            raise ApiError(
                409,
                f"A mask must have a verdict; there is none by {who} on this store. Judge something, or save without it.",
            )
    recipe = Recipe(
        store=opened.store.store_hash,
        criterion=body.criterion,
        rule=rule,
        mask="" if mask is None else mask.id,
        name=body.name,
        store_path=str(opened.store.directory),
    )
    return recipe, mask


def _listed(recipe: Recipe, library: Library) -> dict[str, Any]:
    try:
        _, mask = load_recipe(library.recipes_dir / f"{recipe.id}.json")
    except DataError:  # the list stays readable; an export or a training says what is wrong
        return _to_json(recipe, library, None) | {"num_verdicts": None}
    return _to_json(recipe, library, mask)


def _to_json(recipe: Recipe, library: Library, mask: VerdictMask | None) -> dict[str, Any]:
    """A recipe, and whose verdicts its mask holds, how many, on which store: what tells two of the same thresholds apart."""
    sid = next((s.sid for s in library.stores() if s.store.store_hash == recipe.store), "")
    rule = recipe.rule.to_json()
    verdicts = () if mask is None else mask.verdicts
    judged = {verdict.store for verdict in verdicts}
    return {
        "id": recipe.id,
        "name": recipe.name,
        "sid": sid,
        "criterion": recipe.criterion,
        **rule,
        "mask": recipe.mask,
        "num_verdicts": len(verdicts),
        "mask_users": sorted({verdict.user for verdict in verdicts}),
        "mask_sid": next((s.sid for s in library.stores() if s.verdict_key in judged), ""),
    }
