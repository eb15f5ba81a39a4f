"""Recipes as files: settings for a data set, with the result, the command, the hardware and the time.

A recipe is a TOML file, in this folder or elsewhere:

    about = "…"                  one line for people
    model = "alexnet-small"      a model's name, perhaps with variations
    data = "…"                   the pictures that it was made for, in words
    [settings]                   entries of a `Config`; the model's own recipe has the rest
    [reached]                    the printed result; absent until the recipe has been run
    command, date, hardware      strings
    minutes, top1_error, top5_error, ten_crop_top1_error      numbers; errors are fractions
"""

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path

from tinyalex.errors import UserError
from tinyalex.models import find_model
from tinyalex.runs.config import Config
from tinyalex.training.idle import refuse_idle

FOLDER = Path(__file__).parent
KEYS = ("about", "model", "data", "settings", "reached")
NOT_SETTINGS = ("data", "model", "start_from", "seed")  # entries of a `Config` that [settings] may not have


@dataclass(frozen=True)
class Recipe:
    """The entries of a recipe's file, and its name."""

    name: str
    about: str
    model: str
    data: str
    settings: dict
    reached: dict = field(default_factory=dict)


def recipe_names():
    """The recipes that come with tinyalex."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def find_recipe(name):
    """The `Recipe` of this name, or in this file if the name ends in .toml. UserError if it is missing or wrong."""
    file = Path(name) if str(name).endswith(".toml") else FOLDER / f"{name}.toml"
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"found {name!r}, expected {', '.join(recipe_names())} or a .toml file", "recipe") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{name} is not readable as TOML ({error})", "recipe") from None
    _check(name, entries)
    recipe = Recipe(file.stem, **entries)
    try:
        refuse_idle(Config.for_model(find_model(recipe.model), recipe.data, **recipe.settings), recipe.settings)
    except UserError as error:
        raise UserError(f"{name}: {error}", "recipe") from None
    return recipe


def _check(name, entries):
    """UserError unless the keys are right, and the settings are known and of the right type."""
    if entries.keys() - set(KEYS) or {"about", "model", "data", "settings"} - entries.keys():
        found = ", ".join(entries) or "nothing"
        raise UserError(f"{name} holds {found}; expected {', '.join(KEYS)} ([reached] may be absent)", "recipe")
    for key in ("about", "model", "data"):
        if not isinstance(entries[key], str):
            raise UserError(f"{name}: {key} is {entries[key]!r}, expected text", "recipe")
    for key in ("settings", "reached"):
        if not isinstance(entries.get(key, {}), dict):
            raise UserError(f"{name}: {key} is {entries[key]!r}, expected a table [{key}]", "recipe")
    kinds = {field.name: field.type for field in fields(Config) if field.name not in NOT_SETTINGS}
    for key, value in entries["settings"].items():
        if key not in kinds:
            raise UserError(f"{name}: [settings] has {key!r}, expected some of {', '.join(kinds)}", "recipe")
        if type(value) is not kinds[key] and not (kinds[key] is float and type(value) is int):
            raise UserError(f"{name}: {key} is {value!r}, expected {kinds[key].__name__}", "recipe")
