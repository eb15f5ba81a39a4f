"""Judge an answer: right, or which mistake it makes, or where it first differs.

The first of these checks that fails decides the verdict:
  not done yet
  form: shapes, finite values, inputs unchanged, two calls agree
  properties
  values; `tinyalex.teaching.mistakes` names what is wrong
  kinds and dtypes (`forms.EARLY`)
  late properties
  digits, float32, views, read-only arrays, arrays kept between calls (`forms.LATE`)
  huge, tiny, zero, one of each, very many (`corners.CORNERS`)
"""

import copy
import linecache
import traceback
import warnings

import numpy as np

from tinyalex.teaching import corners, forms
from tinyalex.teaching.exercise import NotDoneYet, WrongKind, kind_of
from tinyalex.teaching.explain.fresh import fresh_answers
from tinyalex.teaching.explain.minus_zero import empty_slice
from tinyalex.teaching.explain.versions import numbered, outputs
from tinyalex.teaching.limits import OutOfTime, limited, silent, time_limit, too_large
from tinyalex.teaching.mistakes import NOT_DONE, NOT_YET, RIGHT, Judged, Verdict, name_the_failure, name_the_mistake
from tinyalex.teaching.values import agree, relative_error
from tinyalex.teaching.where import entry, shape_in_words


def examine(exercise, function, seconds=None):
    """The `Verdict` on a learner's function. Raises nothing but KeyboardInterrupt, whatever the function does.

    seconds: the time limit of the whole check; None: `time_limit` decides
    """
    seconds = time_limit(seconds)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            with limited(seconds):
                return Case(exercise, function).verdict()
        except Judged as judged:
            return judged.verdict
        except OutOfTime as error:
            return still_running(exercise, seconds, _own_line(exercise, error))
        except (Exception, SystemExit) as error:  # last resort: a learner's code must not cause a traceback of ours
            text = f"The check failed on what {exercise.name} does ({type(error).__name__}: {message_of(error)})."
            return Verdict(NOT_YET, text, "check")


def still_running(exercise, seconds, where=""):
    """The `Verdict` on a function that the time limit ended."""
    text = f"{exercise.name} was still running after {seconds:g} s: look for a loop that does not end."
    return Verdict(NOT_YET, text + where, "time")


SYMPTOMS = ("ignored", "mixed", "shape", "single")  # they may have the same cause


class Case:
    """A learner's function for an exercise, and its answers to the probes.

    named: False to judge only whether it is right, as of an edited version
    """

    def __init__(self, exercise, function, named=True):
        self.exercise, self.function, self.named = exercise, function, named
        self.calls, self.answers, self.fresh = [], [], []

    def verdict(self):
        """RIGHT. `Judged` if it is not."""
        exercise = self.exercise
        if not callable(self.function):
            raise Judged(f"{exercise.name} is {kind_of(self.function)}, expected a function.", "kind")
        self.calls = [probe() for probe in exercise.probes]
        for place, arguments in enumerate(self.calls):
            try:
                self.answers.append(Answer(self, arguments))
            except Failed as failed:
                if self.named:
                    name_the_failure(self, place, failed)
                raise
        for answer in self.answers:
            self._check_form(answer)
        self._check_properties(late=False)
        entries, error = 0, 0.0
        if exercise.compare and self.answers:
            if any(not answer.right() for answer in self.answers):
                self.name_the_mistake()
            self._check_forms(forms.EARLY)
            entries = sum(value.size for answer in self.answers for value in answer.found.values())
            error = max(answer.error() for answer in self.answers)
        self._check_properties(late=True)
        if exercise.compare:
            self._check_forms(forms.LATE)
            self._check_forms(corners.CORNERS)
        if not entries:
            return Verdict(RIGHT, "everything asked for holds")
        return Verdict(RIGHT, f"{error:.0e} over {entries:,} entries" if error else f"exact in {entries:,} entries")

    def is_right(self, function):
        """Whether another function passes every check."""
        try:
            return Case(self.exercise, function, named=False).verdict().state == RIGHT
        except Judged:
            return False

    def name_the_mistake(self, otherwise=None):
        """Raise `Judged` with what is wrong with the values; otherwise: (text, id) if nothing explains it.

        A dtype that is not kept is told too: it is a mistake of its own, but where one change of the source mends all.
        """
        if not self.named:
            raise Judged(*(otherwise or ("wrong",)))
        self.fresh = list(fresh_answers(self, Answer))
        try:
            name_the_mistake(self, otherwise)
        except Judged as judged:
            if not (judged.verdict.wrong or "").startswith("line-"):
                self._add_the_dtype(judged.verdict)
            raise

    def _add_the_values(self, text):
        """Raise `Judged` with what is wrong with the values too, if that has a name."""
        try:
            name_the_mistake(self)
        except Judged as judged:
            more = judged.verdict
            if more.wrong and more.wrong not in SYMPTOMS and not more.wrong.startswith("two: "):
                raise Judged(numbered(text, more.text), f"two: unchanged + {more.wrong}") from None

    def _add_the_dtype(self, told):
        """Raise `Judged` with another verdict too if the dtype is not kept, or whole numbers are floats."""
        try:
            forms.of_the_dtype(self, self.answers[0])
            counts = all(v.dtype.kind in "biu" for answer in self.answers for v in answer.expected.values())
            if counts and all(np.array_equal(v, np.round(v)) for v in self.answers[0].found.values()):
                forms.whole_numbers(self, self.answers[0])
        except Failed:
            return
        except Judged as judged:
            more = judged.verdict
            if told.wrong and told.wrong not in SYMPTOMS and not told.wrong.startswith("two: "):
                raise Judged(numbered(told.text, more.text), f"two: {told.wrong} + {more.wrong}") from None

    # ------------------------------------------------------------------------------------------ calling

    def call(self, arguments):
        """(the learner's outputs as arrays, {name: as returned}, arguments after the call). `Judged` if it fails."""
        arguments = copy.deepcopy(arguments)
        values = self.raw(arguments)
        return {name: as_array(name, value) for name, value in values.items()}, values, arguments

    def raw(self, arguments):
        """{name: value} for arguments that may be written into. `Judged` if it raises or returns another kind."""
        exercise = self.exercise
        try:
            with np.errstate():  # undo the learner's own settings after the call
                return exercise.read(self.function(*arguments), arguments)
        except NotDoneYet:
            raise Judged("", state=NOT_DONE) from None
        except WrongKind as error:
            raise Judged(f"{exercise.name} {error}.", "kind") from None
        except (Exception, SystemExit) as error:
            raise Failed(_failure(exercise, error), error) from None

    def ours(self, arguments):
        """The outputs of our version: {name: array}."""
        return outputs(self.exercise, self.exercise.ours, copy.deepcopy(arguments))

    def argument(self, place):
        """The name of an argument."""
        code = self.exercise.ours.__code__
        return code.co_varnames[place] if place < code.co_argcount else f"argument {place + 1}"

    # ------------------------------------------------------------------------------------------ form

    def _check_form(self, answer):
        exercise = self.exercise
        for name, expected in answer.expected.items():
            found = answer.found[name]
            if found.shape != expected.shape:
                more = shape_in_words(exercise, name, found.shape, expected.shape)
                text = f"{name}.shape is {found.shape}, expected {expected.shape}."
                self.name_the_mistake((f"{text} {more}".rstrip(), "shape" if more else None))
        for name, expected in answer.expected.items():
            if np.isfinite(expected).all() and not np.isfinite(answer.found[name]).all():
                index = tuple(int(i) for i in np.argwhere(~np.isfinite(answer.found[name]))[0])
                where = entry(exercise, name, index, expected.ndim)
                words = f"{where} is {answer.found[name][index]}, expected {expected[index]:.6g}."
                by_hand = exercise.by_hand(answer.arguments, name, index) if exercise.by_hand else ""
                self.name_the_mistake(("\n".join(filter(None, (words, by_hand))), None))
        for place, (before, after) in enumerate(zip(answer.arguments, answer.after)):
            if place not in exercise.changes and not _same(before, after):
                name = self.argument(place)
                text = f"{exercise.name} wrote into {name}: the caller may still need its values. Work on a copy."
                if self.named and exercise.compare and any(not a.right() for a in self.answers):
                    self._add_the_values(text)  # a copy would not make them right
                raise Judged(text, "unchanged")
        again = self.call(answer.arguments)[0]
        if exercise.compare and not all(
            np.array_equal(again[n], answer.found[n], equal_nan=True) for n in answer.found
        ):
            raise Judged(f"Two calls of {exercise.name} with the same arguments give different results.", "twice")

    def _check_forms(self, checks):
        with silent():
            for check in checks:
                for answer in self.answers:
                    check(self, answer)

    def _check_properties(self, late):
        for held in self.exercise.properties:
            if held.late == late:
                try:
                    self._check_property(held)
                except Judged as judged:
                    if self.named and judged.verdict.wrong == held.id:
                        self._add_a_property(held, judged.verdict)
                    raise

    def _add_a_property(self, first, told):
        """Raise `Judged` with the first property that fails too, of those about something else than one that fails.

        The others are counted
        """
        about, properties, more = set(first.about.split()), self.exercise.properties, []
        for held in properties[properties.index(first) + 1 :]:
            if about and held.about and not about & set(held.about.split()):
                try:
                    self._check_property(held)
                except OutOfTime:
                    break
                except Judged as judged:
                    if judged.verdict.wrong == held.id:
                        about |= set(held.about.split())
                        more.append(judged.verdict)
        if more:
            text = numbered(told.text, more[0].text, of=1 + len(more))
            raise Judged(text, f"two: {told.wrong} + {more[0].wrong}") from None

    def _check_property(self, held):
        exercise = self.exercise
        try:
            found = held.holds(self.function)
        except NotDoneYet:
            raise Judged("", state=NOT_DONE) from None
        except Judged:  # of the learner's own code, which it runs again
            raise
        except WrongKind as error:
            raise Judged(f"{exercise.name}: {error}.", "kind") from None
        except (Exception, SystemExit) as error:
            raise Judged(*self._with_empty_slice(held, _failure(exercise, error), None)) from None
        if _fails(found):
            text = f"{held.message} {found}".strip() if isinstance(found, str) else held.message
            raise Judged(*self._with_empty_slice(held, text, held.id))

    def _with_empty_slice(self, held, text, id):
        """(text, id); a slice that ends at -0 is told with it, and gives its id, if a property fails because of it."""
        empty = self.named and empty_slice(self.function, lambda function: not _fails(held.holds(function)))
        return (f"{text}\n{empty.text}", empty.id) if empty else (text, id)


def _fails(found):
    """Whether a property's `holds` returned that it fails."""
    return isinstance(found, str) or isinstance(found, (bool, np.bool_)) and not found


class Answer:
    """One call of the learner's function: its outputs (`found`), and ours for the same arguments (`expected`)."""

    def __init__(self, case, arguments):
        self.exercise, self.arguments = case.exercise, arguments
        self.expected = case.ours(arguments)
        found, self.returned, self.after = case.call(arguments)
        self.found = {name: value.copy() for name, value in found.items()}  # a later call may write into it

    def right(self, output=None):
        names = self.expected if output is None else [output]
        return all(agree(self.found[name], self.expected[name]) for name in names)

    def error(self):
        """The largest relative error of all outputs."""
        return max((relative_error(self.found[name], value) for name, value in self.expected.items()), default=0.0)

    def matches(self, function, names):
        """Whether another function gives the learner's values for these outputs."""
        try:
            other = outputs(self.exercise, function, copy.deepcopy(self.arguments))
            return all(agree(self.found[name], other[name]) for name in names)
        except Exception:  # a wrong version may fail on a probe
            return False


class Failed(Judged):
    """The learner's function raises an exception, `error`."""

    def __init__(self, text, error):
        super().__init__(text)
        self.error = error


def as_array(name, value):
    """One output of the learner's function as an array. `Judged` if it is not made of numbers."""
    if not isinstance(value, (np.ndarray, np.generic, float, int)):
        raise Judged(f"{name} is {kind_of(value)}, expected an array.", "kind")
    if isinstance(value, (np.matrix, np.ma.MaskedArray)):  # later code would multiply them in another way
        raise Judged(f"{name} is {type(value).__name__}, expected a plain array.", "kind")
    value = np.asarray(value)
    if value.dtype.kind not in "biuf":
        raise Judged(f"{name} is an array of {value.dtype}, expected an array of numbers.", "kind")
    return value


def _failure(exercise, error):
    """The error, and the line of the learner's function that caused it."""
    where = _own_line(exercise, error)
    if not where and isinstance(error, TypeError) and error.__traceback__.tb_next is None:  # the call itself
        code = exercise.ours.__code__
        where = f"\nIt is called as {exercise.name}({', '.join(code.co_varnames[: code.co_argcount])})."
    if isinstance(error, MemoryError):
        return f"{exercise.name} {too_large(message_of(error))}{where}"
    first_line = (message_of(error).splitlines() or [""])[0]
    return f"{exercise.name} fails with {type(error).__name__}: {first_line}{where}"


def _own_line(exercise, error):
    """The last line of the learner's function that ran, as "\\nin its line 3: …"; "" if unknown."""
    own = [f for f in traceback.extract_tb(error.__traceback__) if f.name == exercise.name]
    line = linecache.getline(own[-1].filename, own[-1].lineno).strip() if own else ""
    return f"\nin its line {own[-1].lineno}: {line}" if line else ""


def message_of(error):
    """The message of an exception; "" if the learner's own class cannot produce one."""
    try:
        return str(error)
    except Exception:
        return ""


def _same(before, after):
    if isinstance(before, np.ndarray):
        return isinstance(after, np.ndarray) and np.array_equal(before, after, equal_nan=before.dtype.kind == "f")
    if isinstance(before, (tuple, list)):
        return len(before) == len(after) and all(map(_same, before, after))
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(_same(before[key], after[key]) for key in before)
    return True
