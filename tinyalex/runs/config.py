"""All settings of a training run, in one frozen record that is saved with its weights."""

from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from tinyalex.errors import LARGEST, UserError, as_typed
from tinyalex.models import find_model, written
from tinyalex.models.model import Model
from tinyalex.schema import Kind, judge, number, optional, or_null, record, text, truth, whole

MOST_SEED = 2**64  # in runs of earlier versions


@dataclass(frozen=True)
class Config:
    """The settings of a run. The same config, data and versions give the same weights on the same CPU.

    data: "builtin", a prepared folder, or a part of one (see `tinyalex.data.part`);  model: a name (`tinyalex.models`)
    network: how a model that has no name here is built (see `tinyalex.models.written`); None for those that have
    start_from: the run or checkpoint whose weights this one starts with; "": none
    start_up_to: the last layer that does so, where those behind it begin anew; "": all do, but a head of other classes
    freeze: the layers up to this one stay as they are (see `tinyalex.training.freezing`); "": none do
    thaw: from this epoch on (counted from 0) they learn too; 0: never
    epochs;  batch: pictures per step;  lr, momentum, weight_decay: of the update
    schedule: the rate over the run;  layer_lr: factors for single layers (see `tinyalex.training.schedules`)
    head_lr: factor on lr for the last layer
    bias_lr: factor on lr for biases;  bias_decay: whether biases decay (2012 source: 2, no; the paper does not say)
    init: "paper", "source" or "he";  bias_init: the first biases of the layers that the paper names (the paper's: 1)
    crops, mirror, `color`: whether to use these parts of the augmentation
    color_epochs: stop colour shifts after this many epochs; 0: never
    crop_run: how many consecutive pictures share one crop and mirroring (2012 source: 32)
    until_error: stop once an epoch's training error is at most this; 0: after the last epoch
    patience: stop after this many epochs without a lower top-1 validation error; 0: after the last epoch
    mixup, cutmix: α of two ways to mix pictures (see `tinyalex.data.mixing.draw_mix`); 0: off. train_loss is then the
        loss of mixed labels, and train_top1_error counts answers other than the class with the larger share
    ema: decay of an average of the weights (see `tinyalex.training.average`), which is what is validated and saved; 0:
        none
    label_smoothing: the share of every target that is spread over all classes; train_loss is the loss with it (val_loss
        is plain)
    tf32: on a GPU, products may round their factors to 10 bits of mantissa (see `tinyalex.backend.allow_tf32`)
    seed: of all random streams
    """

    data: str
    model: str
    start_from: str
    epochs: int
    batch: int
    lr: float
    schedule: str
    momentum: float
    weight_decay: float
    layer_lr: str
    bias_lr: float
    bias_decay: bool
    init: str
    bias_init: float
    crops: bool
    mirror: bool
    color: bool
    color_epochs: int
    crop_run: int
    until_error: float
    patience: int
    seed: int
    network: dict[str, Any] | None = None
    start_up_to: str = ""
    freeze: str = ""
    thaw: int = 0
    head_lr: float = 1.0
    tf32: bool = True
    label_smoothing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    ema: float = 0.0

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            most = MOST_SEED if field.name == "seed" else LARGEST
            if isinstance(value, int) and abs(value) > most:
                raise UserError(f"found a larger number, expected at most {most:,}", field.name)
        self._expect("epochs", self.epochs >= 1, "1 or more")
        self._expect("batch", self.batch >= 1, "1 or more")
        self._expect("lr", 0 < self.lr < 1e6, "a positive number below 1e6")
        self._expect("momentum", 0 <= self.momentum < 1, "0 ≤ momentum < 1")
        self._expect("weight_decay", 0 <= self.weight_decay < 1e6, "0 or more, below 1e6")
        self._expect("thaw", self.thaw >= 0, "0 (never) or more")
        self._expect("head_lr", 0 <= self.head_lr < 1e6, "0 or more, below 1e6")
        self._expect("mixup", 0 <= self.mixup < 1e6, "0 (off) or more, below 1e6")
        self._expect("cutmix", 0 <= self.cutmix < 1e6, "0 (off) or more, below 1e6")
        self._expect("ema", 0 <= self.ema < 1, "0 (no average) or a fraction below 1")
        self._expect("label_smoothing", 0 <= self.label_smoothing < 1, "0 (off) or a fraction below 1")
        self._expect("bias_lr", 0 <= self.bias_lr < 1e6, "0 or more, below 1e6")
        self._expect("bias_init", abs(self.bias_init) < 1e6, "a number between -1e6 and 1e6")
        self._expect("color_epochs", self.color_epochs >= 0, "0 (never stop) or more")
        self._expect("crop_run", self.crop_run >= 1, "1 or more")
        self._expect("until_error", 0 <= self.until_error < 1, "0 (do not stop early) or a fraction below 1")
        self._expect("patience", self.patience >= 0, "0 (do not stop early) or more")
        self._expect("seed", self.seed >= 0, "0 or more")

    def _expect(self, name, condition, expected):
        if not condition:
            raise UserError(f"found {as_typed(getattr(self, name))}, expected {expected}", name)

    @classmethod
    def for_model(cls, model, data, **chosen):
        """The settings of a `Model`'s own recipe, except those in `chosen`. None in `chosen` means the recipe's."""
        defaults = dict(
            data=data,
            model=model.name,
            start_from="",
            epochs=model.epochs,
            batch=model.batch,
            lr=model.lr,
            schedule="cosine:1",
            momentum=0.9,
            weight_decay=0.0005,
            layer_lr="",
            bias_lr=1.0,
            bias_decay=True,
            init=model.init,
            crops=True,
            mirror=True,
            color=True,
            color_epochs=0,
            crop_run=1,
            until_error=0.0,
            patience=0,
            seed=0,
        )
        settings = defaults | model.recipe | {key: value for key, value in chosen.items() if value is not None}
        if isinstance(model, written.Written):
            settings["network"] = model.values
        settings.setdefault("bias_init", 0.0 if settings["init"] == "he" else 1.0)
        return cls(**settings)

    @classmethod
    def from_dict(cls, values, where):
        """The config from `to_dict`. UserError for a missing or unknown key, or a wrong value."""
        judge(values, record(SETTINGS, only=True), where)
        try:
            return cls(**LATER | values)
        except UserError as error:
            raise UserError(f"{where}: {error}") from None

    def to_dict(self):
        return asdict(self)

    def find_model(self) -> Model:
        """The model of the run. UserError if there is none of its name, or its network cannot be built."""
        return model_of(self.model, self.network)


def model_of(name: str, network: dict[str, Any] | None, argument: str = "model") -> Model:
    """The model that a config names. argument: as of `find_model`"""
    return find_model(name, argument, recorded=True) if network is None else written.read(network, name)


# what earlier versions did that did not have these settings
LATER = {field.name: field.default for field in fields(Config) if field.default is not MISSING}
LATER |= {"patience": 0, "tf32": False}
_KINDS: dict[Any, Kind] = {  # of a field's type
    **{bool: truth, int: whole(0, LARGEST), float: number(), str: text()},
    dict[str, Any] | None: or_null(written.NETWORK),
}
SETTINGS = {field.name: _KINDS[field.type] for field in fields(Config)}  # of each setting, in files and recipes
SETTINGS["seed"] = whole(0, MOST_SEED)
SETTINGS |= {name: optional(SETTINGS[name]) for name in LATER}
CONFIG = record(SETTINGS)  # a config that a file records; a newer version's may have more
