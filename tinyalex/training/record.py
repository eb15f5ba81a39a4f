"""A run's files besides its log: its settings, in config.json, and its checkpoints."""

from pathlib import Path

from tinyalex.backend import to_host
from tinyalex.data.augment import ARRAYS, View
from tinyalex.data.dataset import Dataset
from tinyalex.errors import UserError
from tinyalex.runs.checkpoint import Checkpoint, load_checkpoint
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder, versions
from tinyalex.runs.places import find_start, places_of
from tinyalex.terminal import how_to_resume
from tinyalex.training.progress import Progress


class Record:
    """The files of one run. `renew_settings` and `save` expect the folder to be held.

    folder: a `RunFolder`;  config: a `Config`;  dataset: a `Dataset`;  view: how the network sees its pictures
    """

    def __init__(self, folder: RunFolder, config: Config, dataset: Dataset, view: View) -> None:
        self.folder, self.config, self.dataset, self.view = folder, config, dataset, view
        used = {"data": dataset.name, "start_from": config.start_from}
        self.places = {what: places_of(name, folder.path) for what, name in used.items()}

    def write_settings(self, command: str, device: str) -> None:
        """Make the folder of a new run, with config.json in it. command: what the person typed"""
        with self.folder.held():
            self.folder.write_json("config.json", self._about() | {"command": command, "device": device})

    def renew_settings(self) -> None:
        """Write down how many epochs the run has and where its data are, as both may have changed since it began."""
        about = self.folder.about()
        self.places["start_from"] = about.get("places", {}).get("start_from", [])  # recorded from another folder
        self.folder.write_json("config.json", about | {"config": self.config.to_dict(), "places": self.places})

    def start_from(self) -> str:
        """Where the run lies now that this one, begun in another folder perhaps, starts from; "" for none."""
        return find_start(self.folder.about(), self.folder.path)

    def save(self, path: Path, progress: Progress, params: dict, velocity: dict, state: dict, trained: dict) -> None:
        """Write a checkpoint. The dicts hold arrays by name, of the whole network (see `Checkpoint`)."""
        info = {
            "model": self.config.model,
            "class_ids": list(self.dataset.class_ids),
            "class_names": list(self.dataset.class_names),
            "crop": self.view.crop,
            "scale": self.view.scale,
            "state": progress.to_dict(),
        } | self._about()
        view = {key: getattr(self.view, key) for key in ARRAYS}
        params, velocity, state, trained, view = to_host((params, velocity, state, trained, view))
        self.folder.save(path, Checkpoint(params, velocity, view, info, state, trained))

    def last(self) -> tuple[Checkpoint, Progress] | None:
        """The last checkpoint and how far the run had come; None before the first. UserError if it is damaged."""
        path = self.folder.last
        if not path.exists():
            return None
        try:
            checkpoint = load_checkpoint(path)
        except UserError as error:
            anew = how_to_resume(self.folder.path)
            raise UserError(f"{error}; without that file the run begins anew: {anew}") from error
        return checkpoint, Progress.from_dict(checkpoint.info["state"], f"{path}: state")

    def _about(self):
        """The values that config.json and every checkpoint record of the run."""
        return {
            "config": self.config.to_dict(),
            "fingerprint": self.dataset.fingerprint,
            "places": self.places,
            "versions": versions(),
        }
