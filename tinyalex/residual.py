"""The residual block: layers learn what to add to their input, instead of a new output."""

from tinyalex.composite import Composite, Sequential, path
from tinyalex.layers import Identity, Layer


class Residual(Composite):
    """Two branches that meet in a sum:  y = body(x) + shortcut(x),  dx = body's dx + shortcut's dx.

    body: {name: layer}
    shortcut: {name: layer}; if empty, an `Identity`: x itself, so that dx = body's dx + dy. Where the body changes the
        shape, a 1×1 convolution with its own `BatchNorm2d` (a projection), or a `PaddedShortcut` without weights
    The ReLU that follows the sum is a layer of its own. Parameters are named "conv1.weight" in the body and
    "shortcut.conv.weight" in the shortcut.
    Raises ValueError for a layer named "shortcut" in the body and, when used, if the branches do not have one shape.
    Source: He et al. 2015, arXiv:1512.03385, §3.2.
    """

    def __init__(self, body: dict[str, Layer], shortcut: dict[str, Layer] | None = None) -> None:
        if "shortcut" in body:
            raise ValueError('Residual: a layer of the body is named "shortcut", expected another name')
        super().__init__({"body": Sequential(body), "shortcut": Sequential(shortcut or {"identity": Identity()})})

    @property
    def body(self) -> dict[str, Layer]:
        """The layers of the longer branch, by name."""
        return self.layers["body"].layers  # type: ignore[attr-defined]

    @property
    def shortcut(self) -> dict[str, Layer]:
        """The layers of the other branch, by name."""
        return self.layers["shortcut"].layers  # type: ignore[attr-defined]

    def prefix(self, name: str) -> str:
        return "" if name == "body" else name

    def like(self, **changes):
        fresh = {name: {inner: layer.like() for inner, layer in getattr(self, name).items()} for name in self.layers}
        return Layer.like(self, **(fresh | changes))

    def forward_piece(self, x, train, rng):
        outputs, cache = {}, {}
        for name, branch in self.layers.items():
            outputs[name], cache[name] = yield from branch.forward_piece(x, train, rng)
        return self._sum(**outputs), cache

    def backward_piece(self, dy, cache, input_grad):
        dxs, grads = [], {}
        for name, branch in self.layers.items():
            dx, own = yield from branch.backward_piece(dy, cache[name], input_grad)
            dxs.append(dx)
            grads |= {path(self.prefix(name), key): grad for key, grad in own.items()}
        return dxs[0] + dxs[1] if input_grad else None, grads

    def predict(self, x):
        return self._sum(*(branch.predict(x) for branch in self.layers.values()))

    def trace(self, x):
        body = yield from self.layers["body"].trace(x)
        shortcut = yield from self.layers["shortcut"].trace(x)
        return self._sum(body, shortcut)

    def out_shape(self, in_shape):
        return self._met(*(branch.out_shape(in_shape) for branch in self.layers.values()))

    def shapes(self, in_shape):
        for name, branch in self.layers.items():
            for inner, leaf, shape, out_shape in branch.shapes(in_shape):
                yield path(self.prefix(name), inner), leaf, shape, out_shape

    def __str__(self):
        return "residual"

    def _sum(self, body, shortcut):
        """Their sum, of one shape: NumPy would spread a single pixel over all, and say nothing."""
        self._met(body.shape[1:], shortcut.shape[1:])
        return body + shortcut

    def _met(self, body, shortcut):
        """The shape of both."""
        if body != shortcut:
            raise ValueError(f"{self.label}: the body gives {body}, the shortcut {shortcut}, expected one shape")
        return body
