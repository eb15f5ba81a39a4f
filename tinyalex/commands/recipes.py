"""`tinyalex recipes`: settings for a data set, with the errors that they reached and the time that they took."""

from dataclasses import asdict

from tinyalex.commands.options import print_table, print_text
from tinyalex.training.recipes import find_recipe, recipe_names

DESCRIPTION = """\
List the recipes that `train --recipe` takes, with the errors and the time of their recorded runs. With NAME, show \
one: its model, its pictures, its settings, the command that ran it, and what each thing changed alone did. An error \
is the last epoch's, on the validation pictures; no epoch is chosen by it."""
EXAMPLES = ("tinyalex recipes", "tinyalex recipes tiny-imagenet-10", "tinyalex recipes mine.toml --json")

ERRORS = {
    "top1_error": "top-1 error",
    "ten_crop_top1_error": "ten crops",
    "five_nets_top1_error": "five nets, ten crops",
}


def add_arguments(parser):
    parser.add_argument("name", metavar="NAME", nargs="?", help="a name from that list, or your own .toml file")


def run(args):
    if args.name is not None:
        return {"recipe": asdict(find_recipe(args.name))}
    return {"recipes": [asdict(find_recipe(name)) for name in recipe_names()]}


def show(result):
    if "recipe" in result:
        return _show_one(result["recipe"])
    rows = [(one["name"], one["model"] or "any", _minutes(one), *_errors(one)) for one in result["recipes"]]
    print_table(("recipe", "model", "minutes", *ERRORS.values()), rows, right=(2, 3, 4, 5))
    print_text("\n–: not run yet.  `tinyalex recipes NAME` shows one")


def _show_one(recipe):
    print_text(f"{recipe['name']}: {recipe['about']}\n")
    kept = {"model": recipe["model"], "pictures": recipe["data"], "start from": recipe["start_from"]}
    rows = [*((name, value) for name, value in kept.items() if value), *recipe["settings"].items()]
    print_table(("setting", "value"), rows)
    _show_reached(recipe["reached"])
    if recipe["changes"]:
        _show_changes(recipe["changes"])


def _show_reached(reached):
    if not reached:
        print_text("\nIt has not been run yet: there are no errors to quote.")
        return
    print()
    rows = [(name, _percent(reached[key])) for key, name in ERRORS.items() if key in reached]
    print_table(("reached", reached["date"]), rows, right=(1,))
    seeds = f"seed{'s' if len(reached['seeds']) > 1 else ''} {', '.join(map(str, reached['seeds']))}"
    print_text(f"\n{reached['minutes']:g} minutes on {reached['hardware']}; {seeds}\n\n  {reached['command']}")


def _show_changes(changes):
    print()
    rows = [
        (one["what"], f"{one['points']:+.1f}", "{:+.1f} to {:+.1f}".format(*one["interval"]))
        for one in changes["effects"]
    ]
    print_table(("one thing changed", "top-1 error, points", "95 % interval"), rows, right=(1, 2))
    print_text(f"\n{changes['runs']}\n\n  {changes['command']}")


def _minutes(recipe):
    return f"{recipe['reached']['minutes']:.0f}" if recipe["reached"] else "–"


def _errors(recipe):
    return [_percent(recipe["reached"][key]) if key in recipe["reached"] else "–" for key in ERRORS]


def _percent(error):
    return f"{error:.1%}"
