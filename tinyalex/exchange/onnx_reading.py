"""A way through an ONNX graph as our layers: node after node, block within block."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tinyalex.errors import UserError
from tinyalex.exchange.onnx_file import Graph, Node, names
from tinyalex.layers import Layer
from tinyalex.layers.base import Shape
from tinyalex.residual import Residual

DEEPEST = 20  # blocks within blocks


@dataclass(frozen=True)
class At:
    """A tensor between two nodes, without its batch axis.

    shape: ONNX's, (C, H, W) or (K,);  ours: (H, W, C) or (K,)
    flat: (C, H, W) if the K features are a picture's numbers: theirs channel by channel, ours pixel by pixel
    said: sentences about what the layer that leads here says in other words or numbers than the node
    """

    tensor: str
    shape: Shape
    ours: Shape
    flat: Shape | None = None
    said: tuple[str, ...] = ()


Convert = Callable[["Reading", Node, At], tuple[Layer | None, At]]  # and where it leads; ValueError: it does not fit


class Layers(dict):
    """Layers by name: "conv1" and what follows it, "relu1", "norm1", "pool1"; then number 2, the next with weights."""

    def __init__(self) -> None:
        self.number, self.counts = 0, Counter[str]()

    def put(self, kind: str, layer: Layer) -> str:
        """Add a layer under the next free name, which is returned."""
        if kind in ("conv", "fc", "block"):
            self.number += 1
        name = kind if kind == "flatten" else f"{kind}{self.number}"
        self.counts[name] += 1
        if (count := self.counts[name]) > 1:
            name = f"{name}_{count}"
        self[name] = layer
        return name


class Reading:
    """Turns a graph into layers, way by way.

    conversions: {operator: (kind of layer, for its name; how it becomes a layer)}
    said: what was converted: {sentence: names of the layers that it concerns}
    """

    def __init__(self, graph: Graph, conversions: dict[str, tuple[str, Convert]]) -> None:
        self.graph, self.conversions = graph, conversions
        self.said: dict[str, list[str]] = {}
        self.users: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for name in node.inputs:
                if name and name not in graph.constants:
                    self.users.setdefault(name, []).append(node)

    def say(self, sentence: str, name: str = "") -> None:
        """Note a conversion, and the layer that it concerns."""
        self.said.setdefault(sentence, []).extend([name] if name else [])

    # ------------------------------------------------------------------------------------------ ways through the graph

    def way(self, at: At, first: Node | None = None, depth: int = 0) -> tuple[Layers, At, Node | None]:
        """(layers, where they end, the sum that ended them), from `at` to the output or to a sum of two ways.

        first: the node to begin with, where several read `at`
        """
        if depth > DEEPEST:
            raise UserError(f"found more than {DEEPEST} blocks within each other, expected fewer")
        layers = Layers()
        while first or at.tensor != self.graph.output:
            users, first = [first] if first else self.users.get(at.tensor, []), None
            if len(users) == 1 and self.adds(users[0]):
                return layers, at, users[0]
            if len(users) == 1:
                at = self._step(layers, users[0], at)
            elif len(users) == 2:
                at = self._block(layers, users, at, depth)
            else:
                raise UserError(f"{len(users)} nodes read {at.tensor!r}, expected one, or the two ways of a block")
        return layers, at, None

    def adds(self, node: Node) -> bool:
        """Whether a node is the sum of two ways."""
        computed = [name for name in node.inputs if name not in self.graph.constants]
        return node.op in ("Add", "Sum") and len(node.inputs) == len(computed) == 2

    def _block(self, layers, users, at, depth):
        """Two ways from one tensor to one sum."""
        (body, one, end), (shortcut, other, other_end) = (self.way(at, user, depth + 1) for user in users)
        if end is None or end is not other_end:
            ends = " and ".join(str(node or "the output") for node in (end, other_end))
            raise UserError(f"the two ways from {at.tensor!r} lead to {ends}, expected one Add")
        if (one.ours, one.flat) != (other.ours, other.flat):
            raise end.refuse(f"{names(one.shape)} and {names(other.shape)}", "two of one shape")
        if len(shortcut) > len(body):
            body, shortcut = shortcut, body
        layers.put("block", Residual(body, shortcut))
        return replace(one, tensor=end.outputs[0])

    def _step(self, layers, node, at):
        """One node as a layer, or as none."""
        kind, convert = self.conversions.get(node.op, ("", None))
        if convert is None:
            first = "it first, as the pictures' mean and scale, or as the sum of a block's two ways"
            raise node.refuse("it here", "it at the end" if node.op == "Softmax" else first)
        if node.inputs[0] != at.tensor:
            raise node.refuse(f"{at.tensor!r} as a later input", "it as the first")
        try:
            layer, after = convert(self, node, at)
            if layer is None:
                return after
            ours = layer.out_shape(at.ours)
        except (ValueError, TypeError) as error:
            raise UserError(f"{node}: {error}") from None
        name = layers.put(kind, layer)
        for sentence in after.said:
            self.say(sentence, name)
        return replace(after, ours=ours, said=())

    # ------------------------------------------------------------------------------------------ what operators share

    def weights(self, node: Node, number: int, axes: int) -> np.ndarray | None:
        """A constant of floating point that is an input of a node, as float32."""
        array = self.graph.take(node, number)
        if array is None:
            return None
        if array.ndim != axes or array.dtype.kind != "f" or not array.size:
            raise node.refuse(f"weights {names(array.shape)} of {array.dtype}", f"{axes} axes of float")
        return array.astype(np.float32, copy=False)

    def vector(self, node: Node, number: int, length: int) -> np.ndarray | None:
        """As `weights`, for one number of each channel or feature; fewer axes are spread as NumPy spreads them."""
        array = self.graph.take(node, number)
        if array is None:
            return None
        if array.dtype.kind != "f" or array.size not in (1, length) or array.shape[-1:] not in ((), (1,), (length,)):
            raise node.refuse(f"{names(array.shape) or 'one number'} of {array.dtype}", f"{length} numbers of float")
        return np.broadcast_to(array.astype(np.float32).ravel(), (length,))
