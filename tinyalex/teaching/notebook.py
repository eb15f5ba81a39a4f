"""The functions that notebook cells call. A learner's answer never makes them raise."""

import base64
import inspect
import io
import textwrap
from math import isfinite
from numbers import Integral, Real

from tinyalex.teaching import learner, lessons
from tinyalex.teaching.examine import examine
from tinyalex.teaching.exercise import NotDoneYet
from tinyalex.teaching.lessons import find_exercise, find_lesson
from tinyalex.teaching.mistakes import NOT_DONE, NOT_YET, RIGHT


def lesson(number):
    """Print the lesson's title, its computing time, and how many checks have passed."""
    this = find_lesson(number)
    done = sum(learner.progress().get(exercise.id) == RIGHT for exercise in this.exercises)
    passed = f"Checks passed: {done} of {len(this.exercises)}."
    end = "" if this.title.endswith("?") else "."
    print(f"Lesson {this.number}: {this.title}{end} About {this.seconds} s of computing. {passed}")


def todo():
    """The body of an exercise that the learner has not written yet. Raises NotDoneYet."""
    raise NotDoneYet


def check(name, function, seconds=None):
    """Judge an answer, print the verdict, and return the learner's function if it is right, else ours.

    So the cells that follow always run, on the learner's own code once it is right. UserError for an unknown exercise.
    seconds: the time limit; None: TINYALEX_CHECK_SECONDS in the environment, else 30
    """
    exercise = find_exercise(name)
    verdict = examine(exercise, function, seconds)
    learner.remember(name, verdict.state)
    if verdict.state == RIGHT:
        print(f"{name}: right ({verdict.text}). What follows uses yours.")
        return function
    if verdict.state == NOT_DONE:
        print(f"{name}: not done yet. What follows uses ours; {_offer(exercise)}")
    else:
        print(f"{name}: {NOT_YET}. {verdict.text}\n(What follows uses ours; {_offer(exercise)})")
    return exercise.ours


def _offer(exercise):
    return f'hint("{exercise.id}", 1) helps.'


def hint(name, number=1):
    """Print a hint: 1 asks a question, 2 gives the formula, 3 the decisive line."""
    hints = find_exercise(name).hints
    if number not in range(1, len(hints) + 1):
        print(f"There are hints 1 to {len(hints)}; after them, reveal({name!r}).")
    else:
        print(f"Hint {number} of {len(hints)}: {hints[number - 1]}")


def reveal(name):
    """Print the source of a right answer."""
    print(textwrap.dedent(inspect.getsource(lessons.solutions(name)[0])).rstrip())


def answer(guess, value, unit="", digits=3):
    """Print the value, and how close the guess was. guess: a number, or None for no guess yet;  digits: significant."""
    unit = f" {unit}" if unit else ""
    whole = isinstance(value, Integral)
    actual = f"It is {value:,}{unit}" if whole else f"It is {float(value):,.{digits}g}{unit}"
    if guess is None:
        print(f"{actual}. (You have not guessed: write a number for `guess` above, and run both cells again.)")
    elif not isinstance(guess, Real) or not isfinite(guess):
        found = f"an array of shape {guess.shape}" if hasattr(guess, "shape") else repr(guess)
        print(f"{actual}. A number was expected as a guess, not {found}.")
    elif guess == value or abs(guess - value) <= 0.005 * abs(value):
        print(f"{actual}: exactly what you said.")
    else:
        side = "high" if guess > value else "low"
        print(f"{actual}. You said {guess:,}{unit}: {_how_far(guess, value)} too {side}.")


def _how_far(guess, value):
    """The distance from a value: in per cent or as a factor if both are above 0, else the difference."""
    if guess <= 0 or value <= 0:
        return f"{abs(guess - value):,.3g}"
    ratio = guess / value
    return f"{abs(ratio - 1):.0%}" if 0.5 <= ratio <= 2 else f"{max(ratio, value / guess):,.3g} times"


def show(figure, alt):
    """Show a Matplotlib figure as a picture with alternative text, and close it."""
    from matplotlib import pyplot as plt

    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=80, bbox_inches="tight", facecolor="white", metadata={"Software": None})
    plt.close(figure)
    try:
        from IPython.display import display
    except ImportError:
        return
    data = {"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": alt}
    display(data, raw=True, metadata={"image/png": {"alt": alt}})
