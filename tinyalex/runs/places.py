"""Where the files that a run needs are, so that it can be used from any folder, and after a move together with them."""

import os

from tinyalex.data import fingerprint_of, is_there
from tinyalex.errors import UserError


def places_of(name, folder):
    """Where a file or data set is: its absolute path, and its path from the run's folder; nothing for "builtin".

    name: as it was given, from the current folder
    """
    if not name or name.split("+")[0] == "builtin":
        return []
    place = os.path.realpath(name)
    return [place, os.path.relpath(place, os.path.realpath(folder))]


def _recorded(about, what, folder):
    """The places that a run recorded of "data" or "start_from"; the last one as it is seen from `folder` today."""
    places = about.get("places", {}).get(what, [])
    return [os.path.normpath(os.path.join(os.path.realpath(folder), place)) for place in places]


def find_data(about, folder):
    """A name by which the data of a run open in the current folder: as it was given, or else where they were then.

    about: what config.json or a checkpoint records of the run, which stands in `folder`
    UserError if no place has the pictures that the run was trained on; their fingerprint tells.
    """
    name = about["config"]["data"]
    if not name:
        raise UserError(f"{folder} was imported, not trained here; expected the name of some pictures", "data")
    places = [name, *_recorded(about, "data", folder)]
    there = [place for place in dict.fromkeys(places) if is_there(place)]
    for place in there:
        try:
            if about.get("fingerprint") in (None, fingerprint_of(place)):
                return place
        except UserError:  # no prepared set
            if len(there) == 1:
                raise
    spelled: dict[str, str] = {}
    for place in places:
        spelled.setdefault(os.path.abspath(place), place)
    found = (
        f"found other pictures in {' and '.join(there)}" if there else f"found no {' and no '.join(spelled.values())}"
    )
    raise UserError(f"{found}, expected the pictures that {folder} was trained on", "data")


def find_start(about, folder):
    """The path of the run or checkpoint that a run started from; its name comes last, as other runs may have it too."""
    places = [*_recorded(about, "start_from", folder), about["config"]["start_from"]]
    return next((place for place in places if os.path.exists(place)), places[-1])
