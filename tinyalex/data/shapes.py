"""Draw one picture of the built-in set: a textured shape on a cluttered background, 64×64 RGB.

S = 64 is the side in pixels. While it is drawn, a picture is three planes, float32 (3, S, S) in 0..1, so that NumPy's
inner loops run over S·S values, not over 3 (several times faster); the result is uint8 (S, S, 3).

The same random stream gives the same bytes on every machine: pixels are computed with only + − × ÷ √, floor, absolute
value, sign, minimum and maximum, one array operation at a time, and IEEE 754 rounds each of these in only one way.
Sines, powers, sums over arrays and matrix products may differ in the last bit between processors; none is used.
Any change to a pixel changes the data set: then raise `builtin.GENERATOR_VERSION`.
"""

import math

import numpy as np

SIDE = 64

# A shape is a function of x (to the right) and y (up) that gives about the distance to its outline, negative inside.
# Each is upright, even in x, and about as large as the ball, so that area does not give the class away.


def ball(x, y):
    """A disc of radius 1."""
    return np.sqrt(x * x + y * y) - 1.0


def triangle(x, y):
    """Equilateral, one corner up, corners 1.5 from the centre."""
    return np.maximum(-y, 0.8660254 * np.abs(x) + 0.5 * y) - 0.75


def cross(x, y):
    """A plus sign with arms of length 1.15 and half-width 0.42."""
    x, y = np.abs(x), np.abs(y)
    return np.minimum(np.maximum(x - 1.15, y - 0.42), np.maximum(x - 0.42, y - 1.15))


def heart(x, y):
    """A square standing on its corner (side 1.3), and a disc on the middle of each upper edge."""
    x, y = np.abs(x), y + 0.1
    square = 0.70710678 * (x + np.abs(y)) - 0.65
    lobe = np.sqrt((x - 0.4596) * (x - 0.4596) + (y - 0.4596) * (y - 0.4596)) - 0.65
    return np.minimum(square, lobe)


def star(x, y):
    """Five points at radius 1.5, five notches at half of that.

    Two reflections fold the plane onto a tenth of the star, where the outline is a single straight edge.
    """
    x = np.abs(x)
    for nx, ny in (0.80901699, -0.58778525), (-0.80901699, -0.58778525):  # mirrors at ±36° from the vertical
        beyond = np.maximum(nx * x + ny * y, 0.0)
        x, y = x - 2 * nx * beyond, y - 2 * ny * beyond
    return 0.8967 * np.abs(x) + 0.4426 * (y - 1.5)


def moon(x, y):
    """A crescent with its horns up: a disc minus another above it."""
    return np.maximum(np.sqrt(x * x + y * y) - 1.3, 1.1 - np.sqrt(x * x + (y - 1.0) * (y - 1.0)))


def leaf(x, y):
    """The overlap of two discs, pointed above and below."""
    x = np.abs(x) + 0.8
    return np.sqrt(x * x + y * y) - 1.6


SHAPES = {"star": star, "heart": heart, "ball": ball, "triangle": triangle, "cross": cross, "moon": moon, "leaf": leaf}

# A texture is a signed height over a plane measured in periods: positive for the first colour, negative for the second,
# with a slope of about 4 per period; each colour covers about half the area.


def wave(t):
    """A triangle wave of period 1 and height ±1."""
    return np.abs(t - np.floor(t) - 0.5) * 4 - 1


def stripes(u, v):
    """Straight bands."""
    return wave(u)


def checks(u, v):
    """A chessboard, two squares per period."""
    a, b = wave(u), wave(v)
    return np.copysign(np.minimum(np.abs(a), np.abs(b)), a * b)


def dots(u, v):
    """Round spots, each row shifted by half a step."""
    v = v * 1.1547
    u = u + 0.5 * (np.floor(v) - 2 * np.floor(v * 0.5))
    u, v = u - np.floor(u) - 0.5, (v - np.floor(v) - 0.5) * 0.8660254
    return 4 * (0.33 - np.sqrt(u * u + v * v))


def rings(u, v):
    """Circles about the origin, like a target."""
    return wave(np.sqrt(u * u + v * v))


TEXTURES = {"stripes": stripes, "dots": dots, "checks": checks, "rings": rings}


def between(rng, low, high):
    """A Python float in [low, high): one draw of the stream, then one product and one sum in double precision."""
    return low + (high - low) * rng.random()


def hsv_to_rgb(hue, saturation, value):
    """Convert hue in turns, saturation and value in 0..1 to an (r, g, b) tuple in 0..1."""
    rgb = []
    for offset in (5, 3, 1):
        k = (offset + 6 * hue) % 6
        rgb.append(value * (1 - saturation * max(0.0, min(k, 4 - k, 1.0))))
    return tuple(rgb)


def luminance(rgb):
    """How bright a colour looks, 0..1 (Rec. 601 weights)."""
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]


def random_color(rng, value_low=0.25, value_high=1.0):
    """Any hue, from muted to vivid."""
    return hsv_to_rgb(rng.random(), between(rng, 0.15, 0.85), between(rng, value_low, value_high))


def contrasting_colors(rng, least=0.4):
    """A light colour and a darker one, at least `least` apart in luminance."""
    while True:
        light, dark = random_color(rng, 0.7), random_color(rng, 0.2, 0.7)
        if luminance(light) - luminance(dark) >= least:
            return light, dark


def random_direction(rng):
    """A unit vector (x, y), all directions equally likely, from √ and ÷ instead of cosine and sine."""
    while True:
        x, y = between(rng, -1, 1), between(rng, -1, 1)
        length = math.sqrt(x * x + y * y)
        if 0.1 < length < 1:
            return x / length, y / length


def cover(distance, softness=1.0):
    """Opacity 0..1 from a signed distance in pixels: 1 inside, with an edge `softness` pixels wide."""
    return np.clip(0.5 - distance / softness, 0.0, 1.0)


def paint(planes, opacity, color):
    """Blend a colour (3 floats, or planes) into the picture, in place, with opacity (S, S)."""
    for c in range(3):
        planes[c] += opacity * (color[c] - planes[c])


_ROWS, _COLUMNS = (grid.astype(np.float32) + 0.5 for grid in np.mgrid[:SIDE, :SIDE])  # pixel centres


def mottled_ground(rng, cells=4):
    """A soft cloud of colours, (3, S, S): a coarse grid of random colours around one, smoothly interpolated."""
    base = np.array(random_color(rng, 0.1, 0.5), np.float32)[:, None, None]
    spread = between(rng, 0.1, 0.4)
    grid = base + spread * (rng.random((3, cells + 1, cells + 1), np.float32) - 0.5)
    at = _ROWS[:, 0] * (cells / SIDE)
    low = np.floor(at).astype(int)
    t = at - low.astype(np.float32)
    t = t * t * (3 - 2 * t)
    rows = grid[:, low] + t[:, None] * (grid[:, low + 1] - grid[:, low])  # (3, S, cells + 1)
    return rows[:, :, low] + t * (rows[:, :, low + 1] - rows[:, :, low])  # (3, S, S)


def scatter_clutter(planes, count, rng):
    """Draw `count` small discs and rods of any colour, some out of focus, in place."""
    for _ in range(count):
        row, column = between(rng, 0, SIDE), between(rng, 0, SIDE)
        (ux, uy), radius, reach = random_direction(rng), between(rng, 1, 5), between(rng, -8, 14)
        dx, dy = _COLUMNS - column, _ROWS - row
        along = np.clip(dx * ux + dy * uy, 0.0, max(reach, 0.0))  # the nearest point of the rod's spine
        dx, dy = dx - along * ux, dy - along * uy
        opacity = cover(np.sqrt(dx * dx + dy * dy) - radius, between(rng, 1, 5)) * between(rng, 0.3, 0.8)
        paint(planes, opacity, random_color(rng, 0.1, 0.8))


def two_colored(texture, dx, dy, rng):
    """The texture in two random colours, at a random scale, direction and phase: three planes (S, S).

    dx, dy: pixels to the right of and above the object's centre
    """
    (ux, uy), period = random_direction(rng), between(rng, 6.5, 10)  # pixels
    u = (ux * dx + uy * dy) / period + between(rng, -0.5, 0.5)
    v = (ux * dy - uy * dx) / period + between(rng, -0.5, 0.5)
    mix = np.clip(texture(u, v) * (period / 4) + 0.5, 0.0, 1.0)  # one pixel from one colour to the other
    return [dark + mix * (light - dark) for light, dark in zip(*contrasting_colors(rng))]


def draw_object(planes, shape, texture, rng):
    """Draw the shape with its texture, shadow and darker rim, in place; position, size, stretch and tilt are random."""
    row, column, radius = between(rng, 29, 35), between(rng, 29, 35), between(rng, 15, 18.5)
    stretch, rare = between(rng, 0.9, 1.1), rng.random()
    width, height = radius * stretch, radius / stretch
    # mostly within about 15° of upright, so that a linear classifier sees something too; sometimes up to 45°
    sin = between(rng, -1, 1) * (0.25 + 0.45 * rare * rare * rare)
    cos = math.sqrt(1 - sin * sin)

    def outline(dx, dy):
        """Pixels from (dx, dy) to the outline, negative inside."""
        return shape((cos * dx - sin * dy) / width, (sin * dx + cos * dy) / height) * radius

    dx, dy = _COLUMNS - column, row - _ROWS
    shadow = cover(outline(dx - between(rng, -4, 4), dy + between(rng, 1, 4)), 8.0)
    paint(planes, shadow * between(rng, 0.2, 0.6), (0.0, 0.0, 0.0))
    distance = outline(dx, dy)
    lit = 1 - np.clip(1.0 + distance * 0.1, 0.0, 1.0) * between(rng, 0.1, 0.4)  # outer 10 pixels darker: looks round
    paint(planes, cover(distance), [lit * plane for plane in two_colored(texture, dx, dy, rng)])


def spread_haze(planes, rng):
    """Fade the picture towards one muted colour, in place: usually a little, sometimes a lot."""
    fade = between(rng, 0, 0.97)
    paint(planes, fade * fade * fade * fade, hsv_to_rgb(rng.random(), between(rng, 0, 0.3), between(rng, 0.2, 0.7)))


def draw_picture(class_id, rng):
    """Draw one picture of a class such as "star-stripes", any of SHAPES with any of TEXTURES: uint8 (64, 64, 3).

    rng: a NumPy Generator, which decides everything but the class (position, size, tilt, colours, light, clutter)
    Raises KeyError for an unknown shape or texture.
    """
    shape, texture = class_id.split("-")
    planes = mottled_ground(rng)
    scatter_clutter(planes, int(between(rng, 2, 6)), rng)
    draw_object(planes, SHAPES[shape], TEXTURES[texture], rng)
    scatter_clutter(planes, int(between(rng, 0, 5)), rng)
    spread_haze(planes, rng)
    light_x, light_y = random_direction(rng)
    slope = light_x * (_COLUMNS - SIDE / 2) + light_y * (_ROWS - SIDE / 2)  # pixels towards the light
    planes *= between(rng, 0.95, 1.25) + slope * (between(rng, 0, 0.4) / SIDE)
    planes += (rng.random(planes.shape, np.float32) - 0.5) * between(rng, 0.02, 0.06)  # camera noise
    return np.floor(np.clip(planes, 0.0, 1.0) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)
