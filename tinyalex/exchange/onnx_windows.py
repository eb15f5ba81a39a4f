"""The windows of ONNX's convolution and pooling, and how ours come to lie on the same pixels.

H×W pixels; KH×KW window.
"""

from dataclasses import dataclass
from typing import Any

from tinyalex.exchange.onnx_file import Node, names
from tinyalex.layers.windows import Windows

MOST_PADDING = 4  # sides of the picture


@dataclass(frozen=True)
class Window:
    """A node's window on pictures of one size.

    size: (H, W);  kernel, stride: (rows, columns);  pads: (top, left, bottom, right);  places: windows down and across
    """

    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pads: tuple[int, int, int, int]
    places: tuple[int, int]

    @classmethod
    def of(cls, node: Node, size: tuple[int, int], kernel: Any) -> "Window":
        """UserError for a window that ONNX does not have, or that is dilated."""
        a, kernel = node.attributes, tuple(kernel)
        stride = tuple(a["strides"] or (1, 1))
        if len(kernel) != 2 or len(stride) != 2 or min(*kernel, *stride) < 1:
            raise node.refuse(f"a window {names(kernel)} by {names(stride)}", "rows and columns, 1 or more")
        if set(a["dilations"]) - {1}:
            raise node.refuse(f"dilations {a['dilations']}", "1, since the layers have none")
        pads = _pads(node, size, kernel, stride)
        axes = zip(size, kernel, stride, pads[:2], pads[2:])
        down, across = (_places(node, *axis) for axis in axes)
        return cls(size, kernel, stride, pads, (down, across))

    @property
    def even(self) -> bool:
        """Whether both sides have the same padding."""
        return self.pads[:2] == self.pads[2:]

    def ours(self, on_picture: bool = False) -> dict[str, Any] | None:
        """Arguments of a layer whose windows lie as these; None if no rounding of ours gives as many.

        They begin at the same pixels then, and all beyond the picture is padding for ours too.
        on_picture: as of `tinyalex.layers.windows.Windows`
        """
        for rounding in (None, "floor", "ceil"):
            try:
                found = Windows(self.kernel, self.stride, self.pads[:2], rounding, on_picture=on_picture)
                if found.out_size(*self.size, "") == self.places:
                    return dict(stride=one(self.stride), padding=one(self.pads[:2]), rounding=rounding)
            except ValueError:  # the stride does not divide
                continue
        return None

    def larger(self) -> tuple[tuple[int, int], tuple[int, int], dict[str, Any]]:
        """Rows and columns of zeros around a kernel that stand for uneven padding, and arguments of its layer.

        Each is (before, after), and lies where the padding is less: a window then sees zeros that the kernel ignores.
        """
        top, left, bottom, right = self.pads
        rows, columns = ((max(b - a, 0), max(a - b, 0)) for a, b in ((top, bottom), (left, right)))
        padding = (max(top, bottom), max(left, right))
        return rows, columns, dict(stride=one(self.stride), padding=one(padding), rounding="floor")


def one(pair: tuple[int, int]) -> Any:
    """One integer for two equal ones."""
    return pair[0] if pair[0] == pair[1] else pair


def _pads(node, size, kernel, stride):
    """(top, left, bottom, right)"""
    given, auto = node.attributes["pads"], node.attributes["auto_pad"]
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [(-(-length // s) - 1) * s + k - length for length, k, s in zip(size, kernel, stride)]
        if min(wanted) < 0:
            raise node.refuse(f"auto_pad {auto!r} with strides beyond the kernel", "pads, since SAME is vague there")
        less, more = [n // 2 for n in wanted], [n - n // 2 for n in wanted]
        return (*less, *more) if auto == "SAME_UPPER" else (*more, *less)
    pads = tuple(given) if auto == "NOTSET" and given else (0,) * 4
    if auto not in ("NOTSET", "VALID") or len(pads) != 4 or not 0 <= min(pads) <= max(pads) <= MOST_PADDING * max(size):
        raise node.refuse(f"auto_pad {auto!r} with pads {list(pads)}", "four numbers, 0 or more, or SAME or VALID")
    return pads


def _places(node, size, kernel, stride, before, after):
    """Windows along one axis."""
    free = size + before + after - kernel
    if free < 0:
        raise node.refuse(f"{size} pixels, padded {before} and {after}", f"at least the kernel's {kernel}")
    if not node.attributes.get("ceil_mode"):
        return free // stride + 1
    return min(-(-free // stride) + 1, -(-(size + before) // stride))  # none begins behind the picture
