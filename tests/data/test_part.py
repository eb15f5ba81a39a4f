"""Parts of data sets: the same pictures, labels, statistics and names as loops choose, and nothing else."""

import numpy as np
import pytest

from tests.checks import edited, refused
from tests.training.test_training import CLASSES, write_easy
from tinyalex.data import _whole_and_parts, open_dataset, open_validation, part
from tinyalex.data.dataset import ColorStatistics, Dataset, Split
from tinyalex.data.part import left_out, take_parts
from tinyalex.errors import UserError

K, SIZE = 9, 4
IDS = tuple("abcdefghi")


def shards(count, seed):
    """Pictures that all differ, in three shards, and labels in no order; class 7 has only two pictures."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.concatenate([np.arange(count) % (K - 2), [7, 7], [8] * 9]))
    pictures = rng.integers(0, 256, (len(labels), SIZE, SIZE, 3)).astype(np.uint8)
    return Split((pictures[:5], pictures[5:6], pictures[6:]), labels)


def whole():
    train, val = shards(50, 0), shards(20, 1)
    names = tuple(f"class {k}" for k in range(K))
    zeros = np.zeros((SIZE, SIZE, 3), np.float32), np.zeros(3, np.float32), np.zeros((3, 3), np.float32)
    return Dataset("whole", SIZE, IDS, names, *zeros, train, val, "0123")


def pictures_of(split):
    """[(label, picture's bytes)] in order."""
    return [(int(label), picture.tobytes()) for label, picture in zip(split.labels, split.gather(range(len(split))))]


def by_loop(split, classes, most=None):
    """The pictures of `classes` in order, the first `most` of each, labelled with their class's place in `classes`."""
    kept, taken = [], dict.fromkeys(classes, 0)
    for label, picture in pictures_of(split):
        if label in classes and (most is None or taken[label] < most):
            taken[label] += 1
            kept.append((classes.index(label), picture))
    return kept


def check_parts(take_parts):
    """(parts, the classes left, at most how many training pictures of each, of validation)"""
    for names, classes, most, most_val in [
        (["first-half"], [0, 1, 2, 3, 4], None, None),
        (["second-half"], [5, 6, 7, 8], None, None),
        (["even-half"], [0, 2, 4, 6, 8], None, None),
        (["odd-half"], [1, 3, 5, 7], None, None),
        (["3-a-class"], list(range(9)), 3, None),
        (["1-a-class"], list(range(9)), 1, None),
        (["second-half", "4-a-class"], [5, 6, 7, 8], 4, None),
        (["4-a-class", "second-half"], [5, 6, 7, 8], 4, None),
        (["first-half", "second-half"], [3, 4], None, None),
        (["second-half", "first-half"], [5, 6], None, None),
        (["odd-half", "odd-half"], [3, 7], None, None),
        (["even-half", "second-half"], [6, 8], None, None),
        (["second-half", "odd-half"], [6, 8], None, None),
        (["12-a-class", "5-a-class"], list(range(9)), 5, None),
        (["999-a-class"], list(range(9)), None, None),
        (["3-val-a-class"], list(range(9)), None, 3),
        (["odd-half", "2-val-a-class", "4-a-class"], [1, 3, 5, 7], 4, 2),
    ]:
        found = take_parts(whole(), names)
        assert pictures_of(found.train) == by_loop(whole().train, classes, most), names
        assert pictures_of(found.val) == by_loop(whole().val, classes, most_val), names
        assert found.class_ids == tuple(IDS[k] for k in classes), names
        assert found.class_names == tuple(f"class {k}" for k in classes), names
        assert found.name == "+".join(["whole", *names]) and found.size == SIZE
        assert found.train.labels.dtype == np.int64


@pytest.mark.parametrize("at_once", [1, 7, 1024])
def test_parts(monkeypatch, at_once):
    monkeypatch.setattr(part, "PICTURES_AT_ONCE", at_once)
    check_parts(take_parts)


@pytest.mark.parametrize(
    "function, old, new",
    [
        ("_half", "-(-K // 2)", "K // 2"),
        ("_half", "[::2]", "[: K // 2 : 2]"),
        ("_half", "[1::2]", "[::2]"),
        ("_of_classes", ", classes)]", ", range(classes.start, classes.stop))]"),
        ("_of_classes", ", classes)]", ", range(0, classes.stop, classes.step))]"),
        ("_of_classes", "rows[np.isin(labels[rows], classes)]", "np.flatnonzero(np.isin(labels, classes))"),
        ("_of_each_class", "[: few.count]", "[-few.count :]"),
        ("_of_each_class", "np.sort(np.concatenate(kept))", "np.concatenate(kept)"),
        ("_few", '"val" if found[2] else "train"', '"train"'),
        ("_select", " - classes.start", ""),
        ("_select", " // classes.step", ""),
        ("_select", "(split.gather(rows),)", "split.shards"),
        ("_cut", "dataset.class_ids[k]", "dataset.class_ids[k - classes.start]"),
        ("_cut", "dataset.class_names[k]", "dataset.class_names[k // classes.step]"),
    ],
)
def test_parts_teeth(monkeypatch, function, old, new):
    monkeypatch.setattr(part, function, edited(getattr(part, function), old, new))
    with pytest.raises((AssertionError, UserError)):
        check_parts(take_parts)


def check_left_out(left_out):
    """With the part's own training pictures, each picture of its classes once; in order, of the part's labels."""
    for names in (["3-a-class"], ["odd-half"], ["4-a-class", "second-half"], ["odd-half", "2-a-class-draw-1"], []):
        classes = [k for k in range(K) if IDS[k] in take_parts(whole(), names).class_ids]
        of_classes, taken = by_loop(whole().train, classes), pictures_of(take_parts(whole(), names).train)
        assert pictures_of(left_out(whole(), names)) == [one for one in of_classes if one not in taken], names


def test_what_a_part_leaves_out():
    check_left_out(left_out)


@pytest.mark.parametrize(
    "old, new",
    [
        ("np.setdiff1d(of_classes, rows", "np.setdiff1d(np.arange(len(dataset.train)), rows"),
        ('np.setdiff1d(of_classes, rows["train"])', "of_classes"),
        ('np.setdiff1d(of_classes, rows["train"])', 'rows["train"]'),
    ],
)
def test_left_out_teeth(old, new):
    with pytest.raises(AssertionError):
        check_left_out(edited(left_out, old, new))


def check_draws(take_parts):
    """Of each class as many as asked or all there are, the rest of the order kept; of one seed, few among more."""
    everything, drawn = pictures_of(whole().train), {}
    for count in (2, 4):
        for seed in (0, 1, 2):
            found = pictures_of(take_parts(whole(), [f"{count}-a-class-draw-{seed}"]).train)
            drawn[count, seed] = found
            assert found == [one for one in everything if one in found], "not in order"
            labels, all_labels = ([label for label, _ in pictures] for pictures in (found, everything))
            assert [labels.count(k) for k in range(K)] == [min(count, all_labels.count(k)) for k in range(K)]
    assert all(set(drawn[2, seed]) < set(drawn[4, seed]) for seed in (0, 1, 2))
    assert len({frozenset(drawn[2, seed]) for seed in (0, 1, 2)}) == 3
    whole_classes = take_parts(whole(), ["4-a-class-draw-1", "odd-half"]).train
    assert pictures_of(whole_classes) == by_loop(take_parts(whole(), ["4-a-class-draw-1"]).train, [1, 3, 5, 7])
    among = set(pictures_of(take_parts(whole(), ["3-a-class"]).train))
    assert set(pictures_of(take_parts(whole(), ["3-a-class", "2-a-class-draw-0"]).train)) < among


def test_draws():
    check_draws(take_parts)


@pytest.mark.parametrize(
    "function, old, new",
    [
        ("_of_each_class", "few.seed, ", ""),
        ("_of_each_class", "few.seed, ", "few.seed, few.count, "),
        ("_of_each_class", ".permutation(own)", ".choice(own, len(own))"),
        ("_of_each_class", "np.sort(np.concatenate(kept))", "np.concatenate(kept)"),
        ("_few", "int(found[3]) if found[3] else None", "None"),
    ],
)
def test_draws_teeth(monkeypatch, function, old, new):
    monkeypatch.setattr(part, function, edited(getattr(part, function), old, new))
    with pytest.raises(AssertionError):
        check_draws(take_parts)


def check_statistics(cut):
    """Mean and colours against NumPy's, over all of the part's own training pictures at once."""
    pixels = cut.train.gather(range(len(cut.train))).astype(np.float64)
    np.testing.assert_allclose(cut.mean, pixels.mean(axis=0), rtol=1e-6)
    covariance = np.cov(pixels.reshape(-1, 3).T / 255, bias=True)
    values, vectors = cut.color_eigenvalues.astype(float), cut.color_eigenvectors.astype(float)
    np.testing.assert_allclose(vectors @ np.diag(values) @ vectors.T, covariance, atol=1e-6)


@pytest.mark.parametrize("at_once", [1, 7, 1024])
def test_statistics_are_the_parts_own(monkeypatch, at_once):
    monkeypatch.setattr(part, "PICTURES_AT_ONCE", at_once)
    for names in (["first-half"], ["2-a-class"]):
        check_statistics(take_parts(whole(), names))


@pytest.mark.parametrize(
    "old, new",
    [
        ("start + PICTURES_AT_ONCE, len(train)", "start + PICTURES_AT_ONCE - 1, len(train)"),
        ("statistics.add(train.gather", "statistics.add(dataset.train.gather"),
    ],
)
def test_statistics_teeth(monkeypatch, old, new):
    monkeypatch.setattr(part, "PICTURES_AT_ONCE", 7)
    monkeypatch.setattr(part, "_cut", edited(part._cut, old, new))
    with pytest.raises(AssertionError):
        check_statistics(take_parts(whole(), ["second-half"]))


def test_the_whole_is_left_alone():
    dataset = whole()
    before = pictures_of(dataset.train), pictures_of(dataset.val)
    assert take_parts(dataset, []) is dataset
    take_parts(dataset, ["first-half", "1-a-class"]).train.shards[0][:] = 0
    assert (pictures_of(dataset.train), pictures_of(dataset.val)) == before


def test_fingerprints_differ_and_repeat():
    specs = [[], ["first-half"], ["second-half"], ["2-a-class"], ["3-a-class"], ["first-half", "2-a-class"]]
    specs += [["even-half"], ["2-a-class-draw-0"], ["2-a-class-draw-1"], ["2-val-a-class"]]
    fingerprints = [take_parts(whole(), names).fingerprint for names in specs]
    assert len(set(fingerprints)) == len(specs)
    assert fingerprints == [take_parts(whole(), names).fingerprint for names in specs]
    other = part.replace(whole(), fingerprint="4567")
    assert take_parts(other, ["first-half"]).fingerprint != fingerprints[1], "a part of other data"


# ---------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "name",
    [
        *("third-half", "0-a-class", "-1-a-class", "1.5-a-class", "a-class", "x-a-class", "1-a-class ", ""),
        *("0-val-a-class", "2-a-class-draw", "2-a-class-draw-", "2-a-class-draw-01", "2-val-a-class-draw-1"),
    ],
)
def test_unknown_parts(name):
    refused(
        lambda: take_parts(whole(), ["first-half", name]),
        "data: unknown part",
        repr(name),
        "whole",
        part.EXPECTED,
        error=UserError,
    )


def test_too_few_classes_to_halve():
    refused(lambda: take_parts(whole(), ["first-half"] * 3), "+first-half", "3 classes", "4 or more", error=UserError)
    assert len(take_parts(whole(), ["second-half"] * 2).class_ids) == 2


@pytest.mark.parametrize("split, word", [("train", "training"), ("val", "validation")])
def test_a_half_without_pictures(split, word):
    dataset = whole()
    getattr(dataset, split).labels[:] %= 5
    words = ["whole+second-half", f"no {word} pictures"]
    refused(lambda: take_parts(dataset, ["second-half", "5-a-class"]), *words, error=UserError)


def test_more_than_the_memory_holds(monkeypatch):
    needed = sum(len(by_loop(split, [0, 1, 2, 3, 4])) for split in (whole().train, whole().val)) * 3 * SIZE**2
    monkeypatch.setattr(part, "memory_available", lambda xp: needed)
    take_parts(whole(), ["first-half"])
    monkeypatch.setattr(part, "memory_available", lambda xp: needed - 1)
    refused(lambda: take_parts(whole(), ["first-half"]), "whole+first-half", "of memory", error=UserError)
    take_parts(whole(), ["first-half", "1-a-class"])  # the half itself is not copied on the way


# ---------------------------------------------------------------------------------------------- by name


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A prepared folder whose own name holds a "+"."""
    return write_easy(tmp_path_factory.mktemp("prepared") / "easy+odd", train=12, val=8, size=8)


def test_a_folder_and_its_parts(folder):
    dataset, half = open_dataset(folder), open_dataset(f"{folder}+second-half+2-a-class")
    assert (len(dataset.train), dataset.name) == (12, str(folder))
    assert half.class_ids == CLASSES[2:] and half.name == f"{folder}+second-half+2-a-class"
    assert pictures_of(half.train) == by_loop(dataset.train, [2, 3], 2) and len(half.train) == 4
    check_statistics(half)


def test_validation_of_a_part(folder):
    val, class_ids, size = open_validation(f"{folder}+second-half")
    assert pictures_of(val) == by_loop(open_dataset(folder).val, [2, 3]) and (class_ids, size) == (CLASSES[2:], 8)


def test_the_builtin_set_in_halves(monkeypatch):
    drawn = []

    def load(quiet):
        drawn.append(quiet)
        return whole()

    monkeypatch.setattr("tinyalex.data.load_builtin", load)
    first, second = open_dataset("builtin+first-half", quiet=True), open_dataset("builtin+second-half+1-a-class")
    assert first.class_ids + second.class_ids == IDS and drawn == [True, False]


@pytest.mark.parametrize(
    "spec, whole, parts",
    [
        ("builtin", "builtin", []),
        ("builtin+first-half", "builtin", ["first-half"]),
        ("builtin+", "builtin", [""]),
        ("a/b+c/d+first-half", "a/b+c/d", ["first-half"]),
        ("a/d/+first-half", "a/d/", ["first-half"]),
        ("a/b+c", "a/b+c", []),
        ("a/b+c+first-half+2-a-class", "a/b+c", ["first-half", "2-a-class"]),
        ("a/b+c/", "a/b+c/", []),
        ("a/new+first-half", "a/new", ["first-half"]),
    ],
)
def test_where_a_part_begins(tmp_path, monkeypatch, spec, whole, parts):
    monkeypatch.chdir(tmp_path)
    for name in ("a/b", "a/b+c", "a/d"):
        (tmp_path / name).mkdir(parents=True)
    assert _whole_and_parts(spec) == (whole, parts)


def test_a_part_of_nothing(tmp_path):
    refused(lambda: open_dataset(tmp_path / "none+first-half"), tmp_path / "none:", "no such folder", error=UserError)


def test_statistics_of_one_picture_a_class():
    """The sums are exact: the mean of a part of one picture is that picture."""
    dataset = part.replace(whole(), class_ids=("a",), train=Split(whole().train.shards, np.zeros(61, np.int64)))
    cut = take_parts(part.replace(dataset, val=dataset.train), ["1-a-class"])
    np.testing.assert_array_equal(cut.mean, dataset.train.gather([0])[0])
    statistics = ColorStatistics(SIZE)
    statistics.add(dataset.train.gather([0]))
    np.testing.assert_array_equal(cut.color_eigenvalues, statistics.principal_components()[0])
