"""The paper's claims, C1 to C14, and C15: does it matter that the source differs from the text?

"base" is the network of the scale with its recipe. Effects are "with" less "without", so that −1.4 means: 1.4 points fewer
errors with it.
"""

import difflib
import math

from tinyalex.errors import UserError
from tinyalex.experiments.plan import Arm, Claim, Contrast, Side
from tinyalex.experiments.trained import (
    early_loss,
    ensemble_error,
    epochs_to,
    epochs_to_converge,
    overfitting,
    ten_crop_error,
    top1,
    top5,
    training_error,
)

BASE = Arm()
NETS = 5  # that are averaged in C11


def _of(arm, quantity, label=None):
    """The side that is a number of one arm."""
    return Side(label or arm, lambda trained: quantity(trained[arm]))


def _points(what, quantity, a, b, paper=None, direction=-1):
    """A contrast of one error between two arms, each (arm's name, label), in percentage points."""
    return Contrast(what, "points", _of(a[0], quantity, a[1]), _of(b[0], quantity, b[1]), direction, paper)


def _errors(a, b, top1_points=None, top5_points=None):
    """What most claims say: the first of two arms, each (arm's name, label), makes fewer errors than the second."""
    return _points("top-1 error", top1, a, b, top1_points), _points("top-5 error", top5, a, b, top5_points)


# ---------------------------------------------------------------------------------------------- C1

# Each activation with the best of its rates, as the paper chose each one's by itself. Of 0.001, 0.003, 0.01, 0.03 and 0.1, on ten
# classes of Tiny ImageNet, 0.003 was the best for ReLU and 0.03 for tanh; the sigmoid gets there with none.
RATES = {"relu": (0.001, 0.003, 0.01), "tanh": (0.01, 0.03, 0.1), "sigmoid": (0.01, 0.03, 0.1)}
TO_ERROR = 0.25
REACHED = "epochs to 25 % training error, or all there were"
# "No regularization of any kind was employed" (§3.1, Fig. 1)
PLAIN = dict(schedule="constant", weight_decay=0.0, crops=False, mirror=False, color=False, until_error=TO_ERROR)
ACTIVATIONS = {"relu": "", "tanh": "+tanh", "sigmoid": "+sigmoid"}


def _activation_arms():
    return {
        f"{name} at {lr:g}": Arm("+four-layer" + variation, PLAIN | {"lr": lr}, "+200-a-class", share=0.75)
        for name, variation in ACTIVATIONS.items()
        for lr in RATES[name]
    }


def _epochs_to_error(activation):
    """Epochs to TO_ERROR at the best rate; where none gets there, all the epochs that it had."""

    def value(trained):
        arms = [trained[f"{activation} at {lr:g}"] for lr in RATES[activation]]
        epochs = min(epochs_to(arm, TO_ERROR) for arm in arms)
        had = [len(arm.history) for arm in arms if not arm.diverged]
        return max(had, default=math.nan) if math.isinf(epochs) else epochs

    return Side(activation, value)


# ---------------------------------------------------------------------------------------------- the others

FEW = "+second-half+25-a-class"
SHORT = 0.25  # of a run: the first stage of learning
NET_ARMS = {f"net {n + 1}": Arm(seed_shift=1000 * n) for n in range(NETS)}
MIDDLE = {"no conv3": "+no-conv3", "no conv4": "+no-conv4", "no conv5": "+no-conv5"}
SOURCE_BIASES = {"bias_lr": 2.0, "bias_decay": False}


def _mean(label, quantity, *arms):
    """The side that is the mean of a number over several arms."""
    return Side(label, lambda trained: sum(quantity(trained[arm]) for arm in arms) / len(arms))


def _averaged(k):
    return Side("five averaged", lambda trained: ensemble_error(list(trained.values()), k))


CLAIMS = {
    claim.id: claim
    for claim in (
        Claim(
            "C1",
            "relu",
            "ReLU learns several times faster than tanh",
            "6 times fewer epochs to 25 % training error, four-layer net on CIFAR-10 (§3.1, Fig. 1)",
            _activation_arms(),
            (
                Contrast(REACHED, "×", _epochs_to_error("tanh"), _epochs_to_error("relu"), 1, 6.0),
                Contrast(REACHED, "×", _epochs_to_error("sigmoid"), _epochs_to_error("relu"), 1),
            ),
        ),
        Claim(
            "C2",
            "two-towers",
            "Two towers make fewer errors than one column with half the kernels",
            "−1.7 / −1.2 points, top-1 / top-5 (§3.2)",
            {"base": BASE, "one column": Arm("+one-column")},
            _errors(("base", "two towers"), ("one column", "one column"), -1.7, -1.2),
        ),
        Claim(
            "C3",
            "lrn",
            "Local response normalisation lowers the error",
            "−1.4 / −1.2 points (§3.3)",
            {"base": BASE, "no LRN": Arm("+no-lrn")},
            _errors(("base", "LRN"), ("no LRN", "without LRN"), -1.4, -1.2),
        ),
        Claim(
            "C4",
            "overlap",
            "Overlapping pooling lowers the error, and overfits a little less",
            "−0.4 / −0.3 points; slightly more difficult to overfit (§3.4)",
            {"base": BASE, "2/2": Arm("+pool-2")},
            (
                *_errors(("base", "pooling 3/2"), ("2/2", "pooling 2/2"), -0.4, -0.3),
                _points("validation − training error", overfitting, ("base", "pooling 3/2"), ("2/2", "pooling 2/2")),
            ),
        ),
        Claim(
            "C5",
            "color",
            "Shifting colours along their principal components lowers the error",
            "over 1 point less top-1 (§4.1)",
            {"base": BASE, "no colour": Arm(settings={"color": False})},
            _errors(("base", "colour shifts"), ("no colour", "without colour shifts"), -1.0),
        ),
        Claim(
            "C6",
            "ten-crops",
            "Averaging ten crops lowers the error",
            "39.0 / 18.3 % on the centre crop, 37.5 / 17.0 % on ten (§4.1, §6)",
            {"base": BASE},
            (
                Contrast(
                    "top-1 error",
                    "points",
                    _of("base", ten_crop_error, "ten crops"),
                    _of("base", top1, "centre crop"),
                    -1,
                    -1.5,
                ),
                Contrast(
                    "top-5 error",
                    "points",
                    _of("base", lambda t: ten_crop_error(t, 5), "ten crops"),
                    _of("base", top5, "centre crop"),
                    -1,
                    -1.3,
                ),
            ),
        ),
        Claim(
            "C7",
            "dropout",
            "Without dropout the net overfits; with it, it needs about twice the iterations",
            "substantial overfitting without; about 2 times the iterations with (§4.2)",
            {"base": BASE, "no dropout": Arm("+no-dropout")},
            (
                _points(
                    "validation − training error", overfitting, ("base", "dropout"), ("no dropout", "without dropout")
                ),
                Contrast(
                    "epochs to within 2 points of the best",
                    "×",
                    _of("base", epochs_to_converge, "dropout"),
                    _of("no dropout", epochs_to_converge, "without dropout"),
                    1,
                    2.0,
                ),
                _points("top-1 error", top1, ("base", "dropout"), ("no dropout", "without dropout")),
            ),
        ),
        Claim(
            "C8",
            "weight-decay",
            "Weight decay lowers the training error too",
            'no figure: "it reduces the model\'s training error" (§5)',
            {"base": BASE, "no decay": Arm(settings={"weight_decay": 0.0})},
            (
                _points(
                    "training error", training_error, ("base", "weight decay"), ("no decay", "without weight decay")
                ),
                _points("top-1 error", top1, ("base", "weight decay"), ("no decay", "without weight decay")),
            ),
        ),
        Claim(
            "C9",
            "biases",
            "Biases that begin at 1 speed up the first stage of learning",
            "no figure (§5)",
            {
                "1": Arm(settings={"init": "paper", "bias_init": 1.0}, share=SHORT),
                "0": Arm(settings={"init": "paper", "bias_init": 0.0}, share=SHORT),
                "He, 1": Arm(settings={"init": "he", "bias_init": 1.0}, share=SHORT),
                "He, 0": Arm(settings={"init": "he", "bias_init": 0.0}, share=SHORT),
            },
            (
                Contrast(
                    "training loss of the first quarter",
                    "",
                    _of("1", early_loss, "biases 1"),
                    _of("0", early_loss, "biases 0"),
                    -1,
                ),
                Contrast(
                    "the same from He's weights",
                    "",
                    _of("He, 1", early_loss, "biases 1"),
                    _of("He, 0", early_loss, "biases 0"),
                    -1,
                ),
            ),
        ),
        Claim(
            "C10",
            "depth",
            "Leaving out any one middle convolution raises the error",
            "about 2 points top-1 for each (§7)",
            {"base": BASE} | {arm: Arm(variation) for arm, variation in MIDDLE.items()},
            (
                Contrast(
                    "top-1 error",
                    "points",
                    _of("base", top1, "all five"),
                    _mean("without one", top1, *MIDDLE),
                    -1,
                    -2.0,
                ),
                *(
                    _points("top-1 error", top1, ("base", "all five"), (arm, arm.replace("no", "without")), -2.0)
                    for arm in MIDDLE
                ),
            ),
        ),
        Claim(
            "C11",
            "ensemble",
            "Averaging five nets lowers the error",
            "18.2 to 16.4 % top-5, 40.7 to 38.1 % top-1 (§6, Table 2)",
            NET_ARMS,
            (
                Contrast("top-1 error", "points", _averaged(1), _mean("one net", top1, *NET_ARMS), -1, -2.6),
                Contrast("top-5 error", "points", _averaged(5), _mean("one net", top5, *NET_ARMS), -1, -1.8),
            ),
        ),
        Claim(
            "C12",
            "pre-training",
            "Pre-training on other classes, then fine-tuning, lowers the error",
            "40.7 to 39.0 % top-1, 18.2 to 16.6 % top-5, pre-trained on all of ImageNet (§6, Table 2)",
            {
                "fine-tuned": Arm(part=FEW, share=0.25, after=Arm(part="+first-half", share=0.5)),
                "from scratch": Arm(part=FEW, share=0.25),
            },
            (
                _points(
                    "top-1 error",
                    top1,
                    ("fine-tuned", "pre-trained on the first half of the classes"),
                    ("from scratch", "from scratch"),
                    -1.7,
                ),
                _points("top-5 error", top5, ("fine-tuned", "pre-trained"), ("from scratch", "from scratch"), -1.6),
            ),
        ),
        Claim(
            "C13",
            "towers-specialise",
            "The two towers specialise: one for colour, one without",
            'no figure: "during every run" (§6.1, Fig. 3)',
            {"base": BASE},
            (
                Contrast(
                    "difference of the towers' colour selectivity",
                    "",
                    _of("base", lambda t: t.tower_colour[0], "between the towers"),
                    _of("base", lambda t: t.tower_colour[1], "between random halves"),
                    1,
                ),
            ),
        ),
        Claim(
            "C14",
            "neighbours",
            "Neighbours in fc7 are of the same kind, neighbours in pixels are not",
            "no figure (§6.1, Fig. 4)",
            {"base": BASE},
            (
                Contrast(
                    "same class among the 6 nearest",
                    "points",
                    _of("base", lambda t: t.purity("fc7"), "in fc7"),
                    _of("base", lambda t: t.purity("pixels"), "in pixels"),
                    1,
                ),
            ),
        ),
        Claim(
            "C15",
            "source",
            "Does it matter that the source of 2012 differs from the paper's text?",
            "no claim; the order of layers, alpha / n and a second normalisation; biases at twice the rate, without decay",
            {
                "base": BASE,
                "layers": Arm("+2012-source"),
                "biases": Arm(settings=SOURCE_BIASES),
                "both": Arm("+2012-source", settings=SOURCE_BIASES),
            },
            tuple(
                _points("top-1 error", top1, (arm, f"the source's {words}"), ("base", "the text"), direction=0)
                for arm, words in (("both", "layers and biases"), ("layers", "layers"), ("biases", "biases"))
            ),
        ),
    )
}


def find_claims(name):
    """All claims for "all", else the one of this id or name; UserError with the nearest where there is none."""
    if name == "all":
        return list(CLAIMS.values())
    names = {key: claim for claim in CLAIMS.values() for key in (claim.id, claim.name)}
    found = names.get(name) or names.get(name.upper())
    if found is None:
        near = difflib.get_close_matches(name, names, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise UserError(f"NAME: there is no experiment {name!r}; {meant}Expected all, {', '.join(names)}")
    return [found]
