"""A clock that programs can read from a picture, and people hardly see: the capture time as a bar of light and dark.

Whoever has the pixels of a picture (of a canvas, of a video, of a saved file) can tell when it was
captured, whatever it went through on the way. The format, for a picture of any size:

- The bar is the lowest 12 of 540 rows, over the whole width: 60 cells side by side.
- Each cell is one bit. Its left half is lighter than its right half for 1, darker for 0. So its mean is always the
  same, a change of brightness or contrast on the way does no harm, and from afar nothing flickers.
- The bits from the left, each number with its highest bit first: 4 of `SYNC`; 48 of the capture time in milliseconds
  since 1970 (UTC); 8 of a check sum over the six bytes of the time: CRC-8 with the polynomial x⁸+x²+x+1 (0x07), begun
  with 0, nothing reflected or inverted (CRC-8/SMBUS).

In a JPEG of 960 × 540 each cell is one block of 16 × 16 (four of 8 × 8 for brightness), all of one colour, and the bar
is the last row of blocks: `splice` replaces it in a finished JPEG without touching the rest.
"""

from typing import Any

import cv2
import numpy as np

Picture = np.ndarray[Any, np.dtype[np.uint8]]

CELLS, ROWS, OF_ROWS = 60, 12, 540
SYNC = 0b1010
SYNC_BITS, TIME_BITS, CHECK_BITS = 4, 48, 8
# Lighter and darker by so many grey levels than the ground: motion detection does not see so little.
CONTRAST = 4
# A reader wants the halves of a cell to differ by so much; less is noise. Grey levels.
LEAST_CONTRAST = 2.0
_BLOCK = 16
_END = b"\xff\xd9"
_SCAN = b"\xff\xda"


def check_sum(data: bytes) -> int:
    """CRC-8/SMBUS."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07 if crc & 0x80 else crc << 1) & 0xFF
    return crc


def word(captured_at: float) -> int:
    """The 60 bits for a time in seconds since 1970, as a number."""
    milliseconds = round(captured_at * 1000)
    check = check_sum(milliseconds.to_bytes(TIME_BITS // 8, "big"))
    return SYNC << TIME_BITS + CHECK_BITS | milliseconds << CHECK_BITS | check


def time_of(bits: int) -> float | None:
    """The time in seconds that the 60 bits tell; None when they are not those of a clock."""
    milliseconds = bits >> CHECK_BITS & (1 << TIME_BITS) - 1
    return milliseconds / 1000 if word(milliseconds / 1000) == bits else None


def draw(captured_at: float, ground: tuple[int, int, int], rows: int = ROWS) -> Picture:
    """The bar of a picture 960 pixels wide, on a `ground` of that colour (BGR)."""
    bits = np.array([int(bit) for bit in f"{word(captured_at):0{CELLS}b}"], np.int16) * 2 - 1
    half = np.repeat(np.stack([bits, -bits], axis=1).ravel(), _BLOCK // 2) * CONTRAST
    row = np.clip(np.array(ground, np.int16) + half[:, None], 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(row, (rows, len(row), 3)))


def read(picture: Picture) -> float | None:
    """The time that the bar of a picture (grey or BGR, upright, whole) tells, in seconds; None without one."""
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    top, edge = height * (1 - ROWS / OF_ROWS), height * ROWS / OF_ROWS / 6
    band = grey[round(top + edge) : max(round(top + edge) + 1, round(height - edge))].astype(np.float32).mean(axis=0)
    if len(band) < CELLS * 4 or not np.isfinite(band).all():
        return None
    bits = 0
    for cell in range(CELLS):
        left, right = (_half(band, cell, side, width / CELLS) for side in (0, 1))
        if abs(left - right) < LEAST_CONTRAST:
            return None
        bits = bits << 1 | (left > right)
    return time_of(bits)


def _half(band: "np.ndarray[Any, np.dtype[np.float32]]", cell: int, side: int, size: float) -> float:
    """The mean of one half of a cell, without its edges."""
    begin = cell * size + side * size / 2
    return float(band[round(begin + size / 8) : max(round(begin + size / 8) + 1, round(begin + size * 3 / 8))].mean())


def splice(jpeg: bytes, bar: bytes) -> bytes:
    """`jpeg` with its last row of blocks replaced by the picture `bar`.

    Both must be made by the same encoder with the same quality, `bar` of one row of blocks, and `jpeg` with a restart
    marker after each row of blocks (`cv2.IMWRITE_JPEG_RST_INTERVAL`), since the brightness of a block is told as the
    difference from the one before: after a marker it begins from nothing, as at the beginning of a picture (ITU T.81,
    F.1.1.5.1 and E.1.4). A restart marker cannot be found within the data of a row: there 0xff is followed by 0.
    """
    scan = bar.index(_SCAN)
    row = bar[scan + 2 + int.from_bytes(bar[scan + 2 : scan + 4], "big") : -len(_END)]
    return jpeg[: last_row(jpeg)] + row + _END


def last_row(jpeg: bytes) -> int:
    """Where the data of the last row of blocks begins. Raises ValueError without restart markers."""
    at = max(jpeg.rfind(bytes((0xFF, 0xD0 + number))) for number in range(8))
    if at < jpeg.index(_SCAN):
        raise ValueError("a JPEG without restart markers")
    return at + 2
