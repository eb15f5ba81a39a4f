"""Names as other programs write them, files that are no pictures, lists of classes: right labels, every loss listed."""

import os
import unicodedata
import zipfile

import pytest

from tests.data import sources
from tests.data.sources import encoded, picture, write
from tests.data.test_prepare import refused as refused_by_prepare
from tests.data.test_readers import contents, same
from tests.data.test_readers_refuse import refused
from tinyalex.data.prepare import prepare
from tinyalex.data.readers import read_source


def test_texts_are_no_pictures_and_folders_in_a_class_belong_to_it(tmp_path):
    root = sources.class_folders(tmp_path / "pets")
    write(root / "train/cat/notes.txt", "x")
    write(root / "train/cat/Thumbs.DB", "x")
    write(root / "train/cat/2019/summer/z.png", encoded(picture(9), "PNG"))
    write(root / "train/stray.jpg", encoded(picture(8)))
    for file in ("README.md", "labels.csv", ".DS_Store", ".git/config", "docs/a.txt", "docs/more/b.md", "docs/more/.c"):
        write(root / file, "x")
    write(root / "extra/z.png", encoded(picture(7), "PNG"))
    write(root / "extra/notes.txt", "x")
    write(root / "words.txt", "cat\ta cat\n")  # is read
    report = prepare(root, tmp_path / "out", per_class=4, strict=True, quiet=True)
    assert (report.train_images, report.skipped) == (7, [])
    outside = "outside the training and validation pictures"
    assert report.left_out == [
        ("README.md", "not a picture, by its name"),
        ("labels.csv", "not a picture, by its name"),
        ("docs/", f"2 files {outside}"),
        ("extra/", f"1 picture and 1 other file {outside}"),
        ("train/stray.jpg", outside),
        ("train/cat/Thumbs.DB", "not a picture, by its name"),
        ("train/cat/notes.txt", "not a picture, by its name"),
        (".DS_Store", "hidden"),
        (".git", "hidden"),
        ("docs/more/.c", "hidden"),
    ]
    assert len((tmp_path / "out/skipped.txt").read_text().splitlines()) == len(report.left_out)
    assert contents(read_source(root).train)[2][3] == "train/cat/2019/summer/z.png"


def test_a_flat_val_without_labels(tmp_path):
    root = sources.class_folders(tmp_path / "pets", val=0)
    write(root / "val/a.jpg", encoded(picture(0)))
    refused(root, "val: files, but no folders: 1; expected val/<class>/")


def spelt_apart(root):
    """Class folders whose classes are spelt in one way in train, as macOS does in val; a file, too."""
    for split, form in (("train", "NFC"), ("val", "NFD")):
        for label, class_name in enumerate(("café", "thé")):
            for i in range(2):
                file = unicodedata.normalize(form, f"{split}/{class_name}/é{i}.png")
                write(root / file, encoded(picture(10 * label + i), "PNG"))
    return root


@pytest.mark.parametrize("packed", ["folder", "zip", "tar"])
def test_names_are_compared_in_one_spelling(tmp_path, packed):
    path = root = spelt_apart(tmp_path / "drinks")
    if packed == "zip":
        path = sources.zipped(root, tmp_path / "drinks.zip", "top/")
    elif packed == "tar":
        path = sources.tarred(root, tmp_path / "drinks.tar")
    chosen = write(tmp_path / "classes.txt", unicodedata.normalize("NFD", "thé\ncafé\n"))
    report = prepare(path, tmp_path / "out", classes=chosen, quiet=True, workers=1)
    assert (report.train_images, report.val_images, report.skipped, report.left_out) == (4, 4, [], [])
    assert read_source(path).class_ids == ("café", "thé")


def test_two_pictures_whose_names_look_alike_are_both_there(tmp_path):
    root = sources.class_folders(tmp_path / "pets")
    for form in ("NFC", "NFD"):
        write(root / unicodedata.normalize(form, "train/cat/é.png"), encoded(picture(5), "PNG"))
    for path in (root, sources.zipped(root, tmp_path / "pets.zip"), sources.tarred(root, tmp_path / "pets.tar")):
        assert len(contents(read_source(path).train)[1]) == 8


@pytest.mark.parametrize("kind", ["backslashes", "some backslashes", "a/b\\c", "unmarked UTF-8", "./", "/"])
def test_zips_of_other_programs(tmp_path, kind):
    root = sources.class_folders(tmp_path / "pets", classes=("café", "dog"))
    spelling = {"backslashes": lambda n: n.replace("/", "\\"), "./": "./{}".format, "/": "/{}".format}
    spelling["some backslashes"] = lambda n: n.replace("/", "\\") if "dog" in n else n
    spelling["a/b\\c"] = lambda n: f"top/{n.replace('/', chr(92))}"
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                full = file.relative_to(root).as_posix()
                info = zipfile.ZipInfo("x")
                info.filename = spelling.get(kind, str)(full)
                archive.writestr(info, file.read_bytes())
    if kind == "unmarked UTF-8":
        data = bytearray(path.read_bytes())
        for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            at = data.find(signature)
            while at >= 0:
                data[at + flags + 1] &= ~0x08
                at = data.find(signature, at + 4)
        path.write_bytes(data)
    source = read_source(path)
    assert (source.format, source.class_ids, source.left_out) == ("class-folders", ("café", "dog"), ())
    same(source.train, read_source(root).train)


def test_links_in_a_tar_are_listed(tmp_path):
    root = sources.class_folders(tmp_path / "pets")
    os.link(root / "train/cat/0a.jpg", root / "train/cat/9z.jpg")
    source = read_source(sources.tarred(root, tmp_path / "pets.tar"))
    assert source.left_out == (("train/cat/9z.jpg", "a link inside the archive"),)


@pytest.mark.parametrize(
    "content, parts",
    [
        (
            "# Pets\n\n```sh\nls\n```\n",
            ["has no class '```sh'; expected a text file with a class id on each line", "'cat'"],
        ),
        ("cat\ncta\n", ["no class 'cta' (did you mean cat?)"]),
        (b"\xff\xd8\xff\xe0", ["not text in UTF-8", "expected a text file with a class id on each line"]),
        (None, ["Is a directory", "expected a text file with a class id on each line"]),
    ],
)
def test_files_that_are_no_lists_of_classes(tmp_path, content, parts):
    file = tmp_path / "README.md"
    if content is None:
        file.mkdir()
    else:
        write(file, content)
    root = sources.class_folders(tmp_path / "pets")
    refused_by_prepare(root, tmp_path / "out", "README.md: ", *parts, classes=file)


@pytest.mark.parametrize("part", ["train", "val"])
def test_one_class_in_two_spellings_is_refused(tmp_path, part):
    """Read as two classes, its pictures would stand under two labels, or twice."""
    root = sources.class_folders(tmp_path / "pets")
    for split in ("train", "val"):
        for form in ("NFC", "NFD") if split == part else ("NFC",):
            write(root / split / unicodedata.normalize(form, "thé") / f"{form}.png", encoded(picture(1), "PNG"))
    if len({folder.name for folder in (root / part).iterdir()}) < 4:
        pytest.skip("this disk has one spelling for both")
    refused(root, f"{part}/thé: stands there in 2 spellings of Unicode; expected one folder per class")
