"""The examination: one list of diagnoses, from causes to consequences, and the few that are told."""

from collections.abc import Callable
from dataclasses import dataclass

from tinyalex.diagnosis import classes, course, labels, layers, pictures, preparation, settings, trials
from tinyalex.diagnosis.fault import Fault
from tinyalex.diagnosis.patient import Patient

MOST_TOLD = 3


@dataclass(frozen=True)
class Diagnosis:
    """looks_at: what is checked, in words;  find: patient → a `Fault` or None;  possible: whether it can be asked"""

    looks_at: str
    find: Callable[[Patient], Fault | None]
    possible: Callable[[Patient], bool]


def has_pictures(patient):
    return patient.dataset is not None


def has_network(patient):
    return patient.trained is not None


def both(patient):
    return has_pictures(patient) and has_network(patient)


def has_log(patient):
    return bool(patient.epochs) and patient.trainable


def both_and_log(patient):
    return has_pictures(patient) and has_log(patient)


def is_in_doubt(patient):
    """Whether there is anything to explain: no network yet, or one that has not learnt."""
    return has_pictures(patient) and patient.trainable and not patient.has_learnt


DIAGNOSES = (  # what comes first explains what comes later
    Diagnosis("numbers in the weights", layers.not_numbers, has_network),
    Diagnosis("contrast of the pictures", pictures.faded, has_pictures),
    Diagnosis("contrast of each picture", pictures.flat_pictures, has_pictures),
    Diagnosis("one class", classes.one_class, has_pictures),
    Diagnosis("mean that is subtracted", pictures.not_centred, has_pictures),
    Diagnosis("scale of the inputs", pictures.scaled_wrongly, has_pictures),
    Diagnosis("classes without pictures", classes.missing_classes, has_pictures),
    Diagnosis("a class that dominates", classes.one_dominates, has_pictures),
    Diagnosis("equal pictures under two labels", pictures.under_two_labels, has_pictures),
    Diagnosis("labels that follow the pictures", labels.shuffled, has_pictures),
    Diagnosis("order of the classes in both parts", labels.renamed, has_pictures),
    Diagnosis("turned or recoloured validation pictures", preparation.turned_or_recoloured, has_pictures),
    Diagnosis("red and blue in both parts", preparation.red_for_blue, has_pictures),
    Diagnosis("brightness, contrast and sharpness of both parts", preparation.other_statistics, has_pictures),
    Diagnosis("wrong labels in a part", labels.partly_wrong, has_pictures),
    Diagnosis("equal pictures in both parts", pictures.in_both_parts, has_pictures),
    Diagnosis("similar pictures in both parts", pictures.alike_in_both_parts, has_pictures),
    Diagnosis("frozen layers", layers.frozen, has_network),
    Diagnosis("batch", settings.batch_too_large, is_in_doubt),
    Diagnosis("momentum", settings.momentum_too_high, is_in_doubt),
    Diagnosis("weight decay", settings.decay_too_high, is_in_doubt),
    Diagnosis("course of the rate", settings.rate_falls_too_early, both_and_log),
    Diagnosis("first weights", trials.small_start, is_in_doubt),
    Diagnosis("a rate that is too high, by a sweep", trials.rate_too_high, is_in_doubt),
    Diagnosis("a rate that is too low, by the same sweep", trials.rate_too_low, is_in_doubt),
    Diagnosis("dead units", layers.dead, both),
    Diagnosis("learning at any rate", trials.learns_at_no_rate, is_in_doubt),
    Diagnosis("overfitting", course.overfitting, has_log),
    Diagnosis("underfitting", course.underfitting, both_and_log),
)


def examine(patient: Patient) -> tuple[list[Fault], list[str]]:
    """(faults, most likely first, at most MOST_TOLD; what was checked). A fault that blocks ends the examination."""
    faults: list[Fault] = []
    checked: list[str] = []
    for diagnosis in DIAGNOSES:
        if not diagnosis.possible(patient):
            continue
        checked.append(diagnosis.looks_at)
        if fault := diagnosis.find(patient):
            faults.append(fault)
            if fault.blocks:
                break
    return sorted(faults, key=lambda fault: not fault.blocks)[:MOST_TOLD], checked
