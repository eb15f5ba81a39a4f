"""One lesson in JupyterLab in Chromium, as a learner sees it."""

import pytest

from tests.browser import MISSING
from tests.teaching import browser_trial
from tinyalex.teaching import lessons
from tinyalex.teaching.lessons import find_lesson

WRITTEN = [number for number in lessons.numbers() if list(lessons.FOLDER.glob(f"{number}_*.ipynb"))]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(MISSING, reason="needs chromium and chromedriver")]


def test_a_wrong_answer_then_a_right_one(tmp_path):
    number = "06" if "06" in WRITTEN else WRITTEN[0]
    said = browser_trial.trial(number, tmp_path)
    name = find_lesson(number).exercises[0].id
    assert said["at first"].startswith(f"{name}: not done yet.")
    assert said["wrong"].startswith(f"{name}: not yet. {said['message'][:40]}")
    assert said["right"].startswith(f"{name}: right (")
    assert said["progress"] == {name: "right"}
    assert all((tmp_path / f"{state}.png").stat().st_size > 20_000 for state in ("wrong", "right"))
