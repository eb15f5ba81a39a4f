"""A fault: the answer of a diagnosis."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Fault:
    """A cause, in words; the evidence, with numbers; a command or advice to try.

    blocks: whether it spoils what later diagnoses measure, so that the examination ends here
    """

    cause: str
    evidence: str
    advice: str
    blocks: bool = True

    def to_dict(self):
        values = asdict(self)
        return {"cause": values["cause"], "evidence": values["evidence"], "try": values["advice"]}
