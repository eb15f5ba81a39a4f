"""`tinyalex recipes`: settings for a data set, with the errors that they reached and the time that they took."""

import shlex
from dataclasses import asdict

from tinyalex.commands.options import print_table, print_text
from tinyalex.experiments.comparison import points
from tinyalex.lines import command
from tinyalex.training.recipes import find_recipe, recipe_names

DESCRIPTION = """\
List the recipes that `train --recipe` takes, with the errors and the time of their recorded runs. With NAME, show \
one: its model, its pictures, its settings, the command that ran it, and its errors without one part at a time. An \
error is the last epoch's, on the validation pictures; no epoch is chosen by it."""
EXAMPLES = ("tinyalex recipes", "tinyalex recipes tiny-imagenet-10", "tinyalex recipes mine.toml --json")

ERRORS = {"top1_error": "top-1 error", "top5_error": "top-5", "ten_crop_top1_error": "top-1, ten crops"}
WITHOUT = ("without", "options", "top-1 error", "change, percentage points", "95 % interval")


def add_arguments(parser):
    parser.add_argument("recipe", metavar="NAME", nargs="?", help="a name from that list, or your own .toml file")


def run(args):
    if args.recipe is not None:
        return {"recipe": asdict(find_recipe(args.recipe))}
    return {"recipes": [asdict(find_recipe(name)) for name in recipe_names()]}


def show(result):
    if "recipe" in result:
        return _show_one(result["recipe"])
    rows = [(one["name"], one["model"] or "any", *figures(one["reached"])) for one in result["recipes"]]
    print_table(("recipe", "model", "minutes", *ERRORS.values()), rows, right=(2, 3, 4, 5))
    print_text("\n–: no recorded run")


def figures(reached):
    """[minutes, the errors] as texts."""
    if not reached:
        return ["–"] * (1 + len(ERRORS))
    minutes = reached["minutes"]
    return [f"{minutes:.0f}" if minutes >= 10 else f"{minutes:.2g}", *(f"{reached[key]:.1%}" for key in ERRORS)]


def _show_one(recipe):
    print_text(f"{recipe['name']}: {recipe['about']}\n")
    kept = {"model": recipe["model"], "pictures": recipe["data"], "start from": recipe["start_from"]}
    given = {name: value for name, value in kept.items() if value is not None} | recipe["settings"]
    rows = [(name, str(value).lower() if isinstance(value, bool) else value) for name, value in given.items()]
    print_table(("setting", "value"), rows)  # true and false, as in the file
    reached = recipe["reached"]
    if not reached:
        print_text("\nNo run of it is recorded.")
        return
    minutes, *errors = figures(reached)
    print()
    print_table(("reached", reached["date"]), list(zip(ERRORS.values(), errors)), right=(1,))
    seeds = f"seed{'s' if len(reached['seeds']) > 1 else ''} {', '.join(map(str, reached['seeds']))}"
    print_text(f"\n{minutes} minute{'' if minutes == '1' else 's'} on {reached['hardware']}; {seeds}")
    print_text(f"\n  {command(*shlex.split(reached['command'])[1:])}")
    if recipe["without"]:
        print()
        print_table(WITHOUT, list(map(_without, recipe["without"])), right=(2, 3, 4))
        print_text("\nIntervals cover the choice of validation pictures, not the chance in training.")


def _without(run):
    ends = (points(run[end], "+") for end in ("low", "high"))
    error = f"{run['top1_error']:.1%}"
    return run["part"], run["options"], error, points(run["difference"], "+"), " to ".join(ends)
