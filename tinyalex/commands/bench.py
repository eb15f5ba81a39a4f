"""`tinyalex bench`: how fast, side by side."""

DESCRIPTION = "x"
EXAMPLES = ("tinyalex bench",)


def add_arguments(parser):
    pass


def run(args):
    return {}


def show(result):
    pass
