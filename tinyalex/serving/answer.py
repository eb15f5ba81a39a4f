"""An answer in the words of the service: for programs as JSON, for a chatbot in one sentence."""

from typing import Any

from tinyalex.classifier import Answer, Classification


def answer_json(id: str, classification: Classification, calibrated: bool) -> dict[str, Any]:
    """The answer about one picture. If the network is not sure, it has a reason in place of a label."""
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
    """A sentence to say to a person, which claims no more than the network knows."""
    first, *others = classification.answers
    if classification.sure and calibrated:
        return f"This looks like “{first.name}”: the chance is {percent(first)}."
    if classification.sure:
        guess = f"My best guess is “{first.name}”, to which I give {percent(first)}"
        return f"{guess}; nobody has checked how often such guesses are right."
    second = f", or “{others[0].name}” ({percent(others[0])})" if others else ""
    return f"I am not sure what this shows: it may be “{first.name}” ({percent(first)}){second}."


def percent(answer: Answer) -> str:
    """A probability for people, which is never said to be certain."""
    if answer.probability > 0.99:
        return "more than 99%"
    return "less than 1%" if answer.probability < 0.01 else f"{answer.probability:.0%}"
