"""The options of `tinyalex train` that set an entry of a `Config`, each with its name."""

from tinyalex.optim import INITIALISERS


def add_settings(parser):
    """Add them to a parser. An option that is not given stays None: the recipe decides."""
    settings = parser.add_argument_group("settings (default: the model's recipe)")
    _add_start(settings)
    _add_update(settings)
    _add_pictures(settings)
    _add_end(settings)


def _add_start(settings):
    """The weights that the run begins with, and those that learn."""
    settings.add_argument(
        "--start-from",
        metavar="RUN",
        help="start with the weights of another run (and its model, without --model), to fine-tune them",
    )
    settings.add_argument(
        "--start-up-to", metavar="LAYER", help="take only the layers up to LAYER from there; the others begin anew"
    )
    settings.add_argument(
        "--freeze",
        metavar="LAYER",
        help="keep everything up to LAYER as it is, such as pool5; body: all but the last layer",
    )
    settings.add_argument("--thaw", type=int, metavar="N", help="after N epochs, frozen layers learn too")
    settings.add_argument("--head-lr", type=float, metavar="F", help="multiply the last layer's rate by F (1)")


def _add_update(settings):
    """The update, and the first weights."""
    settings.add_argument(
        "--epochs",
        type=int,
        metavar="N",
        help="passes over the training pictures; with --resume, in all (a cosine then falls over all of them)",
    )
    settings.add_argument("--batch", type=int, metavar="N", help="pictures per step")
    settings.add_argument("--lr", type=float, metavar="RATE", help="learning rate")
    settings.add_argument(
        "--schedule",
        metavar="S",
        help="the rate over time: constant; steps:20,40 (a tenth after 20 epochs, again after 40); plateau[:EPOCHS] (a "
        "tenth whenever the validation error has not fallen for EPOCHS); cosine[:WARMUP] (rise for WARMUP epochs, then "
        "fall to 0 along half a cosine). Default: cosine:1",
    )
    settings.add_argument(
        "--momentum", type=float, metavar="M", help="share of the last step that the next one keeps (0.9)"
    )
    settings.add_argument(
        "--weight-decay", type=float, metavar="D", help="how strongly weights are pulled towards 0 (0.0005)"
    )
    settings.add_argument(
        "--layer-lr",
        metavar="L",
        help="LAYER:EPOCH:FACTOR, or several with commas: multiply that layer's rate, from that epoch on",
    )
    settings.add_argument(
        "--bias-lr", type=float, metavar="F", help="multiply the biases' rate by F (1; 2012 source: 2)"
    )
    settings.add_argument(
        "--no-bias-decay", dest="bias_decay", action="store_false", default=None, help="do not pull biases towards 0"
    )
    settings.add_argument(
        "--init", choices=INITIALISERS, help="the first weights: the paper's N(0, 0.01²), the 2012 source's, or He's"
    )
    settings.add_argument(
        "--bias-init", type=float, metavar="B", help="first biases of conv2, conv4, conv5, fc6, fc7 (paper: 1)"
    )


def _add_pictures(settings):
    """Augmentation, mixing and labels."""
    settings.add_argument(
        "--no-crops",
        dest="crops",
        action="store_false",
        default=None,
        help="cut out the centre only, not random places",
    )
    settings.add_argument(
        "--no-mirror", dest="mirror", action="store_false", default=None, help="leave out mirror images"
    )
    settings.add_argument(
        "--no-color", dest="color", action="store_false", default=None, help="leave out colour shifts"
    )
    settings.add_argument(
        "--color-epochs", type=int, metavar="N", help="stop colour shifts after N epochs (0, the default: never)"
    )
    settings.add_argument(
        "--crop-run",
        type=int,
        metavar="N",
        help="N consecutive pictures share a crop and its mirroring (1; 2012 source: 32)",
    )
    settings.add_argument(
        "--mixup",
        type=float,
        metavar="A",
        help="train on weighted means of two pictures and of their labels; the weight is drawn from Beta(A, A); try "
        "0.2. The training loss is then that of mixed labels, and an answer is wrong unless it is the class with the "
        "larger share (0)",
    )
    settings.add_argument(
        "--cutmix",
        type=float,
        metavar="A",
        help="as --mixup, but a box of one picture covers the other; try 1. With both, chance chooses one way for each "
        "batch (0)",
    )
    settings.add_argument(
        "--label-smoothing",
        type=float,
        metavar="S",
        help="spread a share S of every target evenly over all classes, so that no answer grows too sure; try 0.1. The "
        "training loss includes it, the validation loss does not (0)",
    )


def _add_end(settings):
    """The average of the weights, the end of the run, TF32, the seed."""
    settings.add_argument(
        "--ema",
        type=float,
        metavar="D",
        help="keep a moving average of the weights, in which the past weighs D, such as 0.999; the average is "
        "validated, saved and used by other commands (0)",
    )
    settings.add_argument(
        "--until-error",
        type=float,
        metavar="E",
        help="stop once an epoch's training error is at most E, such as 0.25 (0, the default: never)",
    )
    settings.add_argument(
        "--patience",
        type=int,
        metavar="N",
        help="stop after N epochs without a lower top-1 validation error (0, the default: never)",
    )
    settings.add_argument(
        "--no-tf32",
        dest="tf32",
        action="store_false",
        default=None,
        help="on a GPU, multiply in full float32, not in TF32, which rounds factors to 10 bits",
    )
    settings.add_argument("--seed", type=int, metavar="N", help="seed of all random numbers (0)")
