"""Every bound of the doctor, with what was measured on either side of it.

Healthy and sick are the patients of `python tests/diagnosis/patients.py`: alexnet, vgg and resnet on the built-in
pictures and on ten classes of Tiny ImageNet, whole and in part. A bound stands where neither came near it.
"""

# ---------------------------------------------------------------------------------------------- how much is looked at

PICTURES = {"train": 2000, "val": 1000}  # whose labels are tried
SCANNED_BYTES = 200_000_000  # of a part's pictures that are read for flat, equal and similar ones
LOOKED_THROUGH = 256  # pictures that are sent through the network
SWEEP_STEPS, SWEEP_BATCH, SWEEP_FROM = (80, 200), 32, 1e-3  # of the range test: 200 steps if 80 find no rate
SWEEP_WORK = 6e10  # steps times multiply-adds per picture, a minute on two cores; alexnet: 7.2e8 each

# ---------------------------------------------------------------------------------------------- pictures

FLAT = 2.0  # deviation of a picture's pixels
FLAT_SHARE = 0.01  # of all pictures; healthy: 0
FADED = 8.0  # deviation of all pixels together; healthy: 43 to 72, divided by 255 once more: 0.1
MEAN_OFF = 10.0  # levels between the stored mean colour and the pictures'; healthy: to 2, without a mean: 80
SCALE_OFF = 8.0  # factor between the inputs' root mean square and the model's; healthy: 0.66 to 1.12
EQUAL_SHARE = 0.02  # of the validation pictures that are training pictures too; healthy: 0, planted: 0.33
NEAR, NEAR_SHARE = 5.0, 0.1  # distance of thumbnails (root mean square), and share of those as near; healthy: 0
TWO_LABELS_SHARE = 0.02  # of the training pictures that come again under another label; healthy: 0
DOMINANT = 0.8  # share of the largest of three classes or more

# ---------------------------------------------------------------------------------------------- labels

NOTHING, SOMETHING = 3.0, 6.0  # standard errors above chance; healthy: 8.8 with 200 pictures, 15 to 70 with more
TELLING = 0.65  # share of hits by chance (two equal classes: 0.5); above it the other classes are too few to go by
PART_WRONG = 0.65  # accuracy beyond chance relative to the other part's, of the same classifier; healthy: 0.97 to 1.2
PART_WRONG_FOR_SURE = 3.5  # standard errors between the two
FEW_LABELS = 60  # pictures of a part; fewer show nothing
FEW_A_CLASS = 10  # pictures of a class, where no label is told in either part: from fewer, nothing can be learnt
MOVED = 3.5  # standard errors by which turned or recoloured pictures are answered better; healthy: to 1
OTHER_TINT, SAME_TINT = 6.0, 3.0  # standard errors between the parts' tints, as they are and with colours exchanged
DIFFERENT, DIFFERENT_FOR_SURE = 0.6, 8.0  # deviations and standard errors between the parts' means; healthy: to 0.1

# ---------------------------------------------------------------------------------------------- training

LEARNT_SOMETHING = 0.9  # of ln K, both above the lowest loss; a network with a lower one has learnt something
RATE_FACTOR = 8.0  # under the rates of both the sweep and the recipe; the sweep errs by a factor of 3.3 or less
HIGH_FACTOR = 4.0  # over both: beyond the lowest point of the sweep
MOMENTUM = 0.97  # 0.9 is usual; steps add up to 1 / (1 - momentum) times their size
DECAY_STEPS = 400  # in which decay alone takes 63 % of a weight; recipes: 10,000 and more
FEW_UPDATES, FEW_STEPS = 200, 3  # updates in a run, steps in an epoch
RATE_GONE = 0.02  # of the run's rate: less moves nothing
LEARNT_ENOUGH = 0.5  # of the starting loss: a lower one when the rate falls is no loss of time
ENOUGH_UPDATES = 500  # a run with fewer is young; alexnet-mini leaves its starting loss after 60 to 300
FALLING = 0.01  # of the training loss, in an epoch: such a run is still learning
RISE = 1.25  # of the validation loss from its lowest
GAP = 0.5  # training error relative to the validation error
GAP_FOR_SURE = 2.0  # standard errors between two shares of the validation pictures
