"""Run folders with one damaged file of JSON, as the commands that take a run read them."""

import json
import shutil

from tests.fuzzing.damage import spoiled
from tests.fuzzing.values import changed, written
from tests.stored.make import TINY
from tests.test_stored import STORED
from tinyalex.models import MODELS
from tinyalex.runs.calibrated import calibration_file, checkpoint_hash
from tinyalex.runs.folder import RunFolder

WARNING = {"kind": "warning", "step": 1, "epoch": 1, "what": "dead", "layers": ["conv1"], "text": "a line"}

CALIBRATION = """{"temperature": 1.5, "threshold": 0.6, "risk": 0.05, "level": 0.95, "view": "centre crop",
"pictures": 4, "ece_before": {"mean": 0.1, "low": 0, "high": 0.2},
"ece_after": {"mean": 0.05, "low": 0.0, "high": 0.1, "note": ""}, "checkpoint": "%s"}"""


def setup(folder):
    MODELS["tiny"] = TINY
    return STORED / "0.2.0"


def make(random, folder, shared):
    done = random.random() < 0.5
    run = folder / ("run" if done else "stopped")
    for part in (run.name, "prepared"):
        shutil.copytree(shared / part, folder / part)
    calibration_file(run / "best.safetensors").write_text(CALIBRATION % checkpoint_hash(run / "best.safetensors"))
    names = ("config.json", "metrics.jsonl", "best.calibration.json", *(["result.json"] if done else []))
    name = random.choice(names)
    file, fate = run / name, random.random()
    if name == "metrics.jsonl":
        lines = [*file.read_bytes().splitlines(), json.dumps(WARNING).encode()]
        number = random.randrange(len(lines))
        if fate < 0.7:
            lines[number] = written(random, changed(random, json.loads(lines[number])))
        file.write_bytes(b"\n".join(lines) + random.choice((b"\n", b"", b"\n\xff\n", b'\n{"kind')))
    elif fate < 0.75:
        file.write_bytes(written(random, changed(random, json.loads(file.read_bytes()), 3)))
    if fate > 0.9:
        file.write_bytes(spoiled(random, file.read_bytes()))
    commands = (
        ["runs", folder],
        ["runs", folder, "--json"],
        ["compare", run, shared / "run"],
        ["evaluate", run],
        ["predict", run],
        ["train", "--resume", run],
        ["train", "--resume", run, "--epochs", "4"],
        lambda: RunFolder(run).read_metrics(),
    )
    return random.choice(commands)
