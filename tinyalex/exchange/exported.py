"""A trained network as a file for others: ONNX, PyTorch's weights, or plain NumPy arrays."""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from tinyalex.backend import to_host
from tinyalex.errors import UserError, did_you_mean
from tinyalex.exchange import own
from tinyalex.exchange.onnx_out import write_onnx
from tinyalex.exchange.torch_out import code, state_dict
from tinyalex.files import check_file, replacing
from tinyalex.runs.trained import Run

PIXELS = ("uint8", "float")
MARKS = {
    ".safetensors": b'{"__metadata__":{"tinyalex.network":',
    ".npz": b"tinyalex.network.npy",
}  # near the beginning of ours
ENDINGS = (".onnx", *MARKS)


def export_run(run: Run, path: str | PathLike, pixels: str | None = None) -> dict[str, Any]:
    """Write a run's network to a file whose ending says the form, and return what is in it, as JSON values.

    pixels: of an ONNX file's pictures: "uint8" (the default) or "float" (see `write_onnx`); None for the others
    UserError for another ending, a file of somebody else's, and a network that the form cannot express.
    """
    path = Path(path)
    ending, network, view = path.suffix.lower(), run.network, run.view
    classes = run.info["class_ids"], run.info["class_names"]
    if ending not in ENDINGS:
        near = did_you_mean(ending, ENDINGS)
        raise UserError(f"found {path}, expected a name that ends in {', '.join(ENDINGS)}{near}", "file")
    if pixels not in (None, *PIXELS) or (pixels and ending != ".onnx"):
        raise UserError(
            f"found {pixels!r} for {path}, expected one of {', '.join(PIXELS)} for ONNX, else none", "pixels"
        )
    result = {"file": str(path), "run": str(run.path), "model": run.info["model"], "classes": network.num_classes}
    result |= {"parameters": sum(a.size for a in network.params.values())}
    result |= {"pictures": own.how_prepared(view, (pixels or "uint8") if ending == ".onnx" else "float")}
    if ending == ".onnx":
        write_onnx(network, view, *classes, path, pixels or "uint8")
        return result
    check_file(path, ending, MARKS[ending], "file")
    text = own.describe(network, view, *classes)
    if ending == ".npz":
        arrays: dict[str, Any] = network.params | network.state | {"view.mean": view.mean}
        arrays = {name: to_host(array) for name, array in arrays.items()}
        with replacing(path) as beside, open(beside, "wb") as file:
            np.savez(file, **{own.KEY: text} | arrays)
        return result
    about = f"{run.info['model']}: scores (N, {network.num_classes}) of pictures, {result['pictures']}."
    result["code"] = code(network, about)
    with replacing(path) as beside:
        save_file(state_dict(network), beside, {own.KEY: text})
    return result
