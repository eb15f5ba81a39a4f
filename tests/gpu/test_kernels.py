"""Every kernel without a device: compiled for two GPUs by NVRTC, and run through g++ beside its twin."""

import numpy as np
import pytest

from tests.gpu.emulated import emulated, needs_compiler
from tests.layers.test_device import EVERY_LAYER, compare
from tinyalex.backend.fused import kernels
from tinyalex.layers import Layer
from tinyalex.optim import SGD
from tinyalex.standin import kernels_by, xp

WAYS = {"one thread": 1, "seven threads": 7, "a thread each": None}


@pytest.mark.cupy
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize("real", ["float32", "float64"])
@pytest.mark.parametrize("index", ["int32", "int64"])
def test_nvrtc_takes_every_kernel(architecture, real, index):
    pytest.importorskip("cupy")
    pytest.importorskip("nvidia.cu13", reason="nvidia-cuda-nvrtc is not installed")
    from cupy.cuda import nvrtc

    for file, kernel in {kernel.file: kernel for kernel in kernels().values()}.items():
        program = nvrtc.createProgram(kernel.source(real, index), file.name, (), ())
        try:
            nvrtc.compileProgram(program, (f"-arch={architecture}", "-std=c++17"))
        except nvrtc.NVRTCError:
            raise AssertionError(nvrtc.getProgramLog(program)) from None
        assert len(nvrtc.getCUBIN(program)) > 1000


@pytest.mark.parametrize("number", [float, np.float64, np.float32])
def test_numbers_of_numpy_are_no_arrays(number):
    """An update with a rate of NumPy's is one of all entries."""
    counts = []

    def counted(kernel, variant, arguments, count):
        counts.append((kernel.name, count))
        return False

    w = xp.ones((2, 3), "float32")
    with kernels_by(counted):
        SGD({"w": w}, momentum=number(0.9), weight_decay=number(0)).step(
            {"w": xp.ones((2, 3), "float32")}, number(0.125)
        )
    assert counts == [("sgd", 6)] and (w.get() == 0.875).all()


@needs_compiler
@pytest.mark.parametrize("threads", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("index", ["int32", "int64"])
@pytest.mark.parametrize("layer, shape", EVERY_LAYER, ids=lambda v: str(v) if isinstance(v, Layer) else "")
@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_layers_by_kernels_equal_layers_without(layer, shape, dtype, tolerance, index, threads):
    with kernels_by(emulated(threads, seed=3, index=index)):
        compare(layer, shape, xp, dtype, rtol=tolerance, atol=tolerance)
