"""A network of another library, from a file of any form that is known."""

from os import PathLike
from pathlib import Path

from tinyalex.composite import layer_of
from tinyalex.errors import UserError
from tinyalex.exchange import own
from tinyalex.exchange.foreign import Foreign, name_of
from tinyalex.exchange.known import MEAN, SCALE, recognised
from tinyalex.exchange.layout import Misfit, Tensors, check, conversions, count_classes, expect_no_others, fill
from tinyalex.exchange.npz import read_npz
from tinyalex.exchange.onnx_layers import filled
from tinyalex.exchange.pickled import ZIP
from tinyalex.exchange.tensors import holds_tensors, keeps_order, read_tensors, text_of
from tinyalex.files import open_regular, reason
from tinyalex.models import find_model

ONNX = b"\x08"  # how files begin that the onnx package writes: the field of their version
ASSUMED = "The file does not say how pictures were prepared: ImageNet's mean and spread are assumed."


def read_foreign(
    path: str | PathLike, model: str | None = None, pictures: str | None = None, crop: int | None = None
) -> Foreign:
    """The network in a file, whose content tells its form: PyTorch's weights, safetensors, ONNX, our own arrays.

    model: a model of tinyalex that the weights belong to; None: they are recognised
    pictures, crop: of an ONNX file (see `tinyalex.exchange.onnx_in.read_onnx`)
    UserError, in one line, for anything else.
    """
    head = _head(path)
    if not holds_tensors(head):
        return _onnx(path, head, model, pictures, crop)
    if pictures or crop:
        raise UserError("expected only with an ONNX file", "pictures" if pictures else "crop")
    if head.startswith(ZIP) and (arrays := read_npz(path)):
        _refuse_model(model)
        return _our_arrays(arrays, str(path))
    tensors = read_tensors(path)
    if any(name.startswith("param/") for name in tensors):
        raise UserError(f"{path}: is a network of tinyalex already, expected one of another library")
    if text := text_of(path, head, own.KEY):
        _refuse_model(model)
        return _ours(tensors, text, str(path))
    return as_model(tensors, model, str(path), keeps_order(head)) if model else recognised(tensors, str(path))


def as_model(tensors: Tensors, name: str, path: str, ordered: bool = True) -> Foreign:
    """The model of tinyalex by that name with these weights in PyTorch's layout, under its names or in its order.

    path: of the file, for messages;  ordered: whether the tensors come in the network's order
    UserError if they do not fit.
    """
    model = find_model(name)
    try:
        modules = _modules(tensors, model.build(2), ordered)
        network = model.build(count_classes(tensors, list(modules.values())[-1]))
        names = check(tensors, [(modules.get(inner, ""), layer) for inner, layer, *_ in network.shapes()])
        expect_no_others(tensors, names)
    except Misfit as misfit:
        raise UserError(f"{path}: does not fit {name}: {misfit}") from None
    fill(network, tensors, modules, path)
    layers = network.features.layers, network.classifier.layers
    notes = (*conversions(network, tensors), ASSUMED)
    return Foreign(*layers, network.in_shape, name, model.size, MEAN, SCALE, notes=notes)


def _modules(tensors, network, ordered):
    """{our path of a layer with weights: PyTorch's name of it}. Misfit for another number of them."""
    ours = list(dict.fromkeys(map(layer_of, network.params)))
    theirs = list(dict.fromkeys(map(layer_of, tensors)))
    if len(ours) != len(theirs):
        raise Misfit(f"found {len(theirs)} layers with weights, expected {len(ours)}")
    if set(ours) == set(theirs):
        return dict(zip(ours, ours))
    if not ordered:
        raise Misfit(
            f"found layers {', '.join(theirs[:3])}, …; a safetensors file keeps no order, expected {', '.join(ours)}"
        )
    return dict(zip(ours, theirs))


def _ours(tensors, text, path):
    """A file of weights that `tinyalex.exchange.exported` wrote."""
    try:
        foreign = own.rebuild(text, name_of(path), most=4 * sum(array.size for array in tensors.values()))
        network = foreign.network
        names = check(tensors, [(inner, layer) for inner, layer, *_ in network.shapes()])
        expect_no_others(tensors, names)
    except (Misfit, UserError) as error:
        raise UserError(f"{path}: {error}") from None
    fill(network, tensors, {inner: inner for inner, *_ in network.shapes()}, path)
    return foreign


def _our_arrays(arrays, path):
    """A file of NumPy's arrays that `tinyalex.exchange.exported` wrote."""
    if own.KEY not in arrays:
        raise UserError(f"{path}: holds NumPy's arrays without a network, expected a file that tinyalex wrote")
    try:
        foreign = own.rebuild(
            str(arrays[own.KEY]), name_of(path), most=4 * sum(array.size for array in arrays.values())
        )
        for inner, layer, *_ in foreign.network.shapes():
            filled(layer, **{key: arrays[f"{inner}.{key}"] for key in layer.params | layer.state})
    except KeyError as missing:
        raise UserError(f"{path}: found no array {missing}, expected one for each of the network's") from None
    except (ValueError, UserError) as error:
        raise UserError(f"{path}: {error}") from None
    return foreign


def _onnx(path, head, model, pictures, crop):
    if not head.startswith(ONNX):
        raise UserError(f"{path}: holds no network, expected PyTorch's weights (.pth, .pt), safetensors or ONNX")
    _refuse_model(model)
    from tinyalex.exchange.onnx_in import read_onnx  # needs the onnx package, which is optional

    return read_onnx(path, pictures, crop)


def _refuse_model(model):
    """UserError if a model is named for a file that needs none."""
    if model:
        raise UserError(f"found {model}, expected nothing: the file says what its layers are", "model")


def _head(path):
    """The first bytes of a file. UserError if there is none."""
    if Path(path).is_dir():
        is_run = (Path(path) / "config.json").exists()
        kind = "a run of tinyalex already" if is_run else "a folder"
        raise UserError(f"{path}: is {kind}, expected a file with a network of another library")
    try:
        with open_regular(path) as file:
            return file.read(16)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({reason(error)})") from None
