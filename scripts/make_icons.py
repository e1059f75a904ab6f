"""Draws the app's icons and iOS's opening pictures from the shapes of static/icons/fairwatch.svg; run when it changes.

.venv/bin/python scripts/make_icons.py
"""

from pathlib import Path

from PIL import Image, ImageDraw

FOLDER = Path(__file__).resolve().parent.parent / "static" / "icons"
BLUE, WHITE, DARK, CLEAR = (10, 88, 168, 255), (255, 255, 255, 255), (16, 19, 22, 255), (0, 0, 0, 0)
# Drawn larger and scaled down, for smooth edges.
FINER = 4
# Of the SVG: its width, the corner's radius, the eye's curves (cubic Bézier), iris and light (x, y, radius).
WIDTH, CORNER = 32.0, 7.0
EYE = (
    ((3.5, 16), (7, 10.3), (11.2, 7.5), (16, 7.5)),
    ((16, 7.5), (20.8, 7.5), (25, 10.3), (28.5, 16)),
    ((28.5, 16), (25, 21.7), (20.8, 24.5), (16, 24.5)),
    ((16, 24.5), (11.2, 24.5), (7, 21.7), (3.5, 16)),
)
IRIS, LIGHT = (16.0, 16.0, 5.5), (14.0, 14.0, 1.7)
# Width and height in points of iPhones and iPads held upright, and pixels to a point.
PHONES = (
    (440, 956, 3), (402, 874, 3), (430, 932, 3), (393, 852, 3), (428, 926, 3), (390, 844, 3), (375, 812, 3),
    (414, 896, 3), (414, 896, 2), (414, 736, 3), (375, 667, 2), (420, 912, 3),
)  # fmt: skip
PADS = ((1024, 1366, 2), (834, 1194, 2), (834, 1112, 2), (820, 1180, 2), (810, 1080, 2), (768, 1024, 2), (744, 1133, 2))
Colour = tuple[int, int, int, int]
Point = tuple[float, float]


def curve(points: tuple[Point, Point, Point, Point], steps: int = 60) -> list[Point]:
    found = []
    for step in range(steps):
        t = step / steps
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
        found.append(
            (
                sum(w * p[0] for w, p in zip(weights, points, strict=True)),
                sum(w * p[1] for w, p in zip(weights, points, strict=True)),
            )
        )
    return found


def eye(size: int, scale: float, white: Colour = WHITE, iris: Colour = BLUE, back: Colour = CLEAR) -> Image.Image:
    """The eye in the middle of a square of `size` pixels, `scale` of its size in the SVG."""
    big = size * FINER
    image = Image.new("RGBA", (big, big), back)
    draw = ImageDraw.Draw(image)
    unit = big / WIDTH * scale
    shift = big / 2 - WIDTH / 2 * unit

    def at(point: Point) -> Point:
        return shift + point[0] * unit, shift + point[1] * unit

    def disc(where: tuple[float, float, float], colour: Colour) -> None:
        x, y = at(where[:2])
        radius = where[2] * unit
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    draw.polygon([at(point) for part in EYE for point in curve(part)], fill=white)
    disc(IRIS, iris)
    disc(LIGHT, white)
    return image.resize((size, size), Image.Resampling.LANCZOS)


def rounded(size: int) -> Image.Image:
    big = size * FINER
    image = Image.new("RGBA", (big, big), CLEAR)
    ImageDraw.Draw(image).rounded_rectangle((0, 0, big - 1, big - 1), big * CORNER / WIDTH, fill=BLUE)
    image = image.resize((size, size), Image.Resampling.LANCZOS)
    image.alpha_composite(eye(size, 1.0))
    return image


def opening(width: int, height: int) -> Image.Image:
    """What iOS shows while the app opens: the icon in the middle of the dark."""
    image = Image.new("RGBA", (width, height), DARK)
    icon = rounded(round(min(width, height) * 0.22))
    image.alpha_composite(icon, ((width - icon.width) // 2, (height - icon.height) // 2))
    return image


def save(image: Image.Image, name: str, *, clear: bool = False) -> None:
    if not clear:
        # Few colours are enough for two and their edges, and make a tenth of the file.
        image.convert("RGB").quantize(48, dither=Image.Dither.NONE).save(FOLDER / name, optimize=True)
    else:
        image.save(FOLDER / name, optimize=True)


def main() -> None:
    for size in (192, 512):
        save(rounded(size), f"app-{size}.png", clear=True)
        # Whatever shape a launcher cuts out of it, the middle four fifths stay.
        save(eye(size, 0.72, back=BLUE), f"maskable-{size}.png")
    save(eye(180, 0.84, back=BLUE), "apple-touch.png")
    # Android takes its shape alone, in one colour.
    save(eye(96, 1.05, iris=CLEAR), "badge-96.png", clear=True)
    for width, height, density in (*PHONES, *PADS):
        save(opening(width * density, height * density), f"splash-{width * density}x{height * density}.png")
    for width, height, density in PADS:
        save(opening(height * density, width * density), f"splash-{height * density}x{width * density}.png")


if __name__ == "__main__":
    main()
