"""The identity hands on what it gets, and is there to be seen."""

from tests.checks import check_layer, distinct
from tinyalex.layers import BatchNorm2d, Identity
from tinyalex.residual import Residual


def test_right():
    check_layer(Identity(), distinct((3, 5, 4, 2), 0), lambda x, params: x, lambda dy, x, params: (dy, {}))
    assert Identity().out_shape((5, 4, 2)) == (5, 4, 2) and Identity().multiply_adds((5, 4, 2)) == 0


def test_a_block_without_a_shortcut_of_its_own_has_one_that_is_seen():
    block = Residual({"bn": BatchNorm2d(2)})
    block.named("block")
    assert [(path, str(layer)) for path, layer, *_ in block.shapes((5, 4, 2))] == [
        ("bn", "batch norm"),
        ("shortcut.identity", "identity"),
    ]
    assert block.shortcut["identity"].label == "Identity 'block.shortcut.identity'"
    assert str(block.like().shortcut["identity"]) == "identity"
