"""Tiny data sets in every format that can be prepared, a few pictures each."""

import io
import pickle
import tarfile
import zipfile

import numpy as np
from PIL import Image

WNIDS = ("n02119789", "n01440764", "n02100735")  # not sorted, like ILSVRC's own numbering


def picture(seed, size=(20, 16)):
    """A smooth random picture, uint8 (height, width, 3), that survives JPEG."""
    small = np.random.default_rng(seed).integers(0, 256, (3, 3, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BILINEAR))


def encoded(pixels, format="JPEG", **options):
    """The bytes of a picture file."""
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(buffer, format, **options)
    return buffer.getvalue()


def write(path, content):
    """Write text or bytes, making the folders above."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def zipped(folder, path, top="", method=zipfile.ZIP_STORED):
    """A zip of a folder's files, below a folder `top`."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, f"{top}{file.relative_to(folder).as_posix()}")
    return path


def tarred(folder, path, top="", mode="w"):
    """A tar of a folder's files, below a folder `top`."""
    with tarfile.open(path, mode) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.add(file, f"{top}{file.relative_to(folder).as_posix()}")
    return path


def tiny_imagenet(root, train=3, val=4, size=64):
    """Tiny ImageNet with `train` pictures in each of three classes."""
    write(root / "wnids.txt", "".join(f"{wnid}\n" for wnid in WNIDS))
    write(root / "words.txt", f"n00000001\tentity\n{WNIDS[0]}\tkit fox, Vulpes macrotis\n{WNIDS[1]}\ttench\n")
    for label, wnid in enumerate(WNIDS):
        for i in range(train):
            pixels = picture(100 * label + i, (size, size))
            write(root / f"train/{wnid}/images/{wnid}_{i}.JPEG", encoded(pixels))
    rows = ""
    for i in range(val):
        write(root / f"val/images/val_{i}.JPEG", encoded(picture(1000 + i, (size, size))))
        rows += f"val_{i}.JPEG\t{WNIDS[i % 3]}\t0\t0\t9\t9\n"
    write(root / "val/val_annotations.txt", rows)
    return root


def class_folders(root, classes=("cat", "dog"), train=3, val=2):
    """Class folders of pictures in several sizes and formats."""
    kinds = (("a.jpg", "JPEG", (30, 20)), ("b.png", "PNG", (16, 24)), ("c.gif", "GIF", (20, 20)))
    for label, name in enumerate(classes):
        for split, count in (("train", train), ("val", val)):
            for i in range(count):
                file, kind, size = kinds[i % 3]
                seed = 10 * label + i + (500 if split == "val" else 0)
                write(root / split / name / f"{i}{file}", encoded(picture(seed, size), kind))
    return root


def planes(count, side, seed=0):
    """Random pictures in the published layout, uint8 (count, 3·side·side)."""
    return np.random.default_rng(seed).integers(0, 256, (count, 3 * side * side), dtype=np.uint8)


def cifar10(root, protocol=2):
    """CIFAR-10 with four pictures a batch."""
    names = ["airplane", "automobile", "bird", "cat"]
    content = {"batches.meta": {"label_names": names, "num_vis": 3072}}
    for i, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        content[name] = {"data": planes(4, 32, i), "labels": [3, 0, 2, 1], "batch_label": name}
    for name, value in content.items():
        write(root / name, pickle.dumps(value, protocol))
    return root


def cifar100(root, protocol=2):
    """CIFAR-100 with six training pictures and three test pictures of three classes."""
    names = {"fine_label_names": ["apple", "bear", "crab"], "coarse_label_names": ["animals", "fruit"]}
    write(root / "meta", pickle.dumps(names, protocol))
    for name, count in (("train", 6), ("test", 3)):
        value = {"data": planes(count, 32, count), "fine_labels": [2, 1, 0] * (count // 3)}
        write(root / name, pickle.dumps(value | {"coarse_labels": [0, 0, 1] * (count // 3)}, protocol))
    return root


def binary(root, content, hundred=False):
    """The binary form of `cifar10` or `cifar100`: rows of labels and pixels, and the names as text."""
    keys, names = ("labels",), {"batches.meta": "label_names"}
    if hundred:
        keys = ("coarse_labels", "fine_labels")
        names = {kind: kind for kind in ("coarse_label_names", "fine_label_names")}
    for file in content.iterdir():
        value = pickle.loads(file.read_bytes())
        if "data" in value:
            labels = np.stack([value[key] for key in keys], axis=1).astype(np.uint8)
            write(root / f"{file.name}.bin", np.hstack([labels, value["data"]]).tobytes())
        else:
            for name, key in names.items():
                write(root / f"{name}.txt", "".join(f"{line}\n" for line in value[key]) + "\n")
    return root


def imagenet_batches(root, side=8, form="pickle", batches=2, named=True):
    """ImageNet batches of a few pictures in three classes, or in a thousand classes without map_clsloc.txt."""
    classes = 3 if named else 1000
    if named:
        write(root / "map_clsloc.txt", "".join(f"{wnid} {i} name_{i}\n" for i, wnid in enumerate(WNIDS, 1)))
    for i, name in enumerate([*(f"train_data_batch_{i}" for i in range(1, batches + 1)), "val_data"]):
        save_batch(root / name, {"data": planes(classes, side, i), "labels": list(range(1, classes + 1))}, form)
    return root


def save_batch(path, content, form="pickle"):
    """One batch as a pickle or, with its ending added, as .npz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "pickle":
        return write(path, pickle.dumps(content))
    np.savez(path.with_name(path.name + ".npz"), **content)


def imagenet_1k(root, tars=2, val=3):
    """ImageNet-1k in Hugging Face's compressed tars: two pictures of each class in each training tar, mixed."""
    for i in range(tars):
        for number in range(6):
            wnid = WNIDS[number % 3]
            name = f"{wnid}_{10 * i + number}_{wnid}.JPEG"
            write(root.parent / f"{root.name}-{i}" / name, encoded(picture(10 * i + number, (40, 30))))
        (root / "data").mkdir(parents=True, exist_ok=True)
        tarred(root.parent / f"{root.name}-{i}", root / f"data/train_images_{i}.tar.gz", mode="w:gz")
    for i in range(val):
        name = f"ILSVRC2012_val_{i + 1:08d}_{WNIDS[i % 3]}.JPEG"
        write(root.parent / f"{root.name}-val" / name, encoded(picture(500 + i, (30, 40))))
    tarred(root.parent / f"{root.name}-val", root / "data/val_images.tar.gz", mode="w:gz")
    write(
        root / "classes.py", f"CLASSES = {{\n    '{WNIDS[0]}': \"kit fox, fox's kin\",\n    \"{WNIDS[1]}\": 'tench'}}\n"
    )
    return root


def ilsvrc2012(root, train=2, val=3, labels="numbers", nested=True):
    """ILSVRC-2012's tars with three classes; labels: "numbers", "wnids", "solution" or None."""
    scratch = root.parent / f"{root.name}-parts"
    for label, wnid in enumerate(WNIDS):
        for i in range(train):
            write(scratch / wnid / f"{wnid}_{i}.JPEG", encoded(picture(10 * label + i, (40, 30))))
        write(scratch / "tars" / "x", "").unlink()
        tarred(scratch / wnid, scratch / "tars" / f"{wnid}.tar")
    for i in range(val):
        write(scratch / "val" / f"ILSVRC2012_val_{i + 1:08d}.JPEG", encoded(picture(500 + i, (30, 40))))
    root.mkdir(parents=True)
    if nested:
        tarred(scratch / "tars", root / "ILSVRC2012_img_train.tar")
    else:
        (scratch / "tars").rename(root / "train")
    tarred(scratch / "val", root / "ILSVRC2012_img_val.tar")
    write(root / "LOC_synset_mapping.txt", f"{WNIDS[1]} tench, Tinca tinca\n{WNIDS[0]} kit fox\n{WNIDS[2]} setter\n")
    wnids = [WNIDS[i % 3] for i in range(val)]
    if labels == "numbers":
        write(root / "ILSVRC2012_validation_ground_truth.txt", "".join(f"{i % 3 + 1}\n" for i in range(val)))
        write(root / "map_clsloc.txt", "".join(f"{wnid} {i} name_{i}\n" for i, wnid in enumerate(WNIDS, 1)))
    elif labels == "wnids":
        write(root / "imagenet_2012_validation_synset_labels.txt", "".join(f"{wnid}\n" for wnid in wnids))
    elif labels == "solution":
        rows = [f"ILSVRC2012_val_{i + 1:08d},{wnid} 1 2 3 4\n" for i, wnid in enumerate(wnids)]
        write(root / "LOC_val_solution.csv", "ImageId,PredictionString\n" + "".join(reversed(rows)))
    return root
