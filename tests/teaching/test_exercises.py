"""Every exercise of every lesson: all right answers are judged right, and every mutant is told its own mistake."""

import pytest

from tests.teaching.mutants import mutants
from tinyalex.teaching import lessons
from tinyalex.teaching.examine import examine
from tinyalex.teaching.exercise import NotDoneYet
from tinyalex.teaching.explain import versions
from tinyalex.teaching.lessons import find_exercise, find_lesson
from tinyalex.teaching.mistakes import NOT_DONE, NOT_YET, RIGHT

WRITTEN = [number for number in lessons.numbers() if (lessons.FOLDER / "solutions" / f"{number}.py").exists()]
EXERCISES = [exercise for number in WRITTEN for exercise in find_lesson(number).exercises]
MUTANTS = [mutant for number in WRITTEN for mutant in mutants(number)]


def tells(verdict, mistake):
    """Whether a verdict names a mistake, alone or with a dtype or kind that is not kept."""
    return verdict.wrong in (mistake, f"two: {mistake} + C16", f"two: {mistake} + kind")


def ids(value):
    return getattr(value, "id", None) or getattr(value, "__name__", None) or str(value)


@pytest.mark.parametrize("exercise", EXERCISES, ids=ids)
def test_every_right_answer_is_right(exercise):
    answers = lessons.solutions(exercise.id)
    assert answers[0].__name__ == exercise.name and len(answers) >= 2
    for function in (exercise.ours, *answers):
        verdict = examine(exercise, function)
        assert verdict.state == RIGHT, f"{function.__name__}: {verdict.text}"


@pytest.mark.parametrize("name, mistake, function", MUTANTS, ids=ids)
def test_every_mutant_is_told_its_mistake(name, mistake, function, monkeypatch):
    monkeypatch.setattr(versions, "SECONDS", 2 * versions.SECONDS if mistake else 0.5)  # None: no search explains it
    verdict = examine(find_exercise(name), function)
    assert verdict.state == NOT_YET and tells(verdict, mistake), (verdict.wrong, verdict.text)
    assert verdict.text


@pytest.mark.parametrize("exercise", EXERCISES, ids=ids)
def test_an_exercise_is_well_made(exercise):
    def todo(*arguments):
        raise NotDoneYet

    assert examine(exercise, todo).state == NOT_DONE
    assert len(exercise.hints) == 3 and all(exercise.hints)
    assert examine(exercise, None).state == NOT_YET
    found = examine(exercise, lambda *arguments: 1 / 0)
    assert found.state == NOT_YET and "ZeroDivisionError" in found.text


@pytest.mark.parametrize("exercise", EXERCISES, ids=ids)
def test_known_mistakes_are_told_apart(exercise):
    """Every wrong version of an exercise is judged wrong, under its own id."""
    for known in exercise.wrong:
        verdict = examine(exercise, known.function)
        assert verdict.state == NOT_YET and tells(verdict, known.id), (known.message, verdict.text)
        assert known.message in verdict.text or verdict.wrong in ("C16", "unchanged")
