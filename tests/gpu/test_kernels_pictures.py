"""Views of pictures by the kernel: every check of `View`, and the same bits as on the CPU."""

import numpy as np
import pytest

from tests import test_augment as plain
from tests.checks import agree
from tests.gpu.emulated import emulated, needs_compiler, watched
from tinyalex.backend import to_device
from tinyalex.data.augment import View
from tinyalex.standin import bus, kernels_by, xp

pytestmark = needs_compiler


class ByKernel(View):
    """The view on the stand-in; what comes from the host goes back to it."""

    def apply(self, pictures, looks):
        return self.there().apply(to_device(pictures, xp), looks).get()

    def centre(self, pictures):
        return self.there().centre(to_device(pictures, xp)).get()

    def ten(self, pictures):
        return self.there().ten(to_device(pictures, xp)).get()

    def there(self):
        return View(**vars(self)).to(xp)


@pytest.fixture
def ran():
    """The names of the kernels that ran; they do inside the test."""
    names = []
    with kernels_by(watched(names, emulated(threads=5, seed=1))):
        yield names


@pytest.mark.parametrize("check", plain.CHECKS)
def test_every_check_of_the_view(check, ran):
    check(ByKernel)
    assert set(ran) == {"picture_views"}


@pytest.mark.parametrize("scale", [0.5, 2, (0.5, 0.25, 0.75)], ids=str)
@pytest.mark.parametrize("color", [True, False])
@pytest.mark.parametrize("count", [0, 1, 7])
def test_the_bits_of_the_cpu(scale, color, count, ran):
    here, there = (plain.view(cls, scale=scale) for cls in (View, ByKernel))
    whole = plain.pictures(count)
    for look in (
        lambda v: v.random(whole, np.random.default_rng(3), color=color),
        lambda v: v.centre(whole),
        lambda v: v.ten(whole),
    ):
        agree(look(there), look(here), "views", exact=True)
    assert len(ran) == (3 if count else 0)


def test_what_moves_for_a_batch(ran):
    """For each picture: where it is cut and whether it is mirrored, three integers, and three factors of colours."""
    there, whole = plain.view(scale=(0.5, 0.25, 0.75)).to(xp), xp.asarray(plain.pictures(7))
    looks = there.draw(7, np.random.default_rng(3))
    bus.reset()
    there.apply(whole, looks)
    assert (bus.to_device, bus.waits) == (7 * (3 * 8 + 3 * 4), 0)
    bus.reset()
    there.ten(whole)
    assert (bus.to_device, bus.waits) == (10 * 7 * 3 * 8, 0)
    assert len(ran) == 2
