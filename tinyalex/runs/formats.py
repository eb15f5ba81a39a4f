"""The schemas of a run's JSON: config.json, metrics.jsonl, result.json, and the text in a checkpoint's header."""

from tinyalex.data.dataset import CLASSES
from tinyalex.runs.config import CONFIG
from tinyalex.schema import (
    anything,
    cases,
    each,
    like,
    number,
    one_or_list,
    optional,
    or_null,
    record,
    table,
    text,
    whole,
)

VERSION = 1  # of checkpoints

SHARE = number(0, 1)
PLACES = record(data=optional(each(text())), start_from=optional(each(text())))
RUN = {
    "config": CONFIG,
    "fingerprint": text(),
    "places": optional(PLACES),  # not in runs of 0.2.0 and before
    "versions": table(anything),
    "imported": optional(record(file=text(), notes=each(text()))),
}
ABOUT = record(RUN)  # config.json

EPOCH = {
    "epoch": whole(1),
    "train_loss": number(),
    "train_top1_error": SHARE,
    "val_loss": number(),
    "val_top1_error": SHARE,
    "val_top5_error": optional(SHARE),  # not for a few classes
    "lr": number(0),
}
WHERE = {"step": whole(), "epoch": whole(1)}
METRICS = cases(
    "kind",
    {
        "step": record(
            WHERE, mean_loss=number(), lr=number(0), health=optional(or_null(table(table(or_null(number())))))
        ),
        "warning": record(WHERE, what=text(), layers=each(text()), text=text()),
        "epoch": record(WHERE | EPOCH, seconds=number(0)),
    },
)

DIVERGED = record(diverged=text(least=1))
FINISHED = record(epochs=whole(1), seconds=number(0))

NAME = like(r"[\w.+-]{1,1000}", "a model's name")
STATE = {"epoch": whole(), "history": each(record(EPOCH))}
PROGRESS = record(  # the state of a run that can go on
    STATE, step=whole(), seconds=number(0), images=whole(), loss_sum=number(), wrong=whole(), seen=whole()
)
SCALE = one_or_list(number(1e-6, 1e6), each(number(1e-6, 1e6), 3, 3))  # of all colours, or of each
CHECKPOINT = record(RUN | CLASSES, model=NAME, crop=whole(1), scale=SCALE, state=record(STATE))
