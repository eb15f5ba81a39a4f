"""Settings that would change nothing in a run: refused when they are asked for, so that nobody waits for an effect."""

from collections.abc import Collection, Iterator

from tinyalex.composite import layer_of
from tinyalex.errors import UserError
from tinyalex.optim import LAYERS_WITH_BIAS_ONE
from tinyalex.runs.config import Config
from tinyalex.training.freezing import freeze, head_of
from tinyalex.training.schedules import Schedule


def refuse_idle(config: Config, given: Collection[str]) -> None:
    """UserError for a setting among those `given` that cannot have an effect, alone or beside the others of `config`.

    The defaults of a model are not judged: they are made for its own number of epochs.
    """
    for name, expected in (*_schedule(config), *_ends(config), *_pictures(config), *_layers(config)):
        if name in given:
            raise UserError(f"found {getattr(config, name)!r}, expected {expected}", name)


def _schedule(config) -> Iterator[tuple[str, str]]:
    schedule, epochs = Schedule(config.schedule, config.lr, config.epochs), config.epochs
    numbers = schedule.numbers
    if schedule.kind == "steps" and not (0 < numbers[0] and numbers == sorted(set(numbers)) and numbers[-1] < epochs):
        yield "schedule", f"ascending epochs, above 0 and below the {epochs} of the run"
    if schedule.kind == "cosine" and numbers and numbers[0] > max(1, epochs / 2):
        yield "schedule", "a warm-up of at most half of the run"
    if schedule.kind == "plateau":
        yield from _waits("schedule", schedule.patience, epochs)


def _ends(config):
    schedule = Schedule(config.schedule, config.lr, config.epochs)
    if config.patience:
        yield from _waits("patience", config.patience, config.epochs)
        if schedule.kind == "plateau" and config.patience <= schedule.patience:
            yield "patience", f"more than the {schedule.patience:g} epochs after which the plateau lowers the rate"
            yield "schedule", f"a plateau of fewer epochs than the patience, {config.patience}"


def _waits(name, patience, epochs):
    """The first epoch is always the best so far, so waiting can end only after `patience` more, and before the last."""
    if patience > epochs - 2:
        yield (
            name,
            f"at most {epochs - 2} epochs without a better one in a run of {epochs}"
            if epochs > 2
            else (f"a run of more epochs than {epochs}"),
        )


def _pictures(config):
    if config.color_epochs and not config.color:
        yield "color_epochs", "colour shifts to stop, but there are none"
    if config.color_epochs >= config.epochs:
        yield "color_epochs", f"fewer than the {config.epochs} epochs of the run"
    if config.crop_run > 1 and not (config.crops or config.mirror):
        yield "crop_run", "crops or mirror images to share, but there are none"
    for name in ("mixup", "cutmix"):
        if getattr(config, name) and config.batch == 1:
            yield name, "batches of two pictures or more, to mix"
    if config.crop_run > config.batch:
        yield "crop_run", f"at most the {config.batch} pictures of a batch"


def _layers(config):
    if config.start_up_to and not config.start_from:
        yield "start_up_to", "a run to start from as well"
    if config.weight_decay == 0:
        yield "bias_decay", "a weight decay above 0, which biases could be left out of"
    if config.start_from and not config.start_up_to:
        yield "bias_init", "hidden layers to draw, such as those behind start_up_to"
    if config.thaw and not config.freeze:
        yield "thaw", "layers to thaw, but none are frozen"
    if config.thaw >= config.epochs:
        yield "thaw", f"fewer than the {config.epochs} epochs of the run"
    if config.freeze and config.thaw >= config.epochs:
        yield "epochs", f"more than {config.thaw}, after which frozen layers learn"
    if "resnet" in config.find_model().family:
        yield "bias_init", f"a network with one of {', '.join(LAYERS_WITH_BIAS_ONE)}"
    changes = [change.split(":") for change in config.layer_lr.split(",") if change]
    places = [tuple(change[:2]) for change in changes]
    if not all(len(change) == 3 and change[1].isdecimal() for change in changes):
        yield "layer_lr", "LAYER:EPOCH:FACTOR, or several with commas"
    elif any(float(epoch) >= config.epochs for _, epoch in places):
        yield "layer_lr", f"epochs from 0, below the {config.epochs} of the run"
    if len(set(places)) < len(places):
        yield "layer_lr", "one factor for a layer from an epoch on"
    if config.freeze and not config.thaw and (changes or config.head_lr != 1):
        network = config.find_model().build(2)
        fixed = freeze(network, config.freeze)
        learning = {layer_of(name) for name in network.params if name not in fixed}
        if config.head_lr != 1 and learning == set(map(layer_of, head_of(network))):
            yield "head_lr", "1, since only the last layer learns: set its rate with lr"
        if any(layer_of(name) in {layer for layer, *_ in changes} for name in fixed):
            yield "layer_lr", f"layers behind {config.freeze}, which learn"
