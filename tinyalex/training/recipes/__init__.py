"""Recipes as files: settings for a data set, with the result, the command, the hardware and the time.

A recipe is a TOML file, in this folder or elsewhere:

    about = "…"                  one line for people
    model = "alexnet-small"      a model's name, perhaps with variations; absent: any
    data = "…"                   the pictures that it was made for, in words; absent: any
    start_from = "…"             the run that must be named to start from, in words; absent: none must
    [settings]                   entries of a `Config`; the model's own recipe has the rest
    [reached]                    the printed result; absent until a run is recorded
    command                      that ran it, beginning with tinyalex
    date, hardware               strings
    seeds                        of the runs; with several, errors are means over them
    minutes                      of one run's training
    top1_error, top5_error, ten_crop_top1_error              fractions
    [[without]]                  a run with one part of the recipe left out, beside the run that was reached
    part                         in words
    options                      added to the command
    top1_error, difference, low, high                        fractions, as `tinyalex compare` gives them
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from tinyalex.errors import UserError, did_you_mean
from tinyalex.models import DEFAULT_MODEL, find_model
from tinyalex.runs.config import SETTINGS, Config
from tinyalex.schema import each, like, number, optional, read_toml, record, text, whole
from tinyalex.training.idle import refuse_idle

FOLDER = Path(__file__).parent
NOT_SETTINGS = ("data", "model", "start_from", "seed")  # entries of a `Config` that [settings] may not have
WORD = r"""('[^']*'|"[^"\\]*"|[^\s'"\\])+"""  # of a command, quoted or not
COMMAND = like(f"tinyalex( {WORD})+", "a command of tinyalex, quoted as for a shell")
OPTIONS = like(f"--{WORD}( {WORD})*", "options, quoted as for a shell")
ERROR = number(0, 1)
REACHED = record(
    command=COMMAND,
    date=text(least=1),
    hardware=text(least=1),
    seeds=each(whole(), least=1),
    minutes=number(0),
    top1_error=ERROR,
    top5_error=ERROR,
    ten_crop_top1_error=ERROR,
    only=True,
)
SHARE = number(-1, 1)
ROUNDING = 0.001  # of errors in a file
WITHOUT = record(
    part=text(least=1), options=OPTIONS, top1_error=ERROR, difference=SHARE, low=SHARE, high=SHARE, only=True
)
RECIPE = record(
    about=text(least=1),
    model=optional(text(least=1)),
    data=optional(text(least=1)),
    start_from=optional(text(least=1)),
    settings=record({name: optional(kind) for name, kind in SETTINGS.items() if name not in NOT_SETTINGS}, only=True),
    reached=optional(REACHED),
    without=optional(each(WITHOUT)),
    only=True,
)


@dataclass(frozen=True)
class Recipe:
    """The entries of a recipe's file, and its name."""

    name: str
    about: str
    settings: dict
    model: str | None = None
    data: str | None = None
    start_from: str | None = None
    reached: dict = field(default_factory=dict)
    without: list = field(default_factory=list)


def recipe_names():
    """The recipes that come with tinyalex."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def find_recipe(name):
    """The `Recipe` of this name, or in this file if the name ends in .toml. UserError if it is missing or wrong."""
    own = str(name).endswith(".toml")
    if own and not os.path.exists(name):
        raise UserError(f"{name}: not found", "recipe")
    if not own and name not in recipe_names():
        near, names = did_you_mean(name, recipe_names()), ", ".join(recipe_names())
        raise UserError(f"found {name!r}{near}, expected {names} or a .toml file", "recipe")
    file = Path(name) if own else FOLDER / f"{name}.toml"
    try:
        recipe = Recipe(file.stem, **read_toml(file, RECIPE))
    except UserError as error:
        raise UserError(str(error), "recipe") from None
    try:
        model, start = find_model(recipe.model or DEFAULT_MODEL), recipe.start_from or ""
        config = Config.for_model(model, recipe.data or "builtin", **recipe.settings | {"start_from": start})
        if recipe.model:  # another model may have other defaults, such as more epochs
            refuse_idle(config, recipe.settings)
    except UserError as error:
        raise UserError(f"{name}: {error}", "recipe") from None
    _check_without(recipe, name)
    return recipe


def _check_without(recipe, name):
    """UserError for runs without a part that do not fit the run that was reached."""
    if recipe.without and not recipe.reached:
        raise UserError(
            f"{name}: found [[without]], expected [reached] too, which its runs are compared with", "recipe"
        )
    for run in recipe.without:
        difference, low, high = (run[key] for key in ("difference", "low", "high"))
        expected = run["top1_error"] - recipe.reached["top1_error"]
        if abs(difference - expected) > ROUNDING or not low <= difference <= high:
            found = f"without {run['part']}: found the difference {difference:g}, {low:g} to {high:g}"
            raise UserError(f"{name}: {found}, expected {expected:.3g}, inside its interval", "recipe")
