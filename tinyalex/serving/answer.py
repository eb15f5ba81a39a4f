"""An answer in the words of the service: for programs as JSON, for a chatbot in one sentence."""

from typing import Any

from tinyalex.library import Answer
from tinyalex.serving.stand_in import Classification


def answer_json(id: str, classification: Classification, calibrated: bool) -> dict[str, Any]:
    """What a client is told about one picture. Without certainty there is no label, and a reason instead."""
    first, sure = classification.answers[0], classification.sure
    return {
        "id": id,
        "label": first.name if sure else None,
        "class_id": first.id if sure else None,
        "probability": first.probability if sure else None,
        "sure": sure,
        "reason": None if sure else classification.reason,
        "top": [{"label": a.name, "class_id": a.id, "probability": a.probability} for a in classification.answers],
        "text": in_a_sentence(classification, calibrated),
    }


def in_a_sentence(classification: Classification, calibrated: bool) -> str:
    """A sentence to say to a person, which does not claim more than the network knows."""
    first, *others = classification.answers
    if classification.sure:
        caveat = "" if calibrated else ", a figure that has not been checked against pictures"
        return f"This looks like “{first.name}” to me: I give it {percent(first)}{caveat}."
    second = f", or “{others[0].name}” ({percent(others[0])})" if others else ""
    return f"I am not sure what this shows: it may be “{first.name}” ({percent(first)}){second}."


def percent(answer: Answer) -> str:
    """A probability for people. It never claims certainty: "more than 99 %", not "100 %"."""
    if answer.probability > 0.99:
        return "more than 99 %"
    return "less than 1 %" if answer.probability < 0.01 else f"{answer.probability:.0%}".replace("%", " %")
