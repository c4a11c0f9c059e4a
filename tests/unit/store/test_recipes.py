"""A recipe is found by its content, travels with its mask, and says when something was changed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from esl.errors import ConfigError, DataError
from esl.labeling.thresholds import ThresholdRule
from esl.store.recipes import Recipe, VerdictMask, copy_recipe, list_recipes, load_recipe, save_recipe
from esl.store.verdicts import Verdict, VerdictBook

RECIPE = Recipe(store="ab" * 32, rule=ThresholdRule(nu_star=0.05, mode="fixed", nu_overrides={3: 0.2}))


def verdict(number: int, **changes: object) -> Verdict:
    whole = Verdict(
        client_id=f"c{number}",
        user="ann",
        store="s",
        image_id="a.png",
        decision="drop",
        runs=((number, 2),),
        predicted=1,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_a_recipe_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    path = save_recipe(tmp_path, RECIPE)
    assert path.name == f"{RECIPE.id}.json"
    assert load_recipe(path) == (RECIPE, None)


def test_the_id_depends_on_the_content_but_not_on_name_or_place() -> None:
    assert replace(RECIPE, name="thin poles", store_path="/somewhere").id == RECIPE.id
    others = [
        replace(RECIPE, store="cd" * 32),
        replace(RECIPE, criterion="max_prob"),
        replace(RECIPE, mask="x"),
        replace(RECIPE, rule=ThresholdRule(nu_star=0.05, mode="fixed", nu_overrides={3: 0.21})),
    ]
    assert len({RECIPE.id, *(other.id for other in others)}) == 5


def test_a_mask_freezes_standing_verdicts(tmp_path: Path) -> None:
    book = VerdictBook(tmp_path / "v.sqlite")
    for v in (verdict(0), verdict(4, user="bob"), verdict(8), verdict(12, decision="unsure"), verdict(16, store="t")):
        book.add(v)
    book.undo("c8", "ann")
    assert [v.client_id for v in VerdictMask.of(book, "s").verdicts] == ["c0", "c4"]
    assert [v.client_id for v in VerdictMask.of(book, "s", ["bob"]).verdicts] == ["c4"]


def test_a_mask_applies_to_its_image_alone() -> None:
    label = np.zeros((2, 8), np.uint8)
    mask = VerdictMask((verdict(3), verdict(9, decision="relabel", relabel_to=5), verdict(0, image_id="b.png")))
    got = mask.apply("a.png", label, label)
    assert got.reshape(-1).tolist() == [0, 0, 0, 255, 255, 0, 0, 0, 0, 5, 5, 0, 0, 0, 0, 0]


def test_a_copy_takes_the_mask_along(tmp_path: Path) -> None:
    mask = VerdictMask((verdict(3), verdict(9)))
    recipe = replace(RECIPE, mask=mask.id)
    copy = copy_recipe(save_recipe(tmp_path / "a", recipe, mask), tmp_path / "b")
    assert load_recipe(copy) == (recipe, mask)
    assert sorted(p.name for p in (tmp_path / "b").iterdir()) == sorted([f"{mask.id}.mask.json", f"{recipe.id}.json"])


def test_a_changed_or_missing_mask_is_refused(tmp_path: Path) -> None:
    mask = VerdictMask((verdict(3),))
    path = save_recipe(tmp_path, replace(RECIPE, mask=mask.id), mask)
    mask_path = tmp_path / f"{mask.id}.mask.json"
    value = json.loads(mask_path.read_text())
    value["verdicts"][0]["runs"] = [[0, 9]]
    mask_path.write_text(json.dumps(value))
    with pytest.raises(DataError, match="was changed"):
        load_recipe(path)
    mask_path.unlink()
    with pytest.raises(DataError, match=mask.id):
        load_recipe(path)
    with pytest.raises(ConfigError, match="mask"):
        save_recipe(tmp_path, replace(RECIPE, mask=mask.id))


@pytest.mark.parametrize("text", ["{}", "[]", '{"format": "esl-recipe", "version": 1, "rule": {}, "colour": 1}'])
def test_what_is_no_recipe_is_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(DataError, match=r"r\.json"):
        load_recipe(tmp_path / "r.json")


def test_recipes_are_listed_newest_first_and_masks_are_none(tmp_path: Path) -> None:
    mask = VerdictMask((verdict(3),))
    save_recipe(tmp_path, RECIPE)
    newer = replace(RECIPE, mask=mask.id)
    save_recipe(tmp_path, newer, mask)
    assert list_recipes(tmp_path) == [newer, RECIPE]


def test_a_criterion_must_be_known() -> None:
    with pytest.raises(ConfigError, match="criterion"):
        replace(RECIPE, criterion="margin")  # type: ignore[arg-type]
