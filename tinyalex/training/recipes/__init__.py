"""Recipes as files: settings that reached something, with what they reached, the command, the hardware and the time.

A recipe is a TOML file in this folder, or anywhere:

    about = "…"                  one line for people
    model = "alexnet-small"      a model's name, with variations if need be
    data = "…"                   in words: which pictures it is for
    [settings]                   of a `Config`; what is not named is the model's
    [reached]                    what the command printed; absent while nobody has run it
    command, date, hardware      strings;  minutes, top1_error, top5_error, ten_crop_top1_error: numbers, errors as fractions
"""

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path

from tinyalex.errors import UserError
from tinyalex.runs.config import Config

FOLDER = Path(__file__).parent
KEYS = ("about", "model", "data", "settings", "reached")
NOT_SETTINGS = ("data", "model", "start_from", "seed")  # of a `Config`: said elsewhere, or for a run to choose


@dataclass(frozen=True)
class Recipe:
    """A recipe by name: the file's entries."""

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
    """The `Recipe` of a name, or in a file whose name ends in .toml. UserError for what is not one."""
    file = Path(name) if str(name).endswith(".toml") else FOLDER / f"{name}.toml"
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"--recipe: there is no {name!r}, expected {', '.join(recipe_names())} or a .toml file"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"--recipe {name}: not readable as TOML ({error})") from None
    _check(name, entries)
    return Recipe(file.stem, **entries)


def _check(name, entries):
    """UserError unless a recipe has the keys that it should, and settings that there are, of their own kind."""
    if entries.keys() - set(KEYS) or {"about", "model", "data", "settings"} - entries.keys():
        raise UserError(
            f"--recipe {name}: holds {', '.join(entries) or 'nothing'}; expected {', '.join(KEYS)} ([reached] may be absent)"
        )
    for key in ("about", "model", "data"):
        if not isinstance(entries[key], str):
            raise UserError(f"--recipe {name}: {key} is {entries[key]!r}, expected text")
    for key in ("settings", "reached"):
        if not isinstance(entries.get(key, {}), dict):
            raise UserError(f"--recipe {name}: {key} is {entries[key]!r}, expected a table [{key}]")
    kinds = {field.name: field.type for field in fields(Config) if field.name not in NOT_SETTINGS}
    for key, value in entries["settings"].items():
        if key not in kinds:
            raise UserError(f"--recipe {name}: [settings] has {key!r}, expected some of {', '.join(kinds)}")
        if type(value) is not kinds[key] and not (kinds[key] is float and type(value) is int):
            raise UserError(f"--recipe {name}: {key} is {value!r}, expected {kinds[key].__name__}")
