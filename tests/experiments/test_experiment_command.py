"""`tinyalex experiment` as a user meets it: all claims at test size, stopping, resuming, and wrong inputs."""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from tests.checks import refused
from tests.test_cli import call, json_of
from tests.test_documents import ROOT
from tests.tiny_runs import info_of
from tests.training.test_training import CLASSES, write_easy
from tinyalex.data import open_dataset
from tinyalex.errors import UserError
from tinyalex.experiments import report, running
from tinyalex.experiments.claims import CLAIMS
from tinyalex.experiments.lab import Lab
from tinyalex.experiments.plan import SCALES, Arm
from tinyalex.experiments.running import is_done
from tinyalex.runs.folder import RunFolder
from tinyalex.schema import anything, read_json


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_easy(tmp_path_factory.mktemp("data") / "easy", 24, 8)


def arguments(data, out, name="C3", seeds=1, pictures=24):
    return ["experiment", name, "--data", data, "--out", out, "--seeds", seeds, "--pictures", pictures, "--jobs", 2]


@pytest.mark.slow
def test_every_claim_runs_and_writes_its_results(data, tmp_path, capsys):
    out, table = tmp_path / "out", tmp_path / "claims.md"
    found = json_of(capsys, *arguments(data, out, "all", pictures=96), "--table", table)  # a quarter is an epoch
    assert [result["id"] for result in found["results"]] == list(CLAIMS)
    for result in found["results"]:
        folder = out / f"{result['id']}-{result['name']}"
        assert sorted(file.name for file in folder.iterdir()) == ["figure.png", "result.json", "result.md"]
        assert read_json(folder / "result.json", anything) == result
        words = (folder / "result.md").read_text()
        assert result["title"] in words and result["verdict"].capitalize() in words and "figure.png" in words
        for contrast in result["contrasts"]:
            assert len(contrast["effects"]) == 1 and contrast["verdict"] == "not resolved at this scale"
    assert read_json(table.with_suffix(".json"), anything) == found["results"]
    rows = [line for line in table.read_text().splitlines() if line.startswith("|")]
    shown = [
        one for claim in CLAIMS.values() for one in claim.contrasts if not one.what.startswith("top-5")
    ]  # four classes
    assert len(rows) == 2 + len(shown) and "top-5 error" not in table.read_text()
    runs = list((out / "runs").glob("*/*"))
    assert len(runs) < sum(result["runs"] for result in found["results"]), "no run is shared"


def test_finished_runs_are_not_trained_again(data, tmp_path, capsys):
    first = json_of(capsys, *arguments(data, tmp_path, "C5"))
    stamps = {file: file.stat().st_mtime_ns for file in (tmp_path / "runs").rglob("*.safetensors")}
    code, _, err = call(capsys, *arguments(data, tmp_path, "C6"))  # needs only one run, which C5 has trained
    assert code == 0 and "1 of 1 runs already done" in err
    again = json_of(capsys, *arguments(data, tmp_path, "C5"))
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "runs").rglob("*.safetensors")} == stamps
    assert [r["contrasts"] for r in again["results"]] == [r["contrasts"] for r in first["results"]]


def test_each_seed_is_compared_with_itself(data, tmp_path, capsys):
    contrast = json_of(capsys, *arguments(data, tmp_path, "C3", seeds=2, pictures=72))["results"][0]["contrasts"][0]
    lab = Lab(SCALES["quick"], open_dataset(data), str(data), tmp_path, None, pictures=72)
    for side, arm in (("a", Arm()), ("b", Arm("+no-lrn"))):
        histories = [RunFolder(lab.run(arm, seed).folder).read_metrics("epoch") for seed in (0, 1)]
        assert contrast[side]["values"] == [history[-1]["val_top1_error"] for history in histories]
        configs = [json.loads((lab.run(arm, seed).folder / "config.json").read_text()) for seed in (0, 1)]
        assert [config["config"]["seed"] for config in configs] == [0, 1]
    a, b = (np.array(contrast[side]["values"]) for side in "ab")
    assert contrast["effects"] == pytest.approx(100 * (a - b))


LONG = {"name": "C5", "pictures": 24 * 16}


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    """The contrasts of LONG."""
    return contrasts_in_a_process(*arguments(data, tmp_path_factory.mktemp("whole"), **LONG))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_and_the_same_command_resumes(data, undisturbed, tmp_path, number):
    words = [str(a) for a in arguments(data, tmp_path / "out", **LONG)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tinyalex", *words], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for(lambda: list(tmp_path.rglob("last.safetensors")))
    os.kill(process.pid, number)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number and "the same command resumes" in err, err
    assert "Traceback" not in err and "leaked" not in err, err
    runs = list((tmp_path / "out" / "runs").glob("*/*"))
    assert runs and not all((run / "result.json").exists() for run in runs)
    assert contrasts_in_a_process(*words) == undisturbed, "an interrupted run gave another result"


def contrasts_in_a_process(*words):
    command = [sys.executable, "-m", "tinyalex", *map(str, words), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["results"][0]["contrasts"]


@pytest.mark.parametrize("jobs, threads", [(1, 3), (2, 1)])
def test_a_lone_process_uses_all_threads_and_several_one_each(monkeypatch, jobs, threads):
    monkeypatch.setattr("tinyalex.backend.threads._threads", 3)
    monkeypatch.setattr(running, "_work", lambda tasks, done, device, threads: started.append(threads))
    started = []
    for process in running._Workers(jobs, "cpu").processes:
        process.run()
    assert started == [threads] * jobs


def test_a_killed_process_is_not_waited_for(data, tmp_path):
    run = Lab(SCALES["quick"], open_dataset(data), str(data), tmp_path, None, pictures=24 * 400).run(Arm(), 0)
    deadline = time.monotonic() + 60

    class Bar:
        n = 0

        def update(self, epochs):
            self.n += epochs
            if self.n > 0:  # training is under way, and saved
                workers.processes[0].terminate()
            assert time.monotonic() < deadline, "waits for ever"

    with pytest.raises(UserError, match="was killed"), running._Workers(1, "cpu") as workers:
        workers.train([run], Bar())
    assert not is_done(run) and (run.folder / "last.safetensors").exists()


def test_a_killed_parent_takes_its_processes_along(data, tmp_path):
    words = [str(a) for a in arguments(data, tmp_path / "out", "C5", pictures=24 * 400)]
    process = subprocess.Popen([sys.executable, "-m", "tinyalex", *words], stderr=subprocess.DEVNULL)
    wait_for(lambda: list(tmp_path.rglob("last.safetensors")))
    process.kill()
    process.wait()
    metrics = list(tmp_path.rglob("metrics.jsonl"))
    time.sleep(3)
    before = [file.read_text() for file in metrics]
    time.sleep(1)
    assert [file.read_text() for file in metrics] == before and not list(tmp_path.rglob("result.json"))


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.05)


def test_a_run_that_cannot_be_trained_is_named(data, tmp_path, capsys):
    lab = Lab(SCALES["quick"], open_dataset(data), str(data), tmp_path, None, pictures=24)
    run = lab.run(Arm(), 0)
    run.folder.mkdir(parents=True)
    (run.folder / "config.json").write_text("{}")
    code, _, err = call(capsys, *arguments(data, tmp_path, "C6"))
    assert code == 2 and str(run.folder) in err and "Traceback" not in err and not is_done(run)


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("result.json", "[]", "found a list of 0, expected entries"),
        ("result.json", "{}", "epochs: found nothing, expected a whole number"),
        ("result.json", '{"diverged": 3}', "diverged: found 3, expected plain text"),
        ("result.json", '{"a', "not a JSON"),
        ("metrics.jsonl", '{"a', "found 0 epochs, expected the run's 1"),
    ],
)
def test_a_damaged_run_is_named_and_the_result_kept(data, tmp_path, capsys, name, text, words):
    json_of(capsys, *arguments(data, tmp_path, "C6"))
    before = (tmp_path / "C6-ten-crops" / "result.json").read_text()
    (file,) = tmp_path.glob(f"runs/*/seed-0/{name}")
    file.write_text(text)
    code, _, err = call(capsys, *arguments(data, tmp_path, "C6"))
    assert code == 2 and str(file) in err and words in err and "Traceback" not in err, err
    assert (tmp_path / "C6-ten-crops" / "result.json").read_text() == before


def diverge(run):
    """Write the files of a run that diverged in its second epoch, before any checkpoint."""
    run.folder.mkdir(parents=True)
    (run.folder / "result.json").write_text('{"diverged": "the loss is nan"}')
    (line,) = info_of("alexnet-mini", "ab", errors=[0.5])["state"]["history"]
    RunFolder(run.folder).log(kind="epoch", step=3, seconds=1.0, **line)


def test_diverged_runs_have_no_number_in_any_claim(data, tmp_path, capsys):
    lab = Lab(SCALES["quick"], open_dataset(data), str(data), tmp_path, None, pictures=96)
    for run in {run.folder: run for claim in CLAIMS.values() for run in lab.runs(claim, 1)}.values():
        diverge(run)
    found = json_of(capsys, *arguments(data, tmp_path, "all", pictures=96), "--table", tmp_path / "t.md")["results"]
    contrasts = [c for result in found for c in result["contrasts"]]
    assert {effect for c in contrasts if "diverges" not in c["what"] for effect in c["effects"]} == {None}
    assert [c["a"]["values"] + c["b"]["values"] for c in contrasts if "diverges" in c["what"]] == [[0.75, 0.75]], "C19"
    words = (tmp_path / "C3-lrn" / "result.md").read_text()
    assert "2 runs of alexnet-mini" in words and "; 2 diverged." in words
    assert "raises the error**; 4 diverged<br>" in (tmp_path / "t.md").read_text()
    assert "at this scale; 2 diverged. The paper" in call(capsys, *arguments(data, tmp_path, "C3", pictures=96))[1]


def test_a_run_that_starts_from_a_diverged_one_is_not_trained(data, tmp_path, capsys):
    lab = Lab(SCALES["quick"], open_dataset(data), str(data), tmp_path, None, pictures=96)
    tuned = lab.run(CLAIMS["C12"].arms["fine-tuned, 10"], 0)
    diverge(tuned.after)
    contrast = json_of(capsys, *arguments(data, tmp_path, "C12", pictures=96))["results"][0]["contrasts"][0]
    assert contrast["a"]["values"] == [None] and contrast["b"]["values"] != [None] and is_done(tuned)


def test_a_file_in_the_way_of_a_result_is_found_before_training(data, tmp_path, capsys):
    (tmp_path / "C3-lrn").write_text("mine")
    code, _, err = call(capsys, *arguments(data, tmp_path, "C3"))
    assert code == 2 and err.count("\n") == 1 and str(tmp_path / "C3-lrn") in err, err
    assert list(tmp_path.iterdir()) == [tmp_path / "C3-lrn"]


def test_runs_that_differ_have_other_folders(data, tmp_path):
    lab = Lab(SCALES["quick"], open_dataset(data), str(data), tmp_path, None, pictures=24)
    arms = [
        Arm(),
        Arm("+no-lrn"),
        Arm(settings={"color": False}),
        Arm(part="+first-half"),
        Arm(share=2),
        Arm(seed_shift=3),
    ]
    assert len({lab.run(arm, 0).folder for arm in arms}) == len(arms)
    assert lab.run(Arm(), 3).folder == lab.run(Arm(seed_shift=3), 0).folder
    assert lab.run(Arm(), 0).config.epochs == 1 and lab.run(Arm(share=2), 0).config.epochs == 2


@pytest.mark.parametrize("classes, there", [(5, False), (6, True)])
def test_top_5_is_left_out_of_the_results_for_few_classes(classes, there):
    lab = SimpleNamespace(data_of=lambda arm, seed: SimpleNamespace(class_ids=range(12 if arm.part else classes)))
    kept = [one.what for one in CLAIMS["C3"].contrasts if report._means_something(one, CLAIMS["C3"], lab)]
    assert kept == ["top-1 error", "top-5 error"][: 1 + there]


def test_a_claim_whose_part_takes_nothing_away_has_a_result(tmp_path, capsys):
    """C1 asks for 200 pictures a class, of data with as many or fewer."""
    data = write_easy(tmp_path / "data", 24, 8)
    lab = Lab(
        SCALES["quick"], open_dataset(f"{data}+3-a-class"), f"{data}+3-a-class", tmp_path / "out", None, pictures=24
    )
    for run in lab.runs(CLAIMS["C1"], 1):
        diverge(run)
    (found,) = json_of(capsys, *arguments(f"{data}+3-a-class", tmp_path / "out", "C1"))["results"]
    assert found["data"] == f"{data}+3-a-class" and found["judged"] == 8 and len(found["classes"]) == 4
    assert found["pictures_a_run"] == max(run.config.epochs for run in lab.runs(CLAIMS["C1"], 1)) * 12


def test_a_claim_on_several_parts_says_what_they_share(data, tmp_path, capsys):
    """C12's nets learn few pictures or more of every second class; errors are of their four pictures."""
    lab = Lab(SCALES["quick"], open_dataset(data), str(data), tmp_path, None, pictures=96)
    for run in lab.runs(CLAIMS["C12"], 1):
        diverge(run)
    (found,) = json_of(capsys, *arguments(data, tmp_path, "C12", pictures=96))["results"]
    assert tuple(found["classes"]) == CLASSES[1::2] and found["judged"] == 4 and found["data"] == str(data)


def test_less_than_half_an_epoch_is_refused(data, tmp_path, capsys):
    code, _, err = call(capsys, *arguments(data, tmp_path, "C3", pictures=11))
    assert code == 2 and f"--pictures: found 11 pictures a run, expected 13 or more for half an epoch of {data}" in err
    code, _, err = call(capsys, *arguments(data, tmp_path, "C9"))
    assert code == 2 and "found 24 pictures a run, expected 49 or more" in err, "a quarter of them"
    assert not (tmp_path / "runs").exists()


def test_draws_are_of_all_classes(data, tmp_path):
    """Training draws from the whole set, under the same name, whatever the Lab was given."""
    halved = f"{data}+odd-half"
    lab = Lab(SCALES["quick"], open_dataset(halved), halved, tmp_path, None, pictures=24)
    refused(lambda: lab.dataset("+2-a-class-draw-0"), "expected all of its classes", error=UserError)
    assert len(lab.dataset("+2-a-class").train) == 4


STOP = """
import sys, threading, time
from pathlib import Path
from tinyalex.experiments import running
from tinyalex.experiments.lab import Run
from tinyalex.models import find_model
from tinyalex.runs.config import Config

if __name__ == "__main__":
    config = Config.for_model(find_model("alexnet-mini"), "nowhere")
    runs = [Run(Path(sys.argv[1]) / str(n), config) for n in range(400)]
    try:
        running.train_all(runs, "cpu", 2, quiet=True)
    except running.UserError as error:
        sys.exit(f"told: {error}")
"""


def test_many_runs_that_nobody_fetches_do_not_hold_the_end_up(tmp_path):
    (tmp_path / "stop.py").write_text(STOP)
    words, env = [sys.executable, tmp_path / "stop.py", tmp_path / "out"], os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, capture_output=True, text=True, timeout=100, env=env)
    assert done.returncode == 1 and "told: " in done.stderr and "nowhere" in done.stderr, done.stderr


@pytest.mark.parametrize("scale", ["quick", "full"])
def test_every_claim_can_run_on_the_pictures_of_its_scale(scale, tmp_path, capsys):
    found = json_of(capsys, "experiment", "all", "--scale", scale, "--plan", "--out", tmp_path / "out")["plan"]
    assert [claim["id"] for claim in found["claims"]] == list(CLAIMS) and found["done"] == 0


def test_a_part_that_takes_nothing_away_is_left_out(data, tmp_path):
    """Such as 200 pictures a class of a set cut down to 2; a draw by seed stays."""
    parts = {2: "+2-a-class", 3: "", 1: "+1-a-class"}
    lab = Lab(SCALES["quick"], open_dataset(f"{data}+3-a-class"), f"{data}+3-a-class", tmp_path, None, pictures=24)
    for count, expected in parts.items():
        assert lab.part_of(Arm(part=f"+odd-half+{count}-a-class"), 0) == f"+odd-half{expected}"
    assert lab.part_of(Arm(part="+3-a-class-draw-{seed}"), 7) == "+3-a-class-draw-7"
    assert lab.part_of(Arm(part="+3-val-a-class"), 0) == "+3-val-a-class"


def test_runs_on_a_part_are_judged_on_it(data, tmp_path):
    """The number of epochs follows from the part's own pictures, 12 of 24 here, and so do its classes, two of four."""
    lab = Lab(SCALES["quick"], open_dataset(data), str(data), tmp_path, None, pictures=48)
    assert lab.run(Arm(), 0).config.epochs == 2 and lab.run(Arm(part="+first-half"), 0).config.epochs == 4
    claim = SimpleNamespace(models={}, arms={"all": Arm(), "half": Arm(part="+second-half")})
    found = {name: run.dataset.class_ids for name, run in lab.trained(claim, 0).items()}
    assert found == {"all": CLASSES, "half": CLASSES[2:]}


def test_a_part_may_depend_on_the_seed(data, tmp_path):
    """Other pictures for each seed, the same for every arm of it; few are among more."""
    lab, drawn = Lab(SCALES["quick"], open_dataset(data), str(data), tmp_path, None, pictures=24), {}
    for count in (1, 2):
        for seed in (0, 1):
            arm = Arm(part=f"+odd-half+{count}-a-class-draw-{{seed}}")
            config = lab.run(arm, seed).config
            assert config.data == f"{data}+odd-half+{count}-a-class-draw-{seed}" and config.seed == seed
            train = lab.data_of(arm, seed).train
            drawn[count, seed] = {picture.tobytes() for picture in train.gather(range(len(train)))}
            assert len(drawn[count, seed]) == 2 * count and config.epochs == 12 // count
    assert drawn[1, 0] < drawn[2, 0] and drawn[1, 1] < drawn[2, 1] and drawn[2, 0] != drawn[2, 1]


def test_what_is_foreseen_is_said_before_training(data, tmp_path, capsys):
    code, _, err = call(capsys, *arguments(data, tmp_path, "C23"))
    said = err.index("C23: Features of 5 convolutions")
    assert code == 0 and "If chance moves the effect of a seed by 0.9 points" in err[said:]
    assert said < err.index("of 6 runs already done")
    found = read_json(tmp_path / "C23-halves" / "result.json", anything)["foreseen"]
    assert f"Foreseen: {found}" in (tmp_path / "C23-halves" / "result.md").read_text() and found in err


def test_each_claim_varies_a_network_of_its_own_kind(data, tmp_path):
    """--model replaces those of its family; a claim about others keeps its own."""

    def networks(scale, model):
        lab = Lab(SCALES[scale], open_dataset(data), str(data), tmp_path, None, model, pictures=96)
        found = {claim.id: lab.network(claim) for claim in CLAIMS.values()}
        for claim in CLAIMS.values():
            assert all(run.config.model.startswith(found[claim.id]) for run in lab.runs(claim, 1))
        return [found[id] for id in ("C3", "C16", "C17", "C19")]

    assert networks("quick", None) == ["alexnet-mini", "vgg-mini", "resnet-mini", "alexnet-mini"]
    assert networks("full", None) == ["alexnet-64", "vgg-small", "resnet-small", "alexnet-64"]
    assert networks("quick", "alexnet-small") == ["alexnet-small", "vgg-mini", "resnet-mini", "alexnet-small"]
    assert networks("quick", "vgg-small") == ["alexnet-mini", "vgg-small", "resnet-mini", "alexnet-mini"]


def test_several_names_are_run_once_each(data, tmp_path, capsys):
    words = arguments(data, tmp_path, "C6")
    found = json_of(capsys, *words[:2], "ten-crops", "C14", *words[2:])["results"]
    assert [result["id"] for result in found] == ["C6", "C14"]


def test_the_list(capsys):
    code, out, _ = call(capsys, "experiment")
    assert code == 0 and all(f"{claim.id} " in out and claim.name in out for claim in CLAIMS.values())
    assert [claim["id"] for claim in json_of(capsys, "experiment")["claims"]] == list(CLAIMS)


@pytest.mark.parametrize(
    "words, expected",
    [
        (["C99"], ["'C99'", "all"]),
        (["lnr"], ["did you mean lrn?"]),
        (["C3", "--seeds", "0"], ["--seeds", "found 0"]),
        (["C3", "--data", "nowhere"], ["nowhere", "no such folder"]),
        (["C3", "--model", "alexnt"], ["did you mean alexnet"]),
        (["C3", "--model", "alexnet-32"], ["32 pixels"]),
        (["C3", "C99"], ["'C99'", "all"]),
        (["C3", "--model", "vgg-mini"], ["--model: found vgg-mini", "alexnet-mini"]),
        (["C17", "C3", "--model", "vgg-mini"], ["--model: found vgg-mini", "resnet-mini or alexnet-mini"]),
        (["C17", "--model", "resnet18"], ["--model: found resnet18", "resnet-mini"]),
        (["C3", "C17", "--model", "resnet20"], ["--model: for C17, resnet20 expects", "32 pixels"]),
        (["C3", "--jobs", "-1"], ["--jobs", "found -1"]),
        (["C3", "--model", "alexnet-mini+no-lrn"], ["'no-lrn' comes twice"]),
        (["C12", "--data", "DATA+first-half"], ["4 or more"]),
        (["C12", "--data", "DATA+5-a-class"], ["--data: found +5-a-class-draw-0 after +5-a-class"]),
        (["C3", "--scale", "huge"], ["--scale", "huge"]),
        (["C3", "--table", "none/t.md"], ["--table: none/t.md", "folder"]),
        (["C3", "--table", "."], ["--table: .", "the name of a file"]),
        (["C3", "--table", "t.json"], ["--table: found t.json", ".md"]),
        (["--table", "t.md"], ["found no NAME", "all"]),
        (["--scale", "full"], ["found no NAME"]),
        ([], ["--data: found no NAME"]),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(words, expected, data, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [word.replace("DATA", str(data)) for word in words]
    given = words if "--data" in words else [*words, "--data", str(data)]
    code, out, err = call(capsys, "experiment", *given)
    assert code == 2 and out == "" and err.count("\n") == 1 and all(word in err for word in expected), err
    assert not list(tmp_path.iterdir())
