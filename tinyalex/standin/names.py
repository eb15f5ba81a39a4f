"""The names that CuPy has of what NumPy has, with their arguments."""


def _signatures(table):
    """{name: arguments} from lines of "name, name: arguments"."""
    found = {}
    for line in table.strip().splitlines():
        names, arguments = line.split(": ")
        found |= dict.fromkeys(names.split(", "), arguments)
    return found


# The functions of `xp` with the arguments CuPy accepts, in order; "*": any number of them.
FUNCTIONS = _signatures("""
empty, zeros, ones: shape dtype order
full: shape fill_value dtype order
arange: start stop step dtype
eye: N M k dtype order
linspace: start stop num endpoint retstep dtype axis
indices: dimensions dtype
empty_like: prototype dtype order subok shape
zeros_like, ones_like: a dtype order subok shape
full_like: a fill_value dtype order subok shape
ascontiguousarray: a dtype
copy: a order
copyto: dst src casting where
reshape: a newshape order
ravel: a order
transpose: a axes
moveaxis: a source destination
swapaxes: a axis1 axis2
expand_dims, squeeze, flip: a axis
roll: a shift axis
broadcast_to: array shape
repeat: a repeats axis
tile: A reps
split, array_split: ary indices_or_sections axis
concatenate, stack: tup axis out dtype casting
pad: array pad_width mode constant_values
take: a indices axis out
take_along_axis: a indices axis
put_along_axis: arr indices values axis
where: condition x y
clip: a a_min a_max out
unravel_index: indices dims order
sum, prod, mean: a axis dtype out keepdims
max, min, amax, amin, any, all: a axis out keepdims
argmax, argmin: a axis dtype out keepdims
var, std: a axis dtype out ddof keepdims
cumsum: a axis dtype out
argsort, sort: a axis kind
count_nonzero: a axis
bincount: x weights minlength
dot, outer: a b out
vdot: a b
tensordot: a b axes
matmul: x1 x2 out dtype casting
einsum, result_type, broadcast_arrays: *
issubdtype: arg1 arg2
can_cast: from_ to casting
finfo: dtype
iinfo: int_type
isscalar: element
shares_memory, may_share_memory: a b max_work
ndim, shape: a
size: a axis
""")
UFUNCS = """
add subtract multiply divide true_divide floor_divide remainder power float_power negative positive absolute abs
fabs sign sqrt square cbrt reciprocal exp exp2 expm1 log log2 log1p log10 sin cos tan tanh sinh cosh maximum minimum
fmax fmin greater greater_equal less less_equal equal not_equal logical_and logical_or logical_not logical_xor
bitwise_and bitwise_or invert isfinite isinf isnan signbit copysign floor ceil trunc rint
""".split()
SCATTERING = {"add", "subtract", "maximum", "minimum"}  # the ufuncs that have .at in CuPy
NOT_AT = {  # dtypes for which CuPy refuses it
    "add": lambda dtype: dtype.kind in "biu" and dtype.itemsize < 4,
    "subtract": lambda dtype: dtype.kind in "fc",
}
PLAIN = """
float16 float32 float64 int8 int16 int32 int64 intp uint8 uint16 uint32 uint64 bool_ floating integer inexact dtype
inf nan pi e newaxis
""".split()
# The array's methods with the arguments CuPy accepts, in order; "*…": any number of them.
METHODS = _signatures("""
sum, prod, mean: axis dtype out keepdims
max, min, any, all: axis out keepdims
argmax, argmin: axis out dtype keepdims
var, std: axis dtype out ddof keepdims
cumsum: axis dtype out
clip: min max out
round: decimals out
astype: dtype order casting subok copy
ravel, flatten, copy: order
fill: value
view: dtype
reshape: *order
transpose: *
squeeze, argsort, sort: axis
swapaxes: axis1 axis2
repeat: repeats axis
take: indices axis out
dot: b out
diagonal: offset axis1 axis2
""")
