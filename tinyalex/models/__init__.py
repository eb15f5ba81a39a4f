"""The networks, as short lists of layers, and what each expects of its pictures.

A name may carry variations, such as "alexnet-small+no-lrn" (see `tinyalex.variations`): that is a model like any other.
"""

from dataclasses import replace

from tinyalex.errors import UserError, did_you_mean
from tinyalex.models.alexnet import ALEXNETS
from tinyalex.models.model import Model
from tinyalex.models.resnet import RESNETS
from tinyalex.models.vgg import VGGS
from tinyalex.variations import NUMBERED, VARIATIONS, Variation, find_variation, listed_variations

MODELS = {model.name: model for model in (*ALEXNETS, *VGGS, *RESNETS)}

DEFAULT_MODEL = "alexnet-small"


def find_model(name: str, argument: str = "model", recorded: bool = False) -> Model:
    """The model of that name, such as "alexnet-small" or "alexnet-small+no-lrn+pool-2".

    UserError, with the nearest name, if there is none. argument: what the name was given as, for the message
    recorded: whether the name is a run's; in older ones, variations may stand together that are refused now
    """
    base, *names = name.split("+")
    if base not in MODELS:
        raise UserError(
            f"there is no {base!r}{did_you_mean(base, MODELS)}; expected one of {', '.join(MODELS)}", argument
        )
    model = replace(MODELS[base], name=name, variations=(*MODELS[base].variations, *names))
    chosen: dict[str, Variation] = {}
    for variation in model.variations:
        found = find_variation(variation, model.family)
        if found is None:
            raise UserError(f"{name}: {base} has no variation {variation!r}{_instead(variation, model)}", argument)
        if variation in chosen:
            raise UserError(f"{name}: {variation!r} comes twice, expected once", argument)
        for other, its in chosen.items():
            if not recorded and (its.rules_out(variation, found) or found.rules_out(other, its)):
                raise UserError(f"{name}: found +{other} and +{variation}, expected one of them", argument)
        chosen[variation] = found
    return model


def _instead(variation, model):
    """Words for what could be meant by a variation that the model does not have."""
    known = [name for name, (_, families) in listed_variations().items() if model.family in families]
    numbers = {f"{name}-N": kind.numbers for name, kind in NUMBERED.items() if model.family in kind.families}
    near = [] if f"{variation.partition('-')[0]}-N" in numbers else [name for name in known if name not in numbers]
    nearest = did_you_mean(variation, near, prefix="+")
    where = "".join(f"; N of {name} is {expected}" for name, expected in numbers.items())
    return f"{nearest}; expected some of +{', +'.join(known)}{where}"


def in_towers(model: Model) -> Model:
    """The model as two GPUs of 2012 computed it, which did not meet where responses are normalised (paper §3.2)."""
    without = (name for name, variation in VARIATIONS.items() if "two-towers" in variation.removes)
    apart = {"two-towers", *without} & set(model.variations)
    return model if apart or model.family != "alexnet" else find_model(f"{model.name}+two-towers")
