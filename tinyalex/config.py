"""All that a training run was asked to do, in one frozen record that is written beside its weights."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tinyalex.errors import UserError


@dataclass(frozen=True)
class Config:
    """What decides a run's numbers; the same config, data and versions give the same weights on the same CPU.

    data: "builtin" or a prepared folder;  model: a name in `tinyalex.models`
    epochs, batch (pictures a step), lr, schedule (see `tinyalex.optim.Schedule`), momentum, weight_decay: the update
    bias_lr: factor on lr for biases;  bias_decay: whether biases decay (2012 source: 2, no; the paper does not say)
    init: "paper" or "he";  crops, mirror, color: parts of the augmentation;  seed: of every random stream
    """

    data: str
    model: str
    epochs: int
    batch: int
    lr: float
    schedule: str
    momentum: float
    weight_decay: float
    bias_lr: float
    bias_decay: bool
    init: str
    crops: bool
    mirror: bool
    color: bool
    seed: int

    def __post_init__(self):
        self._expect("epochs", self.epochs >= 1, "1 or more")
        self._expect("batch", self.batch >= 1, "1 or more")
        self._expect("lr", 0 < self.lr < 1e6, "a positive number below 1e6")
        self._expect("momentum", 0 <= self.momentum < 1, "0 ≤ momentum < 1")
        self._expect("weight_decay", 0 <= self.weight_decay < 1e6, "0 or more")
        self._expect("bias_lr", 0 <= self.bias_lr < 1e6, "0 or more")
        self._expect("seed", self.seed >= 0, "0 or more")

    def _expect(self, name, condition, expected):
        if not condition:
            raise UserError(f"--{name.replace('_', '-')}: found {getattr(self, name)}, expected {expected}")

    @classmethod
    def for_model(cls, model, data, **chosen):
        """The settings that `model` (a `Model`) is known to train well with, except where `chosen` says otherwise."""
        defaults = dict(
            data=data, model=model.name, epochs=model.epochs, batch=model.batch, lr=model.lr, schedule="cosine:1",
            momentum=0.9, weight_decay=0.0005, bias_lr=1.0, bias_decay=True, init=model.init,
            crops=True, mirror=True, color=True, seed=0,
        )  # fmt: skip
        return cls(**(defaults | {key: value for key, value in chosen.items() if value is not None}))

    @classmethod
    def from_dict(cls, values, where):
        """The config that `asdict` wrote; UserError for a key that is missing or unknown."""
        names = {field.name for field in fields(cls)}
        if values.keys() != names:
            differ = ", ".join(sorted(values.keys() ^ names))
            raise UserError(f"{where}: config keys differ from this version's: {differ}")
        for field in fields(cls):
            value = values[field.name]
            if type(value) is not field.type and not (field.type is float and type(value) is int):
                raise UserError(f"{where}: {field.name} is {value!r}, expected {field.type.__name__}")
        return cls(**values)

    def to_dict(self):
        return asdict(self)


def read_json(path):
    """The JSON value in a file; UserError naming the file if it is missing or not JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not found") from None
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: not a JSON file ({error})") from None
