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

from tinyalex.errors import UserError
from tinyalex.models import DEFAULT_MODEL, find_model
from tinyalex.runs.config import SETTINGS, Config
from tinyalex.schema import each, like, number, optional, read_toml, record, text, whole
from tinyalex.training.idle import refuse_idle

FOLDER = Path(__file__).parent
NOT_SETTINGS = ("data", "model", "start_from", "seed")  # entries of a `Config` that [settings] may not have
COMMAND = like(r"""tinyalex( ('[^']*'|"[^"\\]*"|[^\s'"\\])+)+""", "a command of tinyalex, quoted as for a shell")
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
WITHOUT = record(
    part=text(least=1), options=text(least=1), top1_error=ERROR, difference=SHARE, low=SHARE, high=SHARE, only=True
)
RECIPE = record(
    about=text(),
    model=optional(text()),
    data=optional(text()),
    start_from=optional(text()),
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
        raise UserError(f"found {name!r}, expected {', '.join(recipe_names())} or a .toml file", "recipe")
    file = Path(name) if own else FOLDER / f"{name}.toml"
    try:
        recipe = Recipe(file.stem, **read_toml(file, RECIPE))
    except UserError as error:
        raise UserError(str(error), "recipe") from None
    try:
        model = find_model(recipe.model or DEFAULT_MODEL)
        refuse_idle(Config.for_model(model, recipe.data or "builtin", **recipe.settings), recipe.settings)
    except UserError as error:
        raise UserError(f"{name}: {error}", "recipe") from None
    if recipe.without and not recipe.reached:
        raise UserError(
            f"{name}: found [[without]], expected [reached] too, which its runs are compared with", "recipe"
        )
    return recipe
