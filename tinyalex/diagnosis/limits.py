"""Every bound of the doctor, and what was measured on either side of it.

Healthy: `python tests/diagnosis/patients.py`, 30 runs of alexnet, vgg and resnet on the built-in pictures and on ten
classes of Tiny ImageNet, whole and in part. Sick: the planted faults of the same script.
"""

# ---------------------------------------------------------------------------------------------- how much is looked at

PICTURES = {"train": 1200, "val": 600}  # whose labels are tried
SCANNED_BYTES = 200_000_000  # of a split's pictures that are read for flat, equal and similar ones
LOOKED_THROUGH = 256  # pictures that are sent through the network
SWEEP_STEPS, SWEEP_BATCH, SWEEP_FROM = (80, 200), 32, 1e-3  # of the range test: 200 if 80 find no rate
SWEEP_WORK = 1.5e9  # multiply-adds per picture; more take too long: alexnet has 1.1e9, resnet18 1.8e9

# ---------------------------------------------------------------------------------------------- pictures

FLAT = 2.0  # deviation of a picture's pixels; photographs: 20 and more
FLAT_SHARE = 0.01  # of all pictures; healthy: 0
FADED = 8.0  # deviation of all pixels together; photographs: 50 to 80, after a second division by 255: below 1
MEAN_OFF = 10.0  # levels between the stored mean colour and the pictures'; healthy: to 2, without a mean: 100
SCALE_OFF = 8.0  # factor between the inputs' size and the model's; healthy: to 1.5, scaled twice: 16 and more
EQUAL_SHARE = 0.02  # of the validation pictures that training has too; Tiny ImageNet: 0
NEAR_SHARE, NEAR = 0.1, 5.0  # the same for thumbnails within a distance of NEAR (root mean square)
TWO_LABELS_SHARE = 0.02  # of the training pictures that come again under another label
DOMINANT = 0.8  # share of the largest of three classes or more

# ---------------------------------------------------------------------------------------------- labels

NOTHING, SOMETHING = 3.0, 6.0  # standard errors above chance: nothing to see below the first, no chance above the other
PART_WRONG = (
    0.65  # accuracy on one part, as a share of that on the other, from the same classifier; healthy: 0.8 to 1.3
)
PART_WRONG_FOR_SURE = 4.5  # standard errors between the two
FEW_LABELS = 60  # pictures of a part; fewer show nothing
MOVED = 4.0  # standard errors by which pictures turned or recoloured must be answered better
DIFFERENT = 0.6  # difference of means between the parts, in deviations; healthy: to 0.2
DIFFERENT_FOR_SURE = 8.0  # the same in standard errors

# ---------------------------------------------------------------------------------------------- the network

SMALL_START = 0.9  # of ln K, the loss that a network has learnt something below
RATE_FACTOR = 8.0  # below both the sweep's rate and the recipe's; the sweep errs by a factor of 3.3 at most
HIGH_FACTOR = 4.0  # above both, that is beyond the lowest point of the sweep
MOMENTUM = 0.97  # 0.9 usual; the step grows as 1 / (1 - momentum)
DECAY_STEPS = 400  # in which decay alone takes 63 % of a weight; recipes: 10,000 and more
FEW_UPDATES, FEW_STEPS = 200, 3  # updates of a whole run, steps of an epoch: with fewer a network cannot learn much
RATE_GONE = 0.02  # of the run's rate: nothing is learnt at less
LEARNT_ENOUGH = 0.5  # of the starting loss; what is below it when the rate falls has been learnt in time
ENOUGH_UPDATES = 500  # after which a network at its starting loss is no longer young
FALLING = 0.01  # of the training loss, in an epoch
RISE = 1.25  # of the validation loss from its lowest
GAP = 0.5  # training error as a share of the validation error
