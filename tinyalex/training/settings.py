"""The settings of a new run: what was given, then what the recipe says, then the model's own."""

from dataclasses import fields
from typing import Any

from tinyalex.errors import UserError, did_you_mean
from tinyalex.models import DEFAULT_MODEL, find_model, in_towers
from tinyalex.runs.config import Config
from tinyalex.training.idle import refuse_idle
from tinyalex.training.recipes import find_recipe

SETTINGS = {field.name: field.type for field in fields(Config) if field.name not in ("data", "model")}
BUILTIN_EPOCHS = 15  # enough for the built-in pictures; other data use the model's own number


def choose_settings(
    data: str | None = None, model: str | None = None, recipe: str | None = None, towers: bool = False, **given: Any
) -> Config:
    """The `Config` of a new run; None means that something was not given.

    data: "builtin" (the default), or a prepared folder;  model: a name (`tinyalex.models`)
    recipe: a name or a .toml file (`tinyalex.training.recipes`);  towers: as two GPUs of 2012 computed the model
    given: fields of `Config`
    UserError for an unknown name, and for a value of the wrong type or out of range.
    """
    for name, value in given.items():
        _check(name, value)
    found = find_recipe(recipe) if recipe else None
    if found and not data:
        raise UserError(
            f"{recipe} was made for {found.data}; name the folder with those pictures, or others deliberately", "data"
        )
    net, data = find_model(model or (found.model if found else DEFAULT_MODEL)), data or "builtin"
    chosen = (found.settings if found else {}) | {name: value for name, value in given.items() if value is not None}
    if data == "builtin" and "epochs" not in chosen and net.name == DEFAULT_MODEL:
        chosen["epochs"] = BUILTIN_EPOCHS
    config = Config.for_model(in_towers(net) if towers else net, data, **chosen)
    refuse_idle(config, [name for name, value in given.items() if value is not None])
    return config


def _check(name, value):
    """UserError unless `name` is a setting, and `value` None or of its type."""
    if name not in SETTINGS:
        near = did_you_mean(name, SETTINGS)
        raise UserError(f"there is no such setting{near}; expected some of {', '.join(SETTINGS)}", name)
    kind = SETTINGS[name]
    if value is not None and type(value) is not kind and not (kind is float and type(value) is int):
        expected = {str: "text", float: "a number", int: "a whole number", bool: "True or False"}[kind]
        raise UserError(f"found {value!r}, expected {expected}", name)
