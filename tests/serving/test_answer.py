"""The sentence for a chatbot says what is known, and that it is not sure where it is not."""

import pytest

pytest.importorskip("granian", reason="needs the packages of tinyalex[serve]")
pytestmark = pytest.mark.serve

from tinyalex.classifier import Answer, Classification  # noqa: E402
from tinyalex.serving.answer import answer_json, in_a_sentence, percent  # noqa: E402

CAT, DOG = Answer("tabby cat", "n1", 0.62), Answer("dog", "n2", 0.3)
UNSURE = Classification([CAT, DOG], False, "its confidence is below 80%")


def test_sentences():
    sure = Classification([CAT, DOG], True, "")
    assert in_a_sentence(sure, True) == "This looks like “tabby cat”: the chance is 62%."
    assert in_a_sentence(UNSURE, True) == "I am not sure what this shows: it may be “tabby cat” (62%), or “dog” (30%)."
    said = "My best guess is “tabby cat”, to which I give 62%; nobody has checked how often such guesses are right."
    assert in_a_sentence(sure, False) == said
    assert in_a_sentence(Classification([CAT], False, "x"), True).endswith("it may be “tabby cat” (62%).")


@pytest.mark.parametrize(
    "p, said", [(1.0, "more than 99%"), (0.999, "more than 99%"), (0.99, "99%"), (0.004, "less than 1%")]
)
def test_nothing_is_certain(p, said):
    assert percent(CAT._replace(probability=p)) == said


def test_an_abstention_has_no_label():
    found = answer_json("a1", UNSURE, True)
    assert found["label"] is found["class_id"] is found["probability"] is None and found["sure"] is False
    assert found["reason"] == UNSURE.reason and found["top"][0] == {
        "label": "tabby cat",
        "class_id": "n1",
        "probability": 0.62,
    }
