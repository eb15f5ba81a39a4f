"""What a file declares is judged before anything is allocated, walked or waited for."""

import gzip
import io
import os
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data import headers, sources
from tests.data.headers import TAR_END, posix_texts, tar_header, tar_member
from tests.data.sources import write
from tests.data.test_readers_refuse import refused
from tinyalex.cli import main
from tinyalex.data.pictures import PictureError, decode_picture, read_picture
from tinyalex.data.prepared import open_prepared
from tinyalex.data.readers import imagenet_batches, read_source, storage, tars
from tinyalex.data.readers import source as source_module
from tinyalex.data.readers.matfile import MAX_BYTES, mat_table
from tinyalex.data.readers.storage import open_storage
from tinyalex.errors import UserError

# ---------------------------------------------------------------------------------------------- tars

LONG = "a/" * 20 + "é" * 200
NAMES = st.text("ab/é. ", min_size=1, max_size=130).map(lambda name: name.strip("/ ") or "x")
TYPES = [tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE]


@given(
    st.lists(st.tuples(NAMES, st.binary(max_size=1100), st.sampled_from(TYPES)), min_size=1, max_size=6),
    st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    st.booleans(),
)
def test_a_right_tar_is_listed_as_by_pythons_library(tmp_path_factory, members, form, gzipped):
    path = tmp_path_factory.mktemp("tar") / ("a.tar.gz" if gzipped else "a.tar")
    with tarfile.open(path, "w:gz" if gzipped else "w", format=form, pax_headers={"comment": "für alle"}) as archive:
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, LONG[:90] if form == tarfile.USTAR_FORMAT else LONG
            if info.isreg():
                info.size = len(content)
            try:
                archive.addfile(info, io.BytesIO(content))
            except ValueError:  # too long for this form
                continue
    found = tars.tar_members(path, gzipped)
    with tarfile.open(path) as archive:
        wanted = [m for m in archive if m.isreg() or m.issym() or m.islnk()]
        assert [m.name.rstrip("/") for m in found] == [m.name for m in wanted]
        assert [(m.size, m.is_link) for m in found] == [(m.size, not m.isreg()) for m in wanted]
        for mine, theirs in zip(found, wanted, strict=True):
            with tars.unpacked(path, gzipped) as file:
                file.seek(mine.offset)
                assert mine.is_link or file.read(mine.size) == archive.extractfile(theirs).read()


def test_a_member_of_more_than_8_gigabytes(tmp_path):
    path, size = tmp_path / "a.tar", 2**33 + 5
    with path.open("wb") as file:
        file.write(tar_header("large", size))
        file.seek(size + -size % 512, 1)
        file.write(tar_member("small", b"xyz") + TAR_END)
    large, small = tars.tar_members(path)
    assert (large.offset, large.size, small.name, small.size) == (512, size, "small", 3)
    with path.open("rb") as file:
        file.seek(small.offset)
        assert file.read(3) == b"xyz"


A = tar_member("a", b"x")
DAMAGED_TARS = {
    "a size of -513": A + tar_header("b", field=b"\xff" * 10 + b"\xfe\0"),
    "a size of -512": A + tar_header("b", -512),
    "an octal size of -7": A + tar_header("b", field=b"-00000000007"),
    "a size of 2^63": tar_header("b", 2**63),
    "a size of 2^70": tar_header("b", 2**70),
    "a size beyond the end": tar_header("b", 2048),
    "a long name of -512 bytes": tar_header("L", -512, b"L") + A,
    "a long name of 2^40 bytes": tar_header("L", 2**40, b"L") + A,
    "a text says -1024 bytes": posix_texts(size=-1024) + tar_header("b") + A,
    "a text says 10^4000 bytes": posix_texts(size="1" + "0" * 4000) + tar_header("b") + A,
    "a text of no length": tar_member("x", b"0 path=b\n", b"x") + A,
    "a text without a length": tar_member("x", b"path=b\n" * 9, b"x") + A,
    "a target of -512 bytes": tar_header("K", -512, b"K") + A,
    "a wrong sum": A.replace(b"a", b"b", 1),
}


@pytest.mark.parametrize("case", DAMAGED_TARS)
@pytest.mark.parametrize("gzipped", [False, True])
def test_damaged_tars(tmp_path, case, gzipped):
    data = DAMAGED_TARS[case] + TAR_END
    refused(write(tmp_path / "a.tar", gzip.compress(data) if gzipped else data), "a.tar: ")
    if not gzipped:
        refused(tmp_path / "a.tar", "not a readable tar; was the download cut short?")


@pytest.mark.parametrize(
    "members",
    [
        posix_texts(GNU__sparse__map="0,a,3,-4") + tar_member("b"),
        posix_texts(GNU__sparse__major=1, GNU__sparse__minor=0) + tar_member("b", b"99999999\n"),
        tar_member("b", b"x", b"S"),
    ],
)
def test_sparse_files_in_tars(tmp_path, members):
    refused(write(tmp_path / "a.tar", members + TAR_END), "a.tar: holds sparse files, which are not read")


def test_thousands_of_long_names_in_a_row_are_one_name(tmp_path):
    path = write(tmp_path / "a.tar", tar_member("L", b"train/a/x.png\0", b"L") * 3000 + A + TAR_END)
    assert open_storage(path).files("train/a") == ["x.png"]


def test_a_gzipped_tar_may_not_be_a_bomb(tmp_path, monkeypatch):
    path = write(tmp_path / "a.tar.gz", gzip.compress(tar_header("b", 2**30) + TAR_END))
    most = 2**30 + 4 * path.stat().st_size
    refused(path, f"has more than {most:,} bytes once unpacked", "unpack it first")
    monkeypatch.setattr(tars, "most_unpacked", lambda length: (2**30, 2048))
    refused(write(path, gzip.compress(A * 5 + TAR_END)), "or too many files; unpack it first")
    refused(write(path, gzip.compress(tar_member("L", bytes(4096), b"L") + A + TAR_END)), "or too many files")
    assert [m.name for m in tars.tar_members(write(path, gzip.compress(A * 4 + TAR_END)), True)] == ["a"] * 4


def test_a_tar_is_gzipped_by_its_content_not_its_name(tmp_path):
    data = tar_member("n01440764/x.txt", b"words") + TAR_END
    for name, content in (("a.tar", gzip.compress(data)), ("a.tar.gz", data)):
        found = open_storage(write(tmp_path / name, content))
        assert found.read("n01440764/x.txt", 5) == b"words" == found.open("n01440764/x.txt").read()
        assert found.size("n01440764/x.txt") == 5


def test_a_member_is_not_read_whole_if_it_is_too_large(tmp_path, monkeypatch):
    root = sources.cifar10(tmp_path / "cifar")
    monkeypatch.setattr(storage, "MOST_AT_ONCE", 1000)
    refused(
        sources.tarred(root, tmp_path / "a.tar.gz", mode="w:gz"), "a.tar.gz: data_batch_1: ", "expected at most 1,000"
    )


def test_links_and_names_that_lead_outside(tmp_path):
    link = tar_header("train/a/link.png", 512, b"2") + tar_header("train/a/hard.png", 512, b"1")
    odd = tar_member("/train/a/x.png") + tar_member("../../up.png") + tar_member("train/b/../a/y.png")
    found = open_storage(write(tmp_path / "a.tar", link + odd + tar_header("train/a/pipe", 0, b"6") + TAR_END))
    assert found.files("train/a") == ["x.png", "y.png"] and found.folders() == ["train"] and not found.files()
    assert [name for name, _why in found.listing("train/a").others] == ["hard.png", "link.png"]
    assert found.listing().others == [("..", "hidden")]


# ---------------------------------------------------------------------------------------------- zips


@pytest.fixture
def whole_zip(tmp_path):
    return sources.zipped(sources.class_folders(tmp_path / "pets"), tmp_path / "whole.zip").read_bytes()


DAMAGED_ZIPS = {
    "a size of 2^63": lambda data: headers.with_zip64(data, size=2**63),
    "an offset of 2^63": lambda data: headers.with_zip64(data, offset=2**63),
    "a packed size of 2^64 - 1": lambda data: headers.with_zip64(data, packed=2**64 - 1),
    "a size that no packing gives": lambda data: headers.with_zip64(data, size=2000 * len(data)),
    "a directory moved by a byte": lambda data: headers.with_bytes(
        data,
        (end := headers.directory(data)[1]) + 16,
        struct.pack("<I", struct.unpack_from("<I", data, end + 16)[0] + 1),
    ),
    "a directory longer than the file": lambda data: headers.with_bytes(
        data, headers.directory(data)[1] + 12, b"\xff\xff\xff\x7f"
    ),
    "a version of the future": lambda data: headers.with_bytes(data, headers.directory(data)[0] + 6, b"\xff\0"),
}


@pytest.mark.parametrize("case", DAMAGED_ZIPS)
def test_damaged_zips(tmp_path, whole_zip, case):
    assert sum(map(len, read_source(tmp_path / "whole.zip").train)) == 6
    refused(write(tmp_path / "a.zip", DAMAGED_ZIPS[case](whole_zip)), "a.zip: not a readable zip", "cut short")


def test_a_batch_in_a_zip_with_unknown_flags(tmp_path):
    path = sources.zipped(sources.imagenet_batches(tmp_path / "set"), tmp_path / "a.zip")
    data = path.read_bytes()
    for at in [at for at in range(len(data)) if data.startswith(b"PK\1\2", at)]:
        data = headers.with_bytes(data, at + 8, b"\x20\0")
    refused(write(path, data), "train_data_batch_1: cannot be read (compressed patched data")


@pytest.mark.parametrize("name", ["a/" * 33 + "x.png", "a/" * 15_000 + "x.png", "b" * 1025])
def test_names_of_many_levels_or_letters(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(40):
            archive.writestr(f"{number}/{name}"[-65_000:], "")
    refused(tmp_path / "a.zip", "a.zip: a name of", "expected at most 1,024 in 32")
    write(tmp_path / "a.tar", posix_texts(path=name) + A + TAR_END)
    refused(tmp_path / "a.tar", "a.tar: a name of", "expected at most 1,024 in 32")


# ---------------------------------------------------------------------------------------------- folders


def test_links_between_folders_end(tmp_path):
    root = sources.class_folders(tmp_path / "pets", classes=tuple("abcde"))
    for one in "abcde":
        for other in "abcde":
            (root / "train" / one / f"to-{other}").symlink_to(f"../{other}")
    found = read_source(root)
    ways = 1 + 4 + 4 * 3  # no folder twice on a way, and two links at most
    assert len(found.train[0]) == 5 * 3 * ways
    reasons = {reason for _name, reason in found.left_out}
    assert reasons == {"a link to a folder above", "behind too many links"}


def test_links_to_folders_elsewhere_are_followed(tmp_path):
    plain = sources.class_folders(tmp_path / "pets")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/train").symlink_to(plain / "train")
    (tmp_path / "linked/val").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "linked/val" / name).symlink_to(plain / "val" / name)
    one, other = read_source(plain), read_source(tmp_path / "linked")
    assert (one.train[0].names, one.val[0].names) == (other.train[0].names, other.val[0].names)


def test_folders_of_many_levels(tmp_path, monkeypatch):
    root = sources.class_folders(tmp_path / "pets")
    monkeypatch.chdir(root / "train/cat")
    for _ in range(300):  # more than Python's recursion has with three calls each
        os.mkdir("deeper")
        os.chdir("deeper")
    monkeypatch.chdir(tmp_path)
    (name, reason), *others = read_source(root).left_out
    assert not others and name == "train/cat" + "/deeper" * 31 and reason == "in 32 folders or more"


# ---------------------------------------------------------------------------------------------- lists


def test_lists_have_limits(tmp_path, monkeypatch):
    root = sources.tiny_imagenet(tmp_path / "set", 1, 1)
    os.truncate(root / "wnids.txt", 2**40)
    refused(root, "wnids.txt: 1,099,511,627,776 bytes, expected at most 16,777,216")
    write(root / "wnids.txt", "n1\n" + "n" * 10_001)
    refused(root, "wnids.txt: 2 lines of at most 10,001 letters, expected a list: at most 1,000,000 of 10,000")
    monkeypatch.setattr(source_module, "MOST_LINES", 3)
    write(root / "wnids.txt", "n1\nn2\rn3\x0bn4")  # whatever ends a line
    refused(root, "wnids.txt: 4 lines of at most 2 letters")


def test_numbers_of_thousands_of_digits_in_lists(tmp_path):
    root = sources.ilsvrc2012(tmp_path / "numbers")
    write(root / "ILSVRC2012_validation_ground_truth.txt", "1\n2\n" + "9" * 5000)
    refused(root, "expected one number, or one WordNet id, on every line")
    (root / "ILSVRC2012_validation_ground_truth.txt").unlink()
    write(root / "val.txt", "a.JPEG 1\nb.JPEG " + "9" * 5000)
    refused(root, "val.txt: 'b.JPEG 999", "expected a picture, a space and its class")
    root = sources.imagenet_batches(tmp_path / "batches")
    write(root / "map_clsloc.txt", "n1 1 a\nn2 " + "9" * 5000)
    refused(root, "map_clsloc.txt, line 2: 'n2 999", "expected an id, a number and a name")


def test_labels_that_are_no_numbers(tmp_path):
    root = sources.imagenet_batches(tmp_path / "set", form="npz")
    labels = np.zeros(3, [("a", np.int64)])
    np.savez(root / "train_data_batch_1.npz", data=sources.planes(3, 8), labels=labels)
    refused(root, "train_data_batch_1.npz: labels are [('a', '<i8')] (3,)")


def test_a_zipped_list_has_the_same_limit(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("wnids.txt", b"n1\n" * 6_000_000)
    refused(tmp_path / "a.zip", "a.zip: wnids.txt: 18,000,000 bytes, expected at most 16,777,216")


def test_a_table_of_matlab_has_limits():
    def element(kind, content):
        return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)

    flags, sizes = element(6, struct.pack("<II", 2, 0)), element(5, struct.pack("<ii", 1, 10**6))
    table = flags + sizes + element(1, b"s") + element(5, struct.pack("<i", 8)) + element(1, b"one\0\0\0\0\0")
    packed = zlib.compress(element(14, table + struct.pack("<II", 14, 0) * (10 * MAX_BYTES // 8)), 1)
    data = bytes(126) + b"IM" + struct.pack("<II", 15, len(packed)) + packed
    with pytest.raises(UserError, match="x: not a readable .mat file"):
        mat_table(data, "x")


# ---------------------------------------------------------------------------------------------- arrays


def npy(header, content=b""):
    header = header.ljust(118).encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + content


SHAPE = "{'descr': '|u1', 'fortran_order': False, 'shape': %s}"
DAMAGED_ARRAYS = {
    "parentheses": npy("(" * 9000),
    "signs": npy("-" * 9000 + "1"),
    "a pickle": b"\x80\x04K\x01.",
    "a zip": b"PK\5\6" + bytes(18),
    "a huge shape": npy(SHAPE % "(1099511627776, 1099511627776)"),
    "a negative shape": npy(SHAPE % "(-1, 8, 8, 3)"),
    "no shape": npy(SHAPE % "3"),
    "a type of types": npy("{'descr': [('a', [('b', 'O')])], 'fortran_order': False, 'shape': (3,)}"),
    "nothing": b"",
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    from tests.data.test_prepared import write as write_prepared

    return write_prepared(folder := tmp_path_factory.mktemp("prepared") / "set") and folder


@pytest.mark.parametrize("case", DAMAGED_ARRAYS)
@pytest.mark.parametrize("name", ["mean.npy", "val-labels.npy"])
def test_damaged_arrays_of_ours(prepared, case, name):
    good = (prepared / name).read_bytes()
    try:
        write(prepared / name, DAMAGED_ARRAYS[case])
        with pytest.raises(UserError, match=f"{name}: ") as raised:
            open_prepared(prepared)
        assert len(str(raised.value)) < 400 + len(str(prepared)) and "\n" not in str(raised.value)
        write(prepared / name, good + b"\0")
        with pytest.raises(UserError, match=f"{len(good) + 1:,} bytes, expected {len(good):,}"):
            open_prepared(prepared)
        write(prepared / name, good.replace(b"False", b"True "))
        with pytest.raises(UserError, match="by columns, expected"):
            open_prepared(prepared)
    finally:
        write(prepared / name, good)
    open_prepared(prepared)


@pytest.mark.parametrize("case", DAMAGED_ARRAYS)
def test_damaged_arrays_in_an_npz(tmp_path, case):
    root = sources.imagenet_batches(tmp_path / "set", form="npz")
    with zipfile.ZipFile(root / "train_data_batch_1.npz", "w") as archive:
        archive.writestr("data.npy", DAMAGED_ARRAYS[case])
        archive.writestr("labels.npy", npy(SHAPE % "(3,)", b"\1\2\3"))
    refused(root, "train_data_batch_1.npz: ")


def test_an_npz_may_not_be_a_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(imagenet_batches, "MOST_AT_ONCE", 10**6)
    root = sources.imagenet_batches(tmp_path / "set", form="npz")
    np.savez_compressed(
        root / "train_data_batch_1.npz", data=np.zeros((6000, 192), np.uint8), labels=np.ones(6000, int)
    )
    refused(root, "train_data_batch_1.npz: 1,200,256 bytes once unpacked, expected at most 1,000,000")


# ---------------------------------------------------------------------------------------------- pictures


def runs_in_bmp(width, height):
    """A black picture of 8 bits a pixel, in runs; whole up to 64 × 64."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 256, 1, 1, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1334, 0, 0, 1078) + header + bytes(1024) + b"\x40\0\0\0" * 64


def fits_rows(*rows):
    return "".join(f"{row:80}" for row in rows).ljust(2880).encode()


def test_pictures_that_would_take_long_or_more_than_their_bytes():
    qoi = b"qoif" + struct.pack(">IIBB", 10_000, 10_000, 4, 0) + b"\xfd" * 1000
    fits = fits_rows("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0", "END")
    table = ("NAXIS   = 2", "NAXIS1  = 8", "NAXIS2  = 8", "ZBITPIX = 8", "ZNAXIS  = 2", "ZNAXIS1 = 8", "ZNAXIS2 = 8")
    fits += fits_rows("XTENSION= 'BINTABLE'", "BITPIX  = 8", "ZIMAGE  = T", "ZCMPTYPE= 'GZIP_1  '", *table, "END")
    for data in (runs_in_bmp(10_000, 10_000), runs_in_bmp(99_999_999, 1), qoi):
        with pytest.raises(PictureError, match=r"pixels from [\d,]+ bytes of (BMP|QOI), which would take long"):
            decode_picture(data, 8)
    with pytest.raises(PictureError, match="FITS"):
        decode_picture(fits, 8)
    assert decode_picture(runs_in_bmp(64, 64), 8).shape == (8, 8, 3)


@pytest.mark.parametrize("kind", ["pipe", "/dev/zero", "folder", "sparse"])
def test_a_picture_is_an_ordinary_file(tmp_path, kind):
    path = tmp_path / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "sparse":
        os.truncate(write(path, ""), 2**40)
    elif not os.path.exists(path := kind):
        pytest.skip(f"this system has no {kind}")
    with pytest.raises(PictureError, match="cannot be read"):
        read_picture(path, 8)


@pytest.mark.parametrize("name", ["pipe.zip", "/dev/zero"])
def test_a_source_is_no_pipe_or_device(tmp_path, name, capsys):
    path = tmp_path / name
    if name == "pipe.zip":
        os.mkfifo(path)
    elif not os.path.exists(name):
        pytest.skip(f"this system has no {name}")
    assert main(["prepare", str(path), str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"tinyalex: {path}: a device or a pipe, expected a file or a folder\n"
    pets = sources.class_folders(tmp_path / "pets")
    assert main(["prepare", str(pets), str(tmp_path / "out"), "--classes", str(path)]) == 2
    assert f"{path}: not readable as a list of classes (a device or a pipe" in capsys.readouterr().err
    assert main(["lesson", "01", "--check", str(path)]) == 2
    assert f"{path}: cannot be read (a device or a pipe, expected a file)" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
