"""A model card in Markdown: what a network is, how it came about, what it gets wrong, and where not to use it.

Every sentence is computed from the run and from what was measured; a fact that is not known is said to be unknown.
The form follows Mitchell et al., Model Cards for Model Reporting, FAT* 2019.
"""

import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from tinyalex import __version__
from tinyalex.backend import device_name
from tinyalex.data.corruptions import CORRUPTIONS
from tinyalex.data.dataset import Dataset
from tinyalex.errors import UserError
from tinyalex.inspection.errors import confusion, largest_confusions
from tinyalex.inspection.panel import first_name, listed
from tinyalex.inspection.robustness import ALPHA, Trial
from tinyalex.runs.calibrated import checkpoint_hash
from tinyalex.runs.folder import RunFolder
from tinyalex.statistics import Interval, wilson
from tinyalex.terminal import bytes_text

MARK = "<!-- written by tinyalex robustness -->"
NAMED = 30  # classes, listed by name up to this many
ENDS = 5  # the best and the worst classes shown
DOUBTFUL = 0.05  # a calibration error above it makes a confidence no probability
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Subject:
    """The subject of a card: a trial that is done, its result, and the data set that the pictures came from."""

    trial: Trial
    result: dict[str, Any]
    dataset: Dataset

    @cached_property
    def about(self) -> dict[str, Any]:
        """The values of config.json, or the checkpoint's own for a file by itself."""
        try:
            return RunFolder.open(self.trial.run.path).about()
        except UserError:
            return self.trial.run.info

    @property
    def info(self) -> dict[str, Any]:
        return self.trial.run.info

    @property
    def clean(self) -> dict[str, Any]:
        return self.result["clean"]

    @cached_property
    def names(self) -> list[str]:
        """The classes' first names, as Markdown shows them."""
        return [_plain(first_name(name)) for name in self.info["class_names"]]

    @property
    def own_data(self) -> bool:
        """Whether the pictures are of the data that the network was trained on."""
        return self.dataset.fingerprint == self.about["fingerprint"]

    @cached_property
    def by_class(self) -> list[tuple[int, int, int]]:
        """(class, pictures, wrong answers) of the classes with pictures, the lowest error first."""
        labels, K = self.trial.chosen.labels, len(self.names)
        counts, wrong = (np.bincount(kept, minlength=K) for kept in (labels, labels[self.trial.clean.wrong]))
        rows = [(int(k), int(counts[k]), int(wrong[k])) for k in np.flatnonzero(counts)]
        return sorted(rows, key=lambda row: row[2] / row[1])


def card(trial: Trial, result: dict[str, Any], dataset: Dataset, xp: ModuleType) -> str:
    """The card of a network whose trial is done. result: of the trial;  dataset: whose pictures were measured"""
    subject = Subject(trial, result, dataset)
    sections = {
        "The network": _network(subject, xp),
        "The data": _data(subject),
        "The recipe": _recipe(subject),
        "What it gets wrong": _errors(subject),
        "How far its confidence can be trusted": _confidence(subject),
        "Corrupted pictures": _corrupted(subject),
        "Where not to use it": _limits(subject),
    }
    return _head(subject) + "".join(f"\n## {title}\n\n{body}\n" for title, body in sections.items())


def _head(subject):
    state, config = subject.info["state"], subject.info["config"]
    source = f"imported from {_code(subject.about.get('imported', {}).get('file', UNKNOWN))}"
    came = f"epoch {state['epoch']} of {config['epochs']}" if state["epoch"] else source
    return (
        f"{MARK}\n# Model card: {_plain(subject.info['model'])}\n\n{_code(subject.trial.run.file)}, {came}. Written on "
        f"{date.today()} by tinyalex {__version__}. Every number was computed from the run or measured for this card.\n"
    )


def _network(subject, xp):
    trial, network = subject.trial, subject.trial.run.network
    size, crop = trial.run.view.size, trial.run.view.crop
    cut = f", {crop} of them seen at once" if crop < size else ""
    rows = (
        ("network", _plain(subject.info["model"])),
        ("parameters", f"{sum(array.size for array in network.params.values()):,}"),
        ("multiply-adds for one look", f"{network.multiply_adds(network.in_shape):,}"),
        ("pictures", f"colour; the shorter side scaled to {size} pixels, the centre cut out{cut}"),
        ("answers", f"a probability for each of {len(subject.names):,} classes"),
        ("file", f"{bytes_text(trial.run.file.stat().st_size)}, sha256 {_code(checkpoint_hash(trial.run.file))}"),
        (
            "speed, measured once",
            f"{len(trial.chosen) / trial.seconds:,.0f} pictures/s ({trial.view}, {device_name(xp)})",
        ),
        ("versions", ", ".join(f"{name} {value}" for name, value in subject.info["versions"].items())),
    )
    return _table(("", ""), rows)


def _data(subject):
    trial, dataset, K = subject.trial, subject.dataset, len(subject.names)
    name, fingerprint = subject.info["config"]["data"], subject.about["fingerprint"]
    rest = f" and {K - NAMED:,} more" if K > NAMED else ""
    trained_on = f"{_code(name)}, fingerprint {_code(fingerprint)}" if name else f"data that are {UNKNOWN}"
    lines = [f"Trained on {trained_on}.", f"{K:,} classes: {', '.join(subject.names[:NAMED])}{rest}."]
    if subject.own_data:
        lines.append(f"{len(dataset.train):,} training pictures, {_each(dataset.train.labels, K)}.")
    chosen = len(trial.chosen)
    part = "all" if chosen == len(dataset.val) else f"{chosen:,}, drawn at random, of the"
    whose = "not the data that it was trained on" if name else f"perhaps its training data: these are {UNKNOWN}"
    whose += f"; whether they share pictures is {UNKNOWN}" if name else ""
    other = "" if subject.own_data else f", fingerprint {_code(dataset.fingerprint)}, {whose}"
    lines.append(
        f"Measured on {part} {len(dataset.val):,} validation pictures of {_code(trial.data)}{other}, "
        f"{_each(trial.chosen.labels, K)}."
    )
    return _list(lines)


def _each(labels, K):
    """How many pictures each class has, in words."""
    counts = np.bincount(labels, minlength=K)
    low, high = int(counts.min()), int(counts.max())
    return f"{low:,} of each class" if low == high else f"{low:,} to {high:,} of each class"


def _recipe(subject):
    if not subject.info["state"]["epoch"]:
        notes = subject.about.get("imported", {}).get("notes", ())
        return "\n\n".join(filter(None, [f"Trained elsewhere; its recipe is {UNKNOWN}.", _list(map(_plain, notes))]))
    config = {key: value for key, value in subject.info["config"].items() if key != "network"}
    rows = [(_code(name), _code(value)) for name, value in config.items() if value not in ("", None)]
    command = subject.about.get("command")
    return (f"```sh\n{command}\n```\n\n" if command else "") + _table(("setting", "value"), rows)


def _errors(subject):
    clean, names, trial = subject.clean, subject.names, subject.trial
    N = len(trial.chosen)
    said = [f"{_share(clean, 'error')} of the first answers are wrong, on {N:,} pictures as they are ({trial.view})."]
    if "top5_error" in clean:
        top5 = wilson(round(clean["top5_error"] * N), N)
        said.append(f"For {_interval(top5)} the right class is not among the first five.")
    if subject.own_data and trial.run.file.name == "best.safetensors" and subject.info["state"]["epoch"]:
        said.append("These pictures also chose the epoch that was kept, which makes the error a little too low.")
    rows = [(names[k], n, _interval(wilson(wrong, n))) for k, n, wrong in subject.by_class]
    many = len(rows) > 2 * ENDS
    which = f"The {ENDS} classes with the lowest errors, and the {ENDS} with the highest" if many else "By class"
    shown = [*rows[:ENDS], *rows[-ENDS:]] if many else rows
    pairs = largest_confusions(confusion(trial.chosen.labels, trial.clean.answers, len(names)), ENDS)
    taken = listed([f"{names[t]} taken for {names[a]} ({n} of {N:,} pictures)" for t, a, n in pairs])
    return (
        f"{' '.join(said)} In brackets: 95 % intervals.\n\n{which}:\n\n{_table(('class', 'pictures', 'wrong'), shown)}"
        f"\n\nMost frequent mistakes: {taken}."
    )


def _confidence(subject):
    clean, calibration, view = subject.clean, subject.trial.calibration, subject.trial.view
    said = [
        f"Its first answers have a probability of {clean['confidence']:.1%} on average"
        f"{', calibrated' if calibration else ''}, and {1 - clean['error']:.1%} of them are right. The expected "
        f"calibration error is {clean['ece']:.3f}."
    ]
    if calibration is None:
        return f"{said[0]} It has no calibration for the {view}, and answers whatever it is shown."
    before, after = (f"{ece.mean:.3f} ({ece.low:.3f}–{ece.high:.3f})" for ece in _eces(calibration))
    said.append(
        f"Its calibration, temperature {calibration.temperature:.3g}, was judged on {calibration.pictures:,} pictures "
        f"that it was not fitted to: {before} before, {after} after."
    )
    if calibration.threshold is None:
        said.append(f"No probability promises at most {calibration.risk:.2%} wrong answers, so it gives no answer.")
    else:
        said.append(
            f"It answers from a probability of {calibration.threshold:.2%} on, to give at most {calibration.risk:.2%} "
            f"wrong answers. Here it answers {clean['coverage']:.1%} of the pictures, and "
            f"{_share(clean, 'answered_error')} of these answers are wrong."
        )
    said.append("If it was calibrated on these data, that was with some of the pictures measured here.")
    return " ".join(said)


def _eces(calibration):
    return calibration.ece_before, calibration.ece_after


def _corrupted(subject):
    rows, mean = subject.result["corruptions"], subject.result["mean_corruption_error"]
    severities = sorted({row["severity"] for row in rows})
    found = {(row["corruption"], row["severity"]): row for row in rows}
    names = list(dict.fromkeys(row["corruption"] for row in rows))
    more = mean["more"]
    body = (
        f"Wrong first answers to the same pictures, corrupted on purpose. The mean over the table is "
        f"{_interval(Interval(**mean['error']))}, {100 * more['mean']:+.1f} points ({100 * more['low']:+.1f} to "
        f"{100 * more['high']:+.1f}) from the error on the pictures as they are.\n\n"
    )
    cells = [(name, *(_share(found[name, s], "error") for s in severities), _strengths(name)) for name in names]
    body += _table(("wrong answers", *(f"severity {s}" for s in severities), "strengths of severities 1 to 5"), cells)
    if subject.result["calibrated"]:
        measured = {"as they are": subject.clean} | {name: found[name, severities[-1]] for name in names}
        cells = [
            (name, f"{row['coverage']:.1%}", _share(row, "answered_error"), f"{row['ece']:.3f}")
            for name, row in measured.items()
        ]
        head = (f"at severity {severities[-1]}", "answered", "wrong of these", "calibration error")
        body += f"\n\n{_table(head, cells)}"
    return body


def _strengths(name):
    one = CORRUPTIONS[name]
    return f"{one.unit}: {', '.join(f'{strength:g}' for strength in one.strengths)}"


def _limits(subject):
    """A line for each limit that was found."""
    clean, names, trial = subject.clean, subject.names, subject.trial
    low, high = clean["error_interval"]
    needed = f"Where fewer wrong answers than {low:.1%} are needed" if low > 0 else "Where no answer may be wrong"
    lines = [
        f"{needed}: between {low:.1%} and {high:.1%} of its first answers are wrong, on pictures like those measured.",
        f"On pictures that may show none of its {len(names):,} classes: it knows no other answer.",
        f"On pictures unlike {_code(trial.data)}'s: beside the corruptions above, nothing else was measured.",
    ]
    level = 1 - ALPHA / len(subject.by_class)  # Bonferroni: that no class is named by accident
    hard = [names[k] for k, n, wrong in subject.by_class if wilson(wrong, n, level).low > clean["error"]]
    if hard:
        lines.append(f"To find {listed(hard)}: wrong more often than on average, beyond chance.")
    rows = {(row["corruption"], row["severity"]): row for row in subject.result["corruptions"]}
    for name, severity in subject.result["breaks_at"].items():
        last = max(s for other, s in rows if other == name)
        wrong = [f"{rows[name, s]['error']:.1%} wrong at {s}" for s in sorted({severity, last})]
        or_more = "" if last == severity else " or more"
        lines.append(f"On pictures with {name} of severity {severity}{or_more}: {' and '.join(wrong)}.")
    return _list([*lines, *_trust(subject, rows)])


def _trust(subject, rows):
    """Lines on where its confidence is not to be believed."""
    clean, calibration = subject.clean, subject.trial.calibration
    if calibration is None:
        low = f"Where its probabilities are taken at their word: the calibration error is {clean['ece']:.3f}."
        return [low] if clean["ece"] > DOUBTFUL else []
    broken: dict[str, list] = {}
    level = 1 - ALPHA / len(rows)  # Bonferroni: that nothing is named by accident
    for (name, severity), row in rows.items():
        if "answered_error" in row:
            wrong = round(row["answered_error"] * row["answered"])
            if wilson(wrong, row["answered"], level).low > calibration.risk:
                broken.setdefault(name, []).append(str(severity))
    named = [f"{name} of severity {listed(severities)}" for name, severities in broken.items()]
    promise = f"Where the promise of at most {calibration.risk:.2%} wrong answers must hold: it is broken on "
    return [f"{promise}{listed(named)}."] if named else []


# ---------------------------------------------------------------------------------------------- Markdown


def _share(row, key):
    """A share with its interval; a dash if nothing was counted."""
    return _interval(Interval(row[key], *row[f"{key}_interval"])) if key in row else "–"


def _interval(share):
    return f"{share.mean:.1%} ({100 * share.low:.1f}–{100 * share.high:.1f})"


def _list(lines):
    return "\n".join(f"- {line}" for line in lines)


def _table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def _plain(text):
    """A text whose signs mean nothing to Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", str(text))


def _code(value):
    return "`" + str(value).replace("`", "'").replace("|", r"\|") + "`"
