"""The networks, as short lists of layers, and what each expects of its pictures.

A name may carry variations, such as "alexnet-small+no-lrn" (see `tinyalex.variations`): that is a model like any other.
"""

from dataclasses import replace

from tinyalex.errors import UserError, did_you_mean
from tinyalex.models.alexnet import ALEXNETS
from tinyalex.models.model import Model
from tinyalex.models.resnet import RESNETS
from tinyalex.models.vgg import VGGS
from tinyalex.variations import find_variation, variations_of

MODELS = {model.name: model for model in (*ALEXNETS, *VGGS, *RESNETS)}

DEFAULT_MODEL = "alexnet-small"


def find_model(name: str, argument: str = "model") -> Model:
    """The model of that name, such as "alexnet-small" or "alexnet-small+no-lrn+pool-2".

    UserError, with the nearest name, if there is none. argument: what the name was given as, for the message
    """
    base, *names = name.split("+")
    if base not in MODELS:
        raise UserError(
            f"there is no {base!r}{did_you_mean(base, MODELS)}; expected one of {', '.join(MODELS)}", argument
        )
    variations = (*MODELS[base].variations, *names)
    known = variations_of(MODELS[base].family)
    for variation in variations:
        expected = f"expected some of +{', +'.join(known)}"
        if find_variation(variation, MODELS[base].family) is None:
            nearest = did_you_mean(variation, known, prefix="+")
            raise UserError(f"{name}: {base} has no variation {variation!r}{nearest}; {expected}", argument)
        if variations.count(variation) > 1 or len([v for v in variations if v.startswith("depth-")]) > 1:
            raise UserError(f"{name}: {variation!r} comes twice; {expected}", argument)
    return replace(MODELS[base], name=name, variations=variations)


def in_towers(model: Model) -> Model:
    """The model as two GPUs of 2012 computed it, which did not meet where responses are normalised (paper §3.2)."""
    apart = {"two-towers", "no-lrn", "four-layer"} & set(model.variations)
    return model if apart else find_model(f"{model.name}+two-towers")
