"""The settings of a new run: what was given, then what the recipe says, then the model's own."""

from dataclasses import fields
from os import PathLike, fspath
from reprlib import repr as in_short
from typing import Any, get_args

import numpy as np

from tinyalex.errors import UserError
from tinyalex.models import DEFAULT_MODEL, MODELS, find_model, in_towers
from tinyalex.runs.config import Config
from tinyalex.runs.trained import model_of_run
from tinyalex.schema import is_writable
from tinyalex.training.idle import refuse_idle
from tinyalex.training.recipes import find_recipe

SETTINGS = {field.name: field.type for field in fields(Config) if field.name not in ("data", "model", "network")}
WORDS = {PathLike: "a path", str: "text", float: "a number", int: "a whole number", bool: "True or False"}
BUILTIN_EPOCHS = 15  # enough for the built-in pictures; other data use the model's own number


def choose_settings(
    data: str | None = None, model: str | None = None, recipe: str | None = None, towers: bool = False, **given: Any
) -> Config:
    """The `Config` of a new run; None means that something was not given.

    data: "builtin" (the default), or a prepared folder;  model: a name (`tinyalex.models`)
    recipe: a name or a .toml file (`tinyalex.training.recipes`);  towers: as two GPUs of 2012 computed the model
    given: fields of `Config`
    UserError for an unknown model or recipe, and for a value of the wrong type or out of range.
    """
    given = {name: of_kind(name, value, SETTINGS[name]) for name, value in given.items() if value is not None}
    found = find_recipe(recipe) if recipe else None
    if found and found.data and not data:
        raise UserError(
            f"{recipe} was made for {found.data}; name the folder with those pictures, or others deliberately", "data"
        )
    if found and found.start_from and not given.get("start_from"):
        raise UserError(f"{recipe} was made for {found.start_from}; name its run", "start_from")
    chosen = (found.settings if found else {}) | given
    net, data = _model(model or (found.model if found else None), chosen.get("start_from")), data or "builtin"
    if data == "builtin" and "epochs" not in chosen and net.name.partition("+")[0] == DEFAULT_MODEL:
        chosen["epochs"] = BUILTIN_EPOCHS
    config = Config.for_model(in_towers(net) if towers else net, data, **chosen)
    refuse_idle(config, list(given))
    if (
        found and not found.model
    ):  # the others were judged beside their own model; what was given may change their sense
        refuse_idle(Config.for_model(net, data, **chosen | found.settings), found.settings)
    return config


def _model(name, start_from):
    """The model of that name; without one, or where it has the same name, that of the run to start from."""
    if start_from and (name is None or name not in MODELS):
        try:
            found = model_of_run(start_from)
        except UserError as error:
            raise UserError(str(error), "start_from") from None
        if name in (None, found.name):
            return found
    return find_model(name or DEFAULT_MODEL)


def of_kind(name: str, value: Any, kind: Any) -> Any:
    """An argument's value: of NumPy's numbers a plain one, of a path its text.

    UserError unless it is of a kind such as `int | None`. A whole number is a number too; True and False are none.
    """
    value = value.item() if isinstance(value, np.generic) else fspath(value) if isinstance(value, PathLike) else value
    kinds = {*(get_args(kind) or (kind,))}
    if float in kinds:
        kinds.add(int)
    if not isinstance(value, tuple(kinds)) or isinstance(value, bool) and bool not in kinds:
        expected = next(words for one, words in WORDS.items() if one in kinds)
        raise UserError(f"found {' '.join(in_short(value).split())}, expected {expected}", name)
    if isinstance(value, str) and not is_writable(value):
        raise UserError(f"found {in_short(value)}, expected no NUL character and no half of a letter", name)
    return value
