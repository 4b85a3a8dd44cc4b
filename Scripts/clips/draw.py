"""Anti-aliased shapes drawn with numpy into 8-bit RGB pictures, with motion blur.

A shape is a tuple (kind, parameters, colour, mottle): its coverage comes from a signed distance, evaluated
only in its bounding box and averaged over the sub-times of one exposure, so a fast object smears as it does
in a camera.  `mottle` (contrast, scale in pixels) shades the object in its own coordinates.
"""

import numpy as np


def circle(centre, radius, colour, mottle=None):
    return ("circle", (centre[0], centre[1], radius), colour, mottle)


def capsule(a, b, radius, colour, mottle=None):
    """A thick line from a to b."""
    return ("capsule", (a[0], a[1], b[0], b[1], radius), colour, mottle)


def box(centre, half, angle, colour, mottle=None):
    """A rectangle with half sizes `half`, turned by `angle` radians."""
    return ("box", (centre[0], centre[1], half[0], half[1], angle), colour, mottle)


def polygon(points, colour, mottle=None):
    """A convex polygon, corners in either direction."""
    return ("polygon", tuple(float(v) for p in points for v in p), colour, mottle)


def _extent(kind, p):
    if kind == "circle":
        return p[0] - p[2], p[1] - p[2], p[0] + p[2], p[1] + p[2]
    if kind == "capsule":
        return (min(p[0], p[2]) - p[4], min(p[1], p[3]) - p[4],
                max(p[0], p[2]) + p[4], max(p[1], p[3]) + p[4])
    if kind == "box":
        c, s = abs(np.cos(p[4])), abs(np.sin(p[4]))
        w, h = p[2] * c + p[3] * s, p[2] * s + p[3] * c
        return p[0] - w, p[1] - h, p[0] + w, p[1] + h
    xs, ys = p[0::2], p[1::2]
    return min(xs), min(ys), max(xs), max(ys)


def _distance(kind, p, x, y):
    """Signed distance (negative inside) and the object's own coordinates."""
    if kind == "circle":
        dx, dy = x - p[0], y - p[1]
        return np.sqrt(dx * dx + dy * dy) - p[2], dx, dy
    if kind == "capsule":
        ax, ay, bx, by, r = p
        ux, uy = bx - ax, by - ay
        length2 = max(ux * ux + uy * uy, 1e-9)
        along = np.clip(((x - ax) * ux + (y - ay) * uy) / length2, 0, 1)
        dx, dy = x - ax - along * ux, y - ay - along * uy
        length = np.sqrt(length2)
        return np.sqrt(dx * dx + dy * dy) - r, along * length, (dx * uy - dy * ux) / length
    if kind == "box":
        c, s = np.cos(p[4]), np.sin(p[4])
        dx, dy = x - p[0], y - p[1]
        u, v = c * dx + s * dy, c * dy - s * dx
        return np.maximum(np.abs(u) - p[2], np.abs(v) - p[3]), u, v
    points = np.array(p).reshape(-1, 2)
    following = np.roll(points, -1, axis=0)
    area = np.sum(points[:, 0] * following[:, 1] - points[:, 1] * following[:, 0])
    sign = 1.0 if area >= 0 else -1.0
    distance = None
    for (ax, ay), (bx, by) in zip(points, following):
        length = max(np.hypot(bx - ax, by - ay), 1e-6)
        d = sign * ((by - ay) * (x - ax) - (bx - ax) * (y - ay)) / length
        distance = d if distance is None else np.maximum(distance, d)
    return distance, x - points[0, 0], y - points[0, 1]


def _mottled(u, v):
    """A pattern without a period, about -1...1."""
    return (np.sin(0.83 * u + 0.3) + np.sin(0.47 * u + 0.71 * v + 1.1) + np.sin(0.29 * u - 0.93 * v + 2.3)) / 2


def paint(picture, moments):
    """Paints into `picture` (uint8, [h, w, 3]) the shapes of one exposure: `moments` is a list of equally
    long shape lists, one for each sub-time."""
    height, width = picture.shape[:2]
    for same in zip(*moments):
        kind, _, colour, mottle = same[len(same) // 2]
        if all(s[1] == same[0][1] for s in same):
            same = same[:1]
        boxes = [_extent(kind, s[1]) for s in same]
        x0 = max(int(np.floor(min(b[0] for b in boxes))) - 1, 0)
        y0 = max(int(np.floor(min(b[1] for b in boxes))) - 1, 0)
        x1 = min(int(np.ceil(max(b[2] for b in boxes))) + 2, width)
        y1 = min(int(np.ceil(max(b[3] for b in boxes))) + 2, height)
        if x0 >= x1 or y0 >= y1:
            continue
        x = np.arange(x0, x1, dtype=np.float32)[None, :]
        y = np.arange(y0, y1, dtype=np.float32)[:, None]
        cover, shade = 0.0, 0.0
        for s in same:
            distance, u, v = _distance(kind, s[1], x, y)
            c = np.clip(0.5 - distance, 0, 1)
            cover = cover + c
            if mottle:
                shade = shade + c * _mottled(u * (2 * np.pi / mottle[1]), v * (2 * np.pi / mottle[1])) * mottle[0]
        cover = cover / len(same)
        part = picture[y0:y1, x0:x1].astype(np.float32)
        part += cover[:, :, None] * (np.asarray(colour, np.float32) - part)
        if mottle:
            part += (shade / len(same))[:, :, None]
        picture[y0:y1, x0:x1] = np.clip(part + 0.5, 0, 255).astype(np.uint8)


def blotches(random, height, width, scale, contrast):
    """Smooth random relief of about `scale` pixels, zero mean, [height, width]."""
    h, w = int(height / scale) + 3, int(width / scale) + 3
    coarse = random.standard_normal((h, w)).astype(np.float32)
    rows = np.arange(height) / scale
    columns = np.arange(width) / scale
    r, c = rows.astype(int), columns.astype(int)
    fr, fc = (rows - r).astype(np.float32)[:, None], (columns - c).astype(np.float32)[None, :]
    fr, fc = fr * fr * (3 - 2 * fr), fc * fc * (3 - 2 * fc)
    top = coarse[r][:, c] * (1 - fc) + coarse[r][:, c + 1] * fc
    bottom = coarse[r + 1][:, c] * (1 - fc) + coarse[r + 1][:, c + 1] * fc
    return (top * (1 - fr) + bottom * fr) * contrast


def background(random, height, width, style):
    """A still backdrop, uint8 [height, width, 3]: plain, soft, textured or bricks."""
    base = random.uniform(70, 190)
    tint = random.uniform(-14, 14, 3).astype(np.float32)
    slope = random.uniform(-25, 25, 2)
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :]
    relief = base + slope[0] * y + slope[1] * x
    if style != "plain":
        relief = relief + blotches(random, height, width, 90, 10)
    if style == "textured":
        relief = relief + blotches(random, height, width, 18, 14)
        relief = relief + blotches(random, height, width, 5, 9)
    if style == "bricks":
        rows = (np.arange(height) // 26)[:, None]
        columns = (np.arange(width)[None, :] + 32 * (rows % 2))
        mortar = ((np.arange(height) % 26 < 3)[:, None]) | (columns % 64 < 3)
        tone = random.uniform(-18, 18, (height // 26 + 1, width // 64 + 2)).astype(np.float32)
        relief = relief + tone[rows, columns // 64] - 34 * mortar
        relief = relief + blotches(random, height, width, 4, 4)
    return np.clip(relief[:, :, None] + tint, 0, 255).astype(np.uint8)


def shifted(picture, dx, dy, height, width):
    """The [height, width] view of a larger picture whose top left corner lies at (dx, dy), with
    sub-pixel precision."""
    ix, iy = int(np.floor(dx)), int(np.floor(dy))
    fx, fy = dx - ix, dy - iy
    if fx < 1e-3 and fy < 1e-3:
        return picture[iy:iy + height, ix:ix + width].copy()
    weights = [int(round(256 * w)) for w in
               ((1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy)]
    out = np.full((height, width, picture.shape[2]), 128, np.uint32)
    for weight, (ox, oy) in zip(weights, ((0, 0), (1, 0), (0, 1), (1, 1))):
        if weight:
            out += picture[iy + oy:iy + oy + height, ix + ox:ix + ox + width] * np.uint32(weight)
    return (out >> 8).astype(np.uint8)
