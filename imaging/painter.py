"""A painter without a model: words of the prompt choose motifs and colours, the seed chooses everything else.

It needs no network, no key and no GPU, and it says what it is: nothing here is artificial intelligence.
The same prompt, size, steps and seed paint the same picture.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from imaging.operations import fold
from imaging.providers import PAINTER, Painting, Prompt, Show

#: Pixels of a preview's longest side, and how much of WebP's quality it keeps: 3 to 15 kB.
PREVIEW_SIDE, PREVIEW_QUALITY = 256, 55
#: Up to so many pixels the canvas has twice the size, so that edges come out smooth.
SMOOTH_UP_TO = 1024 * 1024
MODEL = "procedural painter 1"

Colour = tuple[int, int, int]
Stroke = Callable[[ImageDraw.ImageDraw], None]

#: What a prompt may ask for: beginnings of words, English and Turkish (which puts its endings behind them).
MOTIFS: dict[str, tuple[str, ...]] = {
    "night": ("night", "midnight", "moon", "star", "gece", "ay isig", "yildiz", "dolunay"),
    "sunset": ("sunset", "dusk", "evening", "gun bat", "gunbat", "aksam"),
    "dawn": ("dawn", "sunrise", "morning", "safak", "gun dog", "gundog", "sabah"),
    "sea": (
        "sea",
        "ocean",
        "lake",
        "beach",
        "river",
        "bosphorus",
        "deniz",
        "okyanus",
        "gol ",
        "golu",
        "sahil",
        "bogaz",
    ),
    "mountain": ("mountain", "alps", "peak", "hill", "dag", "tepe", "zirve"),
    "forest": ("forest", "tree", "wood", "pine", "orman", "agac", "cam "),
    "city": ("city", "town", "skyline", "istanbul", "street", "building", "sehir", "kent", "sokak", "bina"),
    "flower": ("flower", "tulip", "rose", "garden", "meadow", "cicek", "lale", "gul ", "bahce", "cayir"),
    "snow": ("snow", "winter", "ice", "kar ", "karli", "karla", "kis ", "buz"),
    "desert": ("desert", "dune", "sand", "col ", "colde", "kum"),
    "cloud": ("cloud", "sky", "storm", "bulut", "gokyuz", "firtina"),
}
COLOURS: dict[str, tuple[Colour, tuple[str, ...]]] = {
    "red": ((205, 62, 56), ("red", "crimson", "kirmizi", "kizil")),
    "blue": ((56, 110, 198), ("blue", "mavi", "lacivert")),
    "green": ((72, 150, 92), ("green", "yesil")),
    "yellow": ((240, 196, 72), ("yellow", "gold", "sari", "altin")),
    "purple": ((132, 84, 176), ("purple", "violet", "mor ", "lila")),
    "pink": ((232, 132, 164), ("pink", "pembe")),
    "orange": ((236, 138, 60), ("orange", "turuncu")),
    "turquoise": ((58, 172, 176), ("turquoise", "teal", "turkuaz")),
}


@dataclass(frozen=True)
class Palette:
    """Top and bottom of the sky, light, far and near ground, water, accent."""

    top: Colour
    bottom: Colour
    light: Colour
    far: Colour
    near: Colour
    water: Colour
    accent: Colour


PALETTES: dict[str, Palette] = {
    "day": Palette(
        (86, 150, 214), (214, 232, 240), (255, 246, 214), (128, 158, 178), (58, 104, 78), (64, 134, 172), (226, 92, 78)
    ),
    "night": Palette(
        (12, 18, 46), (52, 66, 118), (238, 240, 224), (38, 48, 88), (14, 20, 38), (26, 40, 82), (250, 210, 120)
    ),
    "sunset": Palette(
        (70, 58, 120), (250, 158, 92), (255, 226, 160), (128, 74, 108), (46, 32, 54), (128, 82, 108), (252, 118, 82)
    ),
    "dawn": Palette(
        (130, 160, 210),
        (252, 206, 190),
        (255, 240, 216),
        (150, 142, 172),
        (82, 92, 100),
        (140, 158, 190),
        (240, 150, 140),
    ),
    "snow": Palette(
        (150, 178, 206),
        (232, 238, 244),
        (255, 255, 250),
        (176, 192, 210),
        (222, 230, 238),
        (142, 170, 196),
        (196, 72, 72),
    ),
    "desert": Palette(
        (118, 172, 206), (250, 224, 176), (255, 248, 220), (216, 158, 98), (178, 112, 66), (96, 156, 172), (150, 66, 52)
    ),
}


@dataclass
class Scene:
    """What the prompt asks for. width, height: of the canvas. strokes: in the order in which they are painted."""

    width: int
    height: int
    motifs: set[str]
    palette: Palette
    random: np.random.Generator
    strokes: list[Stroke] = field(default_factory=list)

    @property
    def horizon(self) -> float:
        return self.height * (0.62 if "sea" in self.motifs or "city" in self.motifs else 0.68)

    def between(self, low: float, high: float) -> float:
        return float(self.random.uniform(low, high))


class Painter:
    """The embedded provider."""

    name = PAINTER

    def paint(self, prompt: Prompt, show: Show) -> Painting:
        """Paint the scene stroke by stroke; each step adds its share of the strokes."""
        scale = 2 if prompt.width * prompt.height <= SMOOTH_UP_TO else 1
        scene = imagine(prompt, scale)
        canvas = Image.new("RGB", (scene.width, scene.height), (246, 242, 232))
        brush = ImageDraw.Draw(canvas, "RGBA")
        for step in range(1, prompt.steps + 1):
            for stroke in _share(scene.strokes, step, prompt.steps):
                stroke(brush)
            show(step, prompt.steps, preview_of(canvas))
        picture = canvas.resize((prompt.width, prompt.height), Image.Resampling.LANCZOS) if scale > 1 else canvas
        written = io.BytesIO()
        picture.save(written, "PNG", compress_level=1)
        return Painting(written.getvalue(), seed=prompt.seed, model=MODEL, ai=False)


def _share(strokes: list[Stroke], step: int, steps: int) -> list[Stroke]:
    return strokes[len(strokes) * (step - 1) // steps : len(strokes) * step // steps]


def preview_of(picture: Image.Image) -> bytes:
    """Return a picture as a small WebP."""
    small = picture.convert("RGB")
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.BILINEAR, reducing_gap=1.5)
    written = io.BytesIO()
    small.save(written, "WEBP", quality=PREVIEW_QUALITY, method=0)
    return written.getvalue()


def imagine(prompt: Prompt, scale: int = 1) -> Scene:
    """Return the scene of a prompt, with all of its strokes. scale: pixels of the canvas for one of the picture."""
    text = f" {fold(prompt.text)} "
    motifs = {name for name, stems in MOTIFS.items() if any(f" {stem}" in text for stem in stems)}
    digest = hashlib.sha256(f"{prompt.seed} {prompt.width}x{prompt.height} {text}".encode()).digest()
    random = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
    scene = Scene(prompt.width * scale, prompt.height * scale, motifs, _palette(text, motifs, random), random)
    if motifs:
        scene.strokes += _landscape(scene)
    else:
        scene.strokes += _abstract(scene)
    return scene


def _palette(text: str, motifs: set[str], random: np.random.Generator) -> Palette:
    named = [name for name in ("night", "sunset", "dawn", "snow", "desert") if name in motifs]
    any_of = ["day", "sunset", "dawn", "night"]
    chosen = named[0] if named else ("day" if motifs else str(random.choice(any_of)))  # nosec B311 # no secret
    palette = PALETTES[chosen]
    colours = [colour for colour, stems in COLOURS.values() if any(f" {stem}" in text for stem in stems)]
    if not colours:
        return palette
    # Colours that were named tint everything, the first the most, and the last one is the accent.
    first = colours[0]
    return Palette(
        top=mix(palette.top, first, 0.35),
        bottom=mix(palette.bottom, first, 0.22),
        light=palette.light,
        far=mix(palette.far, first, 0.3),
        near=mix(palette.near, first, 0.2),
        water=mix(palette.water, first, 0.3),
        accent=colours[-1],
    )


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Return a colour between two: `share` (0–1) of the other."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


# --- a landscape, from back to front ------------------------------------------------------------------------------


def _landscape(scene: Scene) -> Iterator[Stroke]:
    yield from _sky(scene)
    yield from _light(scene)
    if "night" in scene.motifs:
        yield from _stars(scene)
    if scene.motifs & {"cloud", "sunset", "dawn", "sea", "mountain"} and "night" not in scene.motifs:
        yield from _clouds(scene)
    if "mountain" in scene.motifs or "snow" in scene.motifs or not scene.motifs & {"sea", "city", "desert"}:
        yield from _ridges(scene, layers=3, height=0.34 if "mountain" in scene.motifs else 0.16)
    if "desert" in scene.motifs:
        yield from _ridges(scene, layers=4, height=0.1, rough=0.35)
    if "city" in scene.motifs:
        yield from _city(scene)
    if "sea" in scene.motifs:
        yield from _sea(scene)
    else:
        yield from _ground(scene)
    if "forest" in scene.motifs:
        yield from _forest(scene)
    if "flower" in scene.motifs:
        yield from _flowers(scene)
    if "snow" in scene.motifs:
        yield from _snow(scene)


def _sky(scene: Scene) -> Iterator[Stroke]:
    """Broad strokes from top to bottom, each a little off the gradient's colour."""
    rows = 90
    for row in range(rows):
        share = row / (rows - 1)
        top = scene.height * row / rows
        colour = mix(scene.palette.top, scene.palette.bottom, min(1.0, share * 1.35))
        yield _rectangle((0, top, scene.width, top + scene.height / rows + 2), colour, 255)
    for _ in range(260):
        y = scene.between(0, scene.height)
        x = scene.between(-0.2, 1) * scene.width
        length = scene.between(0.08, 0.35) * scene.width
        colour = mix(
            scene.palette.top,
            scene.palette.bottom,
            min(1.0, max(0.0, y / scene.height * 1.35 + scene.between(-0.12, 0.12))),
        )
        yield _line(
            [(x, y), (x + length / 2, y + scene.between(-4, 4)), (x + length, y)],
            colour,
            60,
            scene.height * scene.between(0.006, 0.022),
        )


def _light(scene: Scene) -> Iterator[Stroke]:
    """The sun or the moon, from its glow inwards."""
    night = "night" in scene.motifs
    low = bool(scene.motifs & {"sunset", "dawn"})
    x = scene.between(0.22, 0.78) * scene.width
    y = scene.horizon - scene.between(0.06, 0.14) * scene.height if low else scene.between(0.14, 0.3) * scene.height
    radius = min(scene.width, scene.height) * (0.055 if night else 0.075)
    for ring in range(18, 0, -1):
        yield _disc(x, y, radius * (1 + ring * (0.16 if night else 0.28)), scene.palette.light, 9)
    yield _disc(x, y, radius, scene.palette.light, 255)
    if night:
        for _ in range(5):
            yield _disc(
                x + scene.between(-0.5, 0.5) * radius,
                y + scene.between(-0.5, 0.5) * radius,
                radius * scene.between(0.08, 0.2),
                mix(scene.palette.light, scene.palette.top, 0.2),
                90,
            )


def _stars(scene: Scene) -> Iterator[Stroke]:
    for _ in range(220):
        size = min(scene.width, scene.height) * abs(float(scene.random.normal(0, 0.0016))) + 0.8
        yield _disc(
            scene.between(0, scene.width),
            scene.between(0, 1) ** 1.4 * scene.horizon,
            size,
            scene.palette.light,
            int(scene.between(90, 255)),
        )


def _clouds(scene: Scene) -> Iterator[Stroke]:
    for _ in range(int(scene.between(3, 6))):
        x, y = scene.between(0, scene.width), scene.between(0.08, 0.42) * scene.height
        length = scene.between(0.1, 0.26) * scene.width
        colour = mix(scene.palette.bottom, (255, 255, 255), 0.45)
        for _ in range(26):
            along = float(np.clip(scene.random.normal(0, 0.4), -1, 1))
            size = (1 - abs(along)) * scene.height * 0.035 + scene.height * 0.008
            yield _ellipse(
                x + along * length,
                y - size * 0.4 + scene.between(-0.3, 0.3) * size,
                size * scene.between(1.4, 2.6),
                size,
                colour,
                44,
            )


def _ridges(scene: Scene, *, layers: int, height: float, rough: float = 0.58) -> Iterator[Stroke]:
    """Mountain ranges or dunes; the nearer the darker, each with light on one side."""
    for layer in range(layers):
        share = layer / max(1, layers - 1)
        base = scene.horizon + scene.height * 0.06 * layer
        line = _ridge_line(scene, base, scene.height * height * (1 - 0.35 * share), rough)
        colour = mix(mix(scene.palette.far, scene.palette.bottom, 0.45 * (1 - share)), scene.palette.near, 0.55 * share)
        yield _polygon([*line, (scene.width, scene.height), (0, scene.height)], colour, 255)
        for index in scene.random.integers(1, len(line) - 1, 150):
            x, y = line[int(index)]
            slope = line[int(index) + 1][1] - line[int(index) - 1][1]
            lit = slope < 0
            tone = (
                (255, 255, 255)
                if lit and "snow" in scene.motifs
                else mix(colour, scene.palette.light if lit else (10, 14, 30), 0.28)
            )
            length = scene.height * scene.between(0.015, 0.075)
            yield _line(
                [(x, y + 1), (x + length * (0.35 if lit else -0.35), y + length)], tone, 70, scene.height * 0.005
            )


def _ridge_line(scene: Scene, base: float, height: float, rough: float) -> list[tuple[float, float]]:
    """Return a ridge by midpoint displacement: 257 points from left to right."""
    heights = np.array([scene.between(0.1, 0.7), scene.between(0.1, 0.7)])
    spread = 0.5
    while len(heights) < 257:
        middles = (heights[:-1] + heights[1:]) / 2 + scene.random.uniform(-spread, spread, len(heights) - 1)
        woven = np.empty(len(heights) + len(middles))
        woven[0::2], woven[1::2] = heights, middles
        heights, spread = woven, spread * rough
    heights = np.clip(heights, 0, 1.3)
    return [(scene.width * index / 256, base - height * float(value)) for index, value in enumerate(heights)]


def _sea(scene: Scene) -> Iterator[Stroke]:
    top = scene.horizon
    yield _rectangle((0, top, scene.width, scene.height), scene.palette.water, 255)
    for row in range(420):
        depth = (row / 420) ** 1.5
        y = top + depth * (scene.height - top)
        length = scene.width * (0.03 + 0.16 * depth) * scene.between(0.4, 1.3)
        x = scene.between(-0.1, 1.0) * scene.width
        tone = scene.random.random()
        colour = (
            mix(scene.palette.water, scene.palette.bottom, 0.5) if tone < 0.45
            else mix(scene.palette.water, (8, 16, 40), 0.3) if tone < 0.85 else scene.palette.light
        )  # fmt: skip
        rise = scene.height * 0.004 * (0.3 + depth)
        yield _line(
            [(x, y), (x + length / 3, y - rise), (x + 2 * length / 3, y + rise), (x + length, y)],
            colour,
            80,
            scene.height * (0.002 + 0.006 * depth),
        )


def _ground(scene: Scene) -> Iterator[Stroke]:
    line = _ridge_line(scene, scene.horizon + scene.height * 0.14, scene.height * 0.08, 0.42)
    yield _polygon([*line, (scene.width, scene.height), (0, scene.height)], scene.palette.near, 255)
    for _ in range(420):
        depth = scene.between(0, 1) ** 0.7
        y = scene.horizon + scene.height * 0.12 + depth * (scene.height - scene.horizon)
        x, length = scene.between(0, scene.width), scene.height * (0.008 + 0.03 * depth)
        tone = mix(
            scene.palette.near,
            scene.palette.light if scene.random.random() < 0.5 else (12, 18, 24),
            scene.between(0.06, 0.24),
        )
        yield _line([(x, y), (x + length * 0.3, y - length)], tone, 110, scene.height * 0.003)


def _forest(scene: Scene) -> Iterator[Stroke]:
    for layer in range(3):
        for _ in range(26 - 5 * layer):
            x = scene.between(-0.02, 1.02) * scene.width
            foot = scene.horizon + scene.height * (0.1 + 0.1 * layer) + scene.between(0, 0.05) * scene.height
            height = scene.height * (0.1 + 0.07 * layer) * scene.between(0.7, 1.25)
            colour = mix(
                mix(scene.palette.near, (20, 64, 44), 0.55), (6, 14, 14), 0.16 * layer + scene.between(0, 0.12)
            )
            if "snow" in scene.motifs:
                colour = mix(colour, (36, 66, 70), 0.4)
            yield _rectangle(
                (x - height * 0.02, foot - height * 0.12, x + height * 0.02, foot), mix(colour, (40, 26, 18), 0.6), 255
            )
            for tier in range(4):
                top, bottom = foot - height + height * 0.2 * tier, foot - height * 0.5 + height * 0.14 * tier
                half = height * (0.11 + 0.055 * tier)
                yield _polygon(
                    [(x, top), (x + half, bottom), (x - half, bottom)],
                    mix(colour, scene.palette.light, 0.05 * (3 - tier)),
                    255,
                )
                if "snow" in scene.motifs:
                    yield _polygon(
                        [(x, top), (x + half * 0.55, (top + bottom) / 2), (x - half * 0.4, (top + bottom) / 2)],
                        (240, 245, 250),
                        200,
                    )


def _city(scene: Scene) -> Iterator[Stroke]:
    lit = bool(scene.motifs & {"night", "sunset"})
    for layer in range(3):
        x = -scene.width * 0.02
        colour = mix(mix(scene.palette.far, scene.palette.bottom, 0.3), scene.palette.near, 0.5 * layer)
        foot = scene.horizon + scene.height * (0.02 + 0.07 * layer)
        while x < scene.width:
            wide = scene.width * scene.between(0.03, 0.08)
            high = scene.height * scene.between(0.08, 0.36 - 0.06 * layer)
            yield _rectangle((x, foot - high, x + wide, scene.height), colour, 255)
            if scene.random.random() < 0.25:  # a dome, a mast or a roof
                yield _ellipse(x + wide / 2, foot - high, wide * 0.5, wide * 0.42, colour, 255)
                yield _line(
                    [(x + wide / 2, foot - high - wide * 0.4), (x + wide / 2, foot - high - wide)],
                    colour,
                    255,
                    max(2.0, wide * 0.05),
                )
            yield _windows(
                x,
                foot - high,
                wide,
                high,
                scene.palette.accent if lit else mix(colour, scene.palette.light, 0.45),
                scene.random.random((24, 8)),
            )
            x += wide * scene.between(1.0, 1.25)


def _flowers(scene: Scene) -> Iterator[Stroke]:
    colours = [
        scene.palette.accent,
        mix(scene.palette.accent, (255, 236, 120), 0.55),
        mix(scene.palette.accent, (255, 255, 255), 0.5),
    ]
    for index in range(110):
        depth = (index / 110) ** 0.8
        size = scene.height * (0.006 + 0.022 * depth) * scene.between(0.8, 1.2)
        x = scene.between(0, scene.width)
        y = scene.horizon + scene.height * 0.16 + depth * (scene.height * 0.94 - scene.horizon - scene.height * 0.14)
        yield _line(
            [(x, y), (x + scene.between(-1, 1) * size, y + size * 4)],
            mix(scene.palette.near, (90, 150, 80), 0.5),
            230,
            max(2.0, size * 0.25),
        )
        colour = colours[int(scene.random.integers(len(colours)))]
        for petal in range(6):
            angle = petal * math.pi / 3 + scene.between(0, 0.3)
            yield _disc(x + math.cos(angle) * size, y + math.sin(angle) * size * 0.8, size * 0.72, colour, 235)
        yield _disc(x, y, size * 0.5, (250, 214, 96), 255)


def _snow(scene: Scene) -> Iterator[Stroke]:
    for _ in range(320):
        size = min(scene.width, scene.height) * scene.between(0.0012, 0.0055)
        yield _disc(
            scene.between(0, scene.width),
            scene.between(0, scene.height),
            size,
            (255, 255, 255),
            int(scene.between(110, 240)),
        )


# --- nothing that it knows: a play of colours ---------------------------------------------------------------------


def _abstract(scene: Scene) -> Iterator[Stroke]:
    """Brush strokes along a field of swirls."""
    yield from _sky(scene)
    swirls = [
        (scene.between(0, 1), scene.between(0, 1), scene.between(-1, 1), scene.between(0.1, 0.45)) for _ in range(7)
    ]
    drift = scene.between(0, math.tau)
    p = scene.palette
    colours = [
        p.top,
        p.bottom,
        p.light,
        p.far,
        p.water,
        p.accent,
        mix(p.accent, p.light, 0.5),
        mix(p.far, p.accent, 0.5),
    ]
    side = min(scene.width, scene.height)
    for index in range(900):
        x, y = scene.between(0, scene.width), scene.between(0, scene.height)
        points = [(x, y)]
        pace = side * scene.between(0.008, 0.018)
        for _ in range(14):
            angle = drift
            for at_x, at_y, turn, reach in swirls:
                distance = math.hypot(x / scene.width - at_x, y / scene.height - at_y)
                angle += turn * math.pi * math.exp(-((distance / reach) ** 2))
            x, y = x + math.cos(angle) * pace, y + math.sin(angle) * pace
            points.append((x, y))
        wide = side * (0.02 - 0.016 * index / 900) * scene.between(0.6, 1.3)
        yield _line(points, colours[int(scene.random.integers(len(colours)))], int(scene.between(110, 215)), wide)


# --- the brushes --------------------------------------------------------------------------------------------------


def _rectangle(box: tuple[float, float, float, float], colour: Colour, opacity: int) -> Stroke:
    return lambda brush: brush.rectangle(box, fill=(*colour, opacity))


def _polygon(points: list[tuple[float, float]], colour: Colour, opacity: int) -> Stroke:
    return lambda brush: brush.polygon(points, fill=(*colour, opacity))


def _ellipse(x: float, y: float, across: float, down: float, colour: Colour, opacity: int) -> Stroke:
    return lambda brush: brush.ellipse((x - across, y - down, x + across, y + down), fill=(*colour, opacity))


def _disc(x: float, y: float, radius: float, colour: Colour, opacity: int) -> Stroke:
    return _ellipse(x, y, radius, radius, colour, opacity)


def _line(points: list[tuple[float, float]], colour: Colour, opacity: int, width: float) -> Stroke:
    return lambda brush: brush.line(points, fill=(*colour, opacity), width=max(1, round(width)), joint="curve")


def _windows(x: float, y: float, wide: float, high: float, colour: Colour, chances: np.ndarray) -> Stroke:
    def paint(brush: ImageDraw.ImageDraw) -> None:
        rows, columns = chances.shape
        cell = wide / columns
        for row in range(min(rows, int(high / (cell * 1.6)))):
            for column in range(1, columns - 1):
                if chances[row, column] < 0.4:
                    left, top = x + column * cell, y + (row + 0.5) * cell * 1.6
                    brush.rectangle((left, top, left + cell * 0.55, top + cell * 0.8), fill=(*colour, 190))

    return paint
