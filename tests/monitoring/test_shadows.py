"""The model asked beside the one that answers: disagreements are counted by class, whatever the classes' order."""

from tests.monitoring.test_log import request
from tinyalex.monitoring.log import LoggedModel
from tinyalex.monitoring.shadows import shadows
from tinyalex.monitoring.window import Window


def test_shadows_say_who_was_right(tmp_path):
    about = {"model": "m", "class_ids": ["n1", "n2", "n3"], "class_names": ["cat", "dog", "cow"], "calibration": None}
    turned = about | {"class_ids": ["n3", "n2", "n1"], "class_names": ["cow", "dog", "cat"]}
    models = {"a" * 64: LoggedModel("a" * 64, "first", about), "b" * 64: LoggedModel("b" * 64, "second", turned)}
    rows = [(0, 2, 0), (0, 1, 0), (0, 1, 0), (0, 1, 1), (0, 1, 2), (1, 0, None), (1, 1, None)]  # live, shadow, truth
    requests = [
        request(n, label=live, shadow="b" * 64, shadow_label=theirs, shadow_confidence=0.5, shadow_sure=n > 0)
        for n, (live, theirs, _) in enumerate(rows)
    ]
    (found,) = shadows(Window([*requests, request(9)], [*(row[2] for row in rows), None], models))
    assert (found["asked"], found["disagree"], found["only_one_sure"], found["labelled"]) == (7, 5, 1, 4)
    assert found["right"] == {"live": 2, "shadow": 1, "neither": 1} and found["p"] == 1.0
    assert found["pairs"] == [("cat", "dog", 4), ("dog", "cow", 1)] and found["examples"][0] == "r5"
