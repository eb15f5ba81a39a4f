"""The claims of AlexNet's successors, C16 to C20: small kernels (VGG), batch normalisation and shortcuts (ResNet)."""

from tinyalex.experiments.contrasts import between, errors, of, points
from tinyalex.experiments.plan import Arm, Claim, Contrast, Side
from tinyalex.experiments.trained import gradient_norm, top1, top1_or_chance, training_error, training_loss

VGG = {"quick": "vgg-mini", "full": "vgg-small"}
RESNET = {"quick": "resnet-mini", "full": "resnet-small"}

# ---------------------------------------------------------------------------------------------- VGG

# The rate is the model's for all three. After 15,000 pictures of ten classes of Tiny ImageNet, 0.03 was better than
# 0.01 for the stacks, and not worse for the larger kernels. Without normalisation the stacks take off later, which
# decides a run this short; hence the pair with it.
STACKS = Arm(share=0.5)
LARGE_KERNELS = Arm("+large-kernels", share=0.5)
WITH_LRN = Arm("+lrn", share=0.5)
STACKS_BN, LARGE_KERNELS_BN = Arm("+bn", share=0.5), Arm("+large-kernels+bn", share=0.5)

# ---------------------------------------------------------------------------------------------- batch normalisation

# Each at its best rate after 15,000 pictures of ten classes of Tiny ImageNet. Without, it is 0.02, the model's, as good
# as 0.05 and better than 0.1 and 0.2; with, 0.05, as good as 0.1 and better than 0.5.
NORMALISED = Arm("+bn", {"lr": 0.05})
TOO_HIGH = 0.5
TOO_FAST = {
    f"{words} at {TOO_HIGH:g}": Arm(variation, {"lr": TOO_HIGH}, share=0.375)
    for words, variation in (("BN", "+bn"), ("without BN", ""))
}

# ---------------------------------------------------------------------------------------------- depth

SHALLOW, DEEP = 20, 44  # layers
STAGES = (1, "first"), (3, "last")


# Crops and mirroring alone, as on CIFAR (He et al. 2015, §4.2). The rate is the model's for all four networks: the two
# of 44 layers were tried at a third of it too, where the plain one hardly learnt and the other did as well.
def _nets(kind, variation):
    """The two depths of one kind of network, by name."""
    settings = {"color": False}
    return {
        f"{kind}, {layers} layers": Arm(f"+depth-{layers}{variation}", settings, share=0.75)
        for layers in (DEEP, SHALLOW)
    }


PLAIN, RESIDUAL = _nets("plain", "+no-skip"), _nets("residual", "")
LOSS, TRAINING_ERROR = "training loss of the last epoch", "training error"


def _added(kind):
    """The training loss that the deeper network has more than the shallower."""

    def value(trained):
        deep, shallow = (training_loss(trained[f"{kind}, {layers} layers"]) for layers in (DEEP, SHALLOW))
        return deep - shallow

    return Side(kind, value)


def _deeper(kind, what, unit, quantity, direction):
    """A contrast between the deeper network and the shallower."""
    deep, shallow = ((f"{kind}, {layers} layers", f"{layers} layers") for layers in (DEEP, SHALLOW))
    return between(what, unit, quantity, deep, shallow, direction)


def _gradient(stage, epoch):
    """The quantity: norm of the gradient of a stage's convolutions; the first stage is the furthest from the loss."""
    return lambda trained: gradient_norm(trained, rf"block{stage}_\d+\.conv", epoch)


def _by_depth(when, epoch):
    """A contrast between the first stage of the deeper plain network and its last."""
    first, last = (of(f"plain, {DEEP} layers", _gradient(s, epoch), f"{name} stage") for s, name in STAGES)
    return Contrast(f"gradient norm of a convolution, {DEEP} layers, {when} epoch", "×", first, last, 0)


SUCCESSORS = (
    Claim(
        "C16",
        "stacks",
        "A stack of 3×3 convolutions makes fewer errors than one larger kernel that sees as far",
        "7 points less, top-1, than with one 5×5 in place of each pair (Simonyan, Zisserman 2014, §4.1)",
        {"3×3": STACKS, "5×5": LARGE_KERNELS, "3×3, BN": STACKS_BN, "5×5, BN": LARGE_KERNELS_BN},
        (
            *errors(("3×3", "pairs of 3×3"), ("5×5", "one 5×5 for each"), -7.0),
            points("top-1 error, with batch normalisation", top1, ("3×3, BN", "3×3"), ("5×5, BN", "5×5")),
        ),
        VGG,
    ),
    Claim(
        "C17",
        "degradation",
        "Without shortcuts, a deeper network fits even its training pictures worse",
        "no figure for the loss; gradients keep healthy norms (He et al. 2015, §1, §4.1, Fig. 1)",
        PLAIN,
        (
            _deeper("plain", LOSS, "", training_loss, 1),
            _deeper("plain", TRAINING_ERROR, "points", training_error, 1),
            _by_depth("first", 1),
            _by_depth("last", -1),
            _deeper("plain", "gradient norm of a convolution, first stage, last epoch", "×", _gradient(1, -1), 0),
        ),
        RESNET,
    ),
    Claim(
        "C18",
        "shortcuts",
        "Shortcuts reduce what depth costs",
        "no figure for the loss; top-1 error on ImageNet with 18 and 34 layers: plain 27.9 and 28.5 %, with shortcuts "
        "27.9 and 25.0 % (He et al. 2015, §4.1, Table 2)",
        PLAIN | RESIDUAL,
        (
            Contrast(f"training loss, {DEEP} layers minus {SHALLOW}", "", _added("residual"), _added("plain"), -1),
            _deeper("residual", LOSS, "", training_loss, -1),
            _deeper("residual", TRAINING_ERROR, "points", training_error, -1),
        ),
        RESNET,
    ),
    Claim(
        "C19",
        "batch-norm",
        "Batch normalisation learns at rates at which the same network without it does not, and lowers the error",
        "5 times the rate, infinite parameters without (Ioffe, Szegedy 2015, §4.2.2); AlexNet trained again: 42.6 / "
        "19.6 % without, 39.9 / 18.1 % with",
        {"BN": NORMALISED, "without BN": Arm()} | TOO_FAST,
        (
            points(
                f"top-1 error at the rate {TOO_HIGH:g} (chance if it diverges)",
                top1_or_chance,
                *((arm, arm) for arm in TOO_FAST),
            ),
            *errors(("BN", "with"), ("without BN", "without"), -2.7, -1.5),
        ),
    ),
    Claim(
        "C20",
        "vgg-lrn",
        "Does local response normalisation change VGG's error?",
        "no: 29.7 / 10.5 % with, 29.6 / 10.4 % without (Simonyan, Zisserman 2014, §4.1, Table 3)",
        {"3×3": STACKS, "LRN": WITH_LRN},
        errors(("LRN", "LRN"), ("3×3", "without LRN"), 0.1, 0.1, direction=0),
        VGG,
    ),
)
