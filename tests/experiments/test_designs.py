"""The scale "planned": seeds by the rule, errors on what training leaves out, and the plan before the runs."""

import pytest

from tests.experiments.test_experiment_command import data  # noqa: F401 (fixture)
from tests.test_cli import call, json_of
from tests.test_documents import ROOT
from tinyalex.data import open_dataset
from tinyalex.experiments import designs, schedule
from tinyalex.experiments.claims import CLAIMS
from tinyalex.experiments.designs import DESIGNS, SPREAD, at_scale, planned, seeds_for
from tinyalex.experiments.lab import Lab
from tinyalex.experiments.plan import SCALES
from tinyalex.experiments.power import half_width, smallest_effect

PLANNED = SCALES["planned"]
PLAN = ROOT / "lessons" / "claims-plan.md"


@pytest.fixture
def small(monkeypatch):
    """Two pictures of each class of a half instead of the regimes, which the test data could not fill."""
    regime = designs.Regime("+odd-half+2-a-class", 16, "for a test")
    changed = {id: designs.Design(regime, 2) for id in ("C6", "C5")}
    for room in (designs, schedule):
        monkeypatch.setattr(room, "DESIGNS", changed)


@pytest.mark.parametrize("bound", [0.4, 1.0, 1.4, 1.7, 2.0, 50.0])
def test_seeds_are_the_fewest_with_an_interval_no_wider_than_the_margin(bound):
    n = seeds_for(bound)
    assert 2 * SPREAD * half_width(n) <= bound
    assert n == 2 or 2 * SPREAD * half_width(n - 1) > bound


@pytest.mark.parametrize("id", DESIGNS)
def test_a_design_changes_the_data_and_the_length_alone(id):
    claim, found, design = CLAIMS[id], planned(CLAIMS[id], PLANNED), DESIGNS[id]
    assert found.contrasts == claim.contrasts and list(found.arms) == list(claim.arms)
    for name, arm in found.arms.items():
        was = claim.arms[name]
        assert (arm.variation, arm.settings, arm.seed_shift) == (was.variation, was.settings, was.seed_shift)
        assert arm.part == design.regime.part and arm.share * PLANNED.pictures == design.regime.pictures
    assert found.seeds == (design.seeds or seeds_for(claim.contrasts[0].bound)) and found.spread == SPREAD
    assert (design.seeds is None) == (design.because == ""), "seeds that are not by the rule have a reason"


def test_which_claims_are_planned():
    every = list(CLAIMS.values())
    assert at_scale(every, SCALES["quick"]) == every
    assert [claim.id for claim in at_scale(every, PLANNED)] == list(DESIGNS)


def test_a_claim_without_a_design_is_refused(capsys):
    code, _, err = call(capsys, "experiment", "C3", "C1", "--scale", "planned")
    assert code == 2 and err.count("\n") == 1 and "found C1 at --scale planned, expected C2, C3" in err


def test_errors_are_measured_on_the_pictures_left_out_too(data, small, tmp_path, capsys):  # noqa: F811
    """24 training and 8 validation pictures of four classes: of two, 4 train, and 8 + 4 judge."""
    words = ("experiment", "C6", "C5", "--scale", "planned", "--data", data, "--out", tmp_path, "--jobs", 2)
    first, second = json_of(capsys, *words)["results"]
    assert [len(one["contrasts"][0]["effects"]) for one in (first, second)] == [2, 2]
    assert first["judged"] == second["judged"] == 12 and first["data"] == f"{data}+odd-half+2-a-class"
    assert len(first["classes"]) == 2 and first["pictures_a_run"] == 16
    lab = Lab(PLANNED, open_dataset(data), str(data), tmp_path, None)
    arm = planned(CLAIMS["C6"], PLANNED).arms["base"]
    assert lab.run(arm, 0).config.epochs == 4 and len(lab.judged(arm.part)) == 12
    assert len(Lab(SCALES["quick"], open_dataset(data), str(data), tmp_path, None).judged(arm.part)) == 4
    assert len(lab.judged()) == 8
    error = first["contrasts"][0]["b"]["values"][0]
    assert error * 12 == pytest.approx(round(error * 12)), "a number of twelve pictures"
    assert "errors of 12 others" in (tmp_path / "C6-ten-crops" / "result.md").read_text()


def test_the_plan(data, small, tmp_path, capsys):  # noqa: F811
    """C6 and C5 share the base; a run of 4 pictures and 4 epochs, evaluated on 4 pictures each, ends with 12 and 4."""
    page = tmp_path / "plan.md"
    words = ("experiment", "all", "--scale", "planned", "--data", data, "--out", tmp_path / "out", "--plan")
    plan = json_of(capsys, *words, "--table", page)["plan"]
    assert not (tmp_path / "out").exists(), "nothing is trained"
    c5, c6 = plan["claims"]
    assert (c5["id"], c5["new_runs"], c6["new_runs"], plan["runs"], plan["done"]) == ("C5", 4, 0, 4, 0)
    assert (c5["classes"], c5["pictures"], c5["epochs"], c5["seeds"], c5["judged"]) == (2, 4, 4, 2, 12)
    assert c5["arms"]["no colour"] == "alexnet-mini, color=False" and c5["margin"] == 1.0
    assert c5["half_width"] == pytest.approx(SPREAD * half_width(2))
    each = 4 * (4 + 0.4 * 4) + 0.4 * (12 + 4)
    assert c5["seconds"] == pytest.approx(4 * each / PLANNED.rate) == plan["seconds"] and c6["seconds"] == 0
    text = page.read_text()
    assert text.startswith(schedule.TITLE) and "before the runs" in text and "## C5: Shifting colours" in text
    code, out, _ = call(capsys, *words)
    assert code == 0 and "0 of 4 runs already done" in out
    json_of(capsys, *words, "--table", page, "--seeds", 1)
    assert "* Resolution: 1 seed, margin 1.0 points; one seed shows nothing" in page.read_text()
    other = json_of(capsys, *words, "--model", "alexnet-small", "--table", page)["plan"]
    assert other["seconds"] is None and "* Cost: 4 runs\n" in page.read_text(), "its rate is not known"
    code, _, err = call(capsys, "experiment", "C6", "--plan", "--data", data, "--table", page)
    assert code == 2 and "--plan: found --table at --scale quick" in err


def test_a_plan_comes_before_the_runs(data, small, tmp_path, capsys):  # noqa: F811
    words = ("experiment", "C6", "--scale", "planned", "--data", data, "--out", tmp_path / "out", "--seeds", 1)
    json_of(capsys, *words)
    code, _, err = call(capsys, *words, "--plan", "--table", tmp_path / "plan.md")
    assert code == 2 and "--plan: found 1 of 1 runs done, expected none" in err and not (tmp_path / "plan.md").exists()
    assert json_of(capsys, *words, "--plan")["plan"]["done"] == 1


def test_our_own_plan_is_of_these_designs():
    """Every claim with its seeds and its reason, as the command would print them today."""
    text = PLAN.read_text(encoding="utf-8")
    for id, design in DESIGNS.items():
        claim = planned(CLAIMS[id], PLANNED)
        section = text.partition(f"## {id}: {claim.title}\n")[2].partition("\n## ")[0]
        because = f" ({design.because})" if design.because else ""
        margin = "no margin" if claim.contrasts[0].bound is None else f"margin {claim.contrasts[0].bound:.1f} points"
        shown = f"shows {SPREAD * smallest_effect(claim.seeds):.1f} points"
        ends = f"expected interval ± {SPREAD * half_width(claim.seeds):.2f}\n"
        assert f"* Resolution: {claim.seeds} seeds{because}, {margin}; {shown}, {ends}" in section, id
        assert f"data/tiny100{design.regime.part}," in section and design.regime.why in section
        assert all(f"{name} (alexnet-mini{arm.variation}" in section for name, arm in claim.arms.items())
