"""The functions that notebooks call: begin a lesson, check answers, give hints, judge guesses, show figures."""

from tinyalex.teaching.exercise import NotDoneYet
from tinyalex.teaching.notebook import answer, check, hint, lesson, reveal, show, todo
