"""Ways to spoil JSON values that are right, and the texts that they are written as."""

import copy
import json

from tests.fuzzing.damage import spoiled

OTHERS = (
    *(None, True, False, 0, 1, -1, 3, 0.5, -0.5, 1e300, 1e-300, 2**31, 2**63 - 1, 2**63, 10**30, 10**300),
    *(float("nan"), float("inf"), -float("inf")),
    *(
        "",
        "x",
        "0",
        "nan",
        "x" * 300,
        "x" * 20_000,
        "é犬",
        "\0",
        "a\0b",
        "\ud800",
        "\udc80",
        "\x1b[2J",
        "../../x",
        "/",
        "%s{0}",
    ),
    *([], {}, [[]], [None], {"": None}, [0] * 1000, ["x"] * 3, {"x": 1}, [[0, 0, 0]] * 3),
)
DEEP = (40, 900, 5_000, 200_000)


def written(random, value, share=0.15):
    """The bytes of a JSON text of a value; a share of them is spoiled as bytes, or nested."""
    text = json.dumps(value)
    fate = random.random() / share
    if fate < 0.2:
        text = nested(random, text)
    data = text.encode()
    return spoiled(random, data) if 0.2 <= fate < 1 else data


def nested(random, text):
    """The text with thousands of brackets in the place of some value, closed or not."""
    depth, (open_, close) = random.choice(DEEP), random.choice((("[", "]"), ('{"a":', "}")))
    brackets = open_ * depth + ("1" if close == "}" else "") + random.choice((close, "")) * depth
    places = [n for n, letter in enumerate(text) if letter in ":[,"] or [0]
    at = random.choice(places) + 1
    return text[:at] + brackets + random.choice((",", "")) + text[at:]


def changed(random, value, most=2):
    """A copy of the value with one to `most` faults: other kinds and numbers, entries lost, renamed or doubled."""
    value = json.loads(json.dumps(value))
    for _ in range(random.randint(1, most)):
        holders = [one for one in _all(value) if isinstance(one, (dict, list)) and one]
        if not holders:
            return copy.deepcopy(random.choice(OTHERS))
        if random.random() < 0.02:
            return copy.deepcopy(random.choice(OTHERS))
        _spoil(random, random.choice(holders))
    return value


def _all(value):
    yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _all(one)


def _spoil(random, holder):
    key = random.choice(list(holder)) if isinstance(holder, dict) else random.randrange(len(holder))
    fate = random.random()
    if fate < 0.65:
        holder[key] = _like(random, holder[key]) if fate < 0.2 else copy.deepcopy(random.choice(OTHERS))
    elif fate < 0.8:
        del holder[key]
    elif isinstance(holder, dict):
        holder[random.choice(("", "x", "kind", "extra", "x" * 2000, "\ud800", key.upper()))] = holder[key]
    else:
        holder[key:key] = [holder[key]] * random.choice((1, 2, 100))


def _like(random, value):
    """Another value of the same kind."""
    if isinstance(value, str):
        return random.choice((value + "x", value[:-1], value * 2, value.upper(), f"{value}+x", ""))
    if isinstance(value, (int, float)):
        return random.choice((value + 1, value - 1, -value, value * 10**6, value / 7, 0))
    return value
