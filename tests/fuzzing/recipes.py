"""Damaged recipes, read as by `train --recipe`, and shown."""

from argparse import Namespace

from tests.fuzzing.damage import spoiled
from tinyalex.commands.recipes import run, show
from tinyalex.training.recipes import FOLDER, recipe_names

VALUES = (
    *("0", "1", "-1", "3.5", "-0.0", "nan", "inf", "1e999", "true", '""', '"x"', "[]", "{}", "{a = 1}", "2026-11-29"),
    *("07:32:00", "9" * 30, "1" + "0" * 400, "1" * 5000, '"' + "x" * 300 + '"', '"\\u0000"', "0x7fffffffffffffffffff"),
    *("[" * 10_000, "[" * 100 + "]" * 100, "{a=" * 5_000, "'''", '"cosine:1e9"', '"steps:1,2,99999999999"', "[[[]]]"),
)
LINES = (
    *(
        "[settings]",
        "[reached]",
        "[[settings]]",
        "[a" + ".a" * 3_000 + "]",
        "a" + ".a" * 3_000 + " = 1",
        "x = 1",
        "= 1",
    ),
    *(
        'layer_lr = "conv1:0:1"',
        'schedule = "plateau:1"',
        "patience = 1",
        "seed = 1",
        'start_from = "x"',
        "\\",
        "#" * 1000,
    ),
)


def setup(folder):
    return [(FOLDER / f"{name}.toml").read_text() for name in recipe_names()]


def make(random, folder, shared):
    lines = random.choice(shared).splitlines()
    for _ in range(random.randint(0, 3)):
        at, fate = random.randrange(len(lines)), random.random()
        key, equals, _ = lines[at].partition(" = ")
        if fate < 0.6 and equals:
            lines[at] = f"{key} = {random.choice(VALUES)}"
        elif fate < 0.8:
            lines.insert(at, random.choice((*LINES, *lines)))
        else:
            del lines[at]
        lines = lines or [""]
    data = "\n".join(lines).encode()
    file = folder / "recipe.toml"
    file.write_bytes(spoiled(random, data) if random.random() < 0.2 else data)
    return lambda: show(run(Namespace(recipe=str(file))))
