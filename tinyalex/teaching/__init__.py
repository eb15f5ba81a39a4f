"""What the lessons import: a setup line, exercises that are judged in words, hints, questions to predict, figures."""

from tinyalex.teaching.exercise import NotDoneYet
from tinyalex.teaching.notebook import answer, check, hint, lesson, reveal, show, todo

__all__ = ["NotDoneYet", "answer", "check", "hint", "lesson", "reveal", "show", "todo"]
