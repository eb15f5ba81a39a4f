"""The claims about transfer, C12 and C21 to C23: what features learnt on half of the classes are worth on the others.

The halves are every second class, so that both hold classes of every kind. All pictures of the source's half are used;
of the target's, only a few a class, other ones for each seed. All networks have batch normalisation: without it, runs
this short hardly leave the first plateau.
"""

from tinyalex.experiments.contrasts import points
from tinyalex.experiments.plan import Arm, Claim, Contrast, Side
from tinyalex.experiments.trained import top1, top5

COUNTS = (5, 10, 25, 50)  # pictures a class
FOR_LONG = {"lr": 0.05, "schedule": "cosine:0.25"}  # a warm-up of one epoch would be half of a short run
SOURCE, TARGET = "+even-half", "+odd-half"
A, B = (Arm("+bn", FOR_LONG, half) for half in (SOURCE, TARGET))

# ---------------------------------------------------------------------------------------------- few pictures

# Fine-tuned and from scratch see as many pictures, fewer where there are fewer. Fine-tuning has a fifth of the rate,
# except in the new head; with 10 pictures a class, 0.03 for all layers was as good.
SHARES = dict(zip(COUNTS, (0.1, 0.175, 0.25, 0.375)))
FROM_SCRATCH = {
    count: Arm("+bn", {"lr": 0.05}, f"{TARGET}+{count}-a-class-draw-{{seed}}", SHARES[count]) for count in COUNTS
}
FINE_TUNED = {
    count: Arm("+bn", {"lr": 0.01, "head_lr": 5.0}, arm.part, arm.share, after=A) for count, arm in FROM_SCRATCH.items()
}
LAST = "relu7"


def _arms(kind, arms):
    return {f"{kind}, {count}": arm for count, arm in arms.items()}


CURVE = _arms("fine-tuned", FINE_TUNED) | _arms("from scratch", FROM_SCRATCH)


def _linear(trained, count, layer=LAST, random=False):
    """Error of a linear classifier on the source's frozen features, learnt from `count` pictures a class."""
    return trained["source"].linear_error(trained[f"from scratch, {count}"].dataset, layer, random)


# Errors by (the arms of a seed, pictures a class)
WAYS = {
    "fine-tuned": lambda trained, count: top1(trained[f"fine-tuned, {count}"]),
    "from scratch": lambda trained, count: top1(trained[f"from scratch, {count}"]),
    "frozen + linear": _linear,
    "random + linear": lambda trained, count: _linear(trained, count, random=True),
}
AVERAGE = f"top-1 error, mean of {', '.join(map(str, COUNTS[:-1]))} and {COUNTS[-1]} pictures a class"


def _mean(way, error):
    return Side(way, lambda trained: sum(error(trained, count) for count in COUNTS) / len(COUNTS))


def _average(a, b, paper=None):
    """The contrast of two ways, averaged over the curve."""
    return Contrast(AVERAGE, "points", _mean(a, WAYS[a]), _mean(b, WAYS[b]), -1, paper)


def _at(count, a, b):
    """The contrast of two ways at one point of the curve."""
    sides = (Side(way, lambda trained, way=way: WAYS[way](trained, count)) for way in (a, b))
    return Contrast(f"top-1 error, {count} pictures a class", "points", *sides, direction=-1)


def _top5(kind):
    return _mean(kind, lambda trained, count: top5(trained[f"{kind}, {count}"]))


# ---------------------------------------------------------------------------------------------- by depth

# A larger output has more directions to tell classes apart in, so only equal layers are compared: trained and random.

DEPTHS = ("pool1", "pool2", "relu3", "relu4", "pool5", "relu6", "relu7")
SHALLOW, DEEP = DEPTHS[0], DEPTHS[4]  # the first stage and the last before the fully connected layers
PROBED = 25  # pictures a class


def _gained(weights, random):
    """How much lower the error is on the last convolution's features than on the first's, as a difference below 0."""
    return Side(weights, lambda t: _linear(t, PROBED, DEEP, random) - _linear(t, PROBED, SHALLOW, random))


def _by_depth(layer):
    sides = (
        Side(weights, lambda t, random=random: _linear(t, PROBED, layer, random))
        for weights, random in (("trained", False), ("random", True))
    )
    return Contrast(f"top-1 error of a linear classifier on {layer}", "points", *sides, direction=-1)


# ---------------------------------------------------------------------------------------------- halves

# A5B: five convolutions learnt on A and frozen, the layers behind them anew, on B; B5B+: all learnt on B, none frozen.
CUT = "pool5"
N = 5  # convolutions before it


def _half(base, fixed):
    settings = FOR_LONG | {"start_up_to": CUT} | ({"freeze": CUT} if fixed else {})
    return Arm("+bn", settings, TARGET, 0.5, after=base)


HALVES = {f"A{N}B": _half(A, True), f"B{N}B": _half(B, True), f"A{N}B+": _half(A, False), f"B{N}B+": _half(B, False)}

TRANSFER = (
    Claim(
        "C12",
        "pre-training",
        "Pre-training on other classes, then fine-tuning, lowers the error",
        "40.7 to 39.0 % top-1, 18.2 to 16.6 % top-5, "
        "pre-trained on all of ImageNet, with a sixth convolution (§6, Table 2)",
        CURVE,
        (
            _average("fine-tuned", "from scratch", -1.7),
            Contrast(AVERAGE.replace("top-1", "top-5"), "points", _top5("fine-tuned"), _top5("from scratch"), -1, -1.6),
        ),
    ),
    Claim(
        "C21",
        "few-shot",
        "With few pictures, features learnt on other classes and a linear classifier beat training from scratch",
        "no figure: a linear classifier on features of a trained network beat what was made by hand (Donahue et al. "
        "2014; Razavian et al. 2014)",
        CURVE | {"source": A},
        (
            _average("frozen + linear", "from scratch"),
            _average("frozen + linear", "random + linear"),
            *(
                _at(count, way, than)
                for way, than in (
                    ("frozen + linear", "from scratch"),
                    ("frozen + linear", "random + linear"),
                    ("fine-tuned", "from scratch"),
                )
                for count in COUNTS
            ),
        ),
    ),
    Claim(
        "C22",
        "depth-of-features",
        "A linear classifier errs less on deeper layers if the network is trained; with random weights it does not",
        "no figure for these: on Caltech's classes, deeper features do better (Zeiler, Fergus 2014, Table 7)",
        {"source": A, f"from scratch, {PROBED}": FROM_SCRATCH[PROBED]},
        (
            Contrast(
                f"top-1 error of a linear classifier, {DEEP} minus {SHALLOW}",
                "points",
                _gained("trained", False),
                _gained("random", True),
                -1,
            ),
            *map(_by_depth, DEPTHS),
        ),
    ),
    Claim(
        "C23",
        "halves",
        f"Features of {N} convolutions, frozen, err more on other classes, and on their own; fine-tuning mends both",
        "no figure but in a chart: differences of a few points (Yosinski et al. 2014, Fig. 2)",
        HALVES,
        (
            points(
                "top-1 error, frozen", top1, (f"A{N}B", "from other classes"), (f"B{N}B", "from the same"), direction=1
            ),
            points("top-1 error, from the same", top1, (f"B{N}B+", "fine-tuned"), (f"B{N}B", "frozen")),
            points("top-1 error, from other classes", top1, (f"A{N}B+", "fine-tuned"), (f"A{N}B", "frozen")),
            points("top-1 error, fine-tuned", top1, (f"A{N}B+", "from other classes"), (f"B{N}B+", "from the same")),
        ),
        spread=0.9,
    ),
)
