"""Drawn scenes for motion detection: a yard full of detail, and a person or a car where one is wanted."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

Grey = np.ndarray[Any, np.dtype[np.uint8]]
WIDTH, HEIGHT = 320, 180
EVERY = 0.2


@dataclass
class Yard:
    """Pictures with the noise of a real sensor; `light` multiplies, `lamp` brightens the left half softly."""

    noise: float = 1.5
    light: float = 1.0
    lamp: float = 0.0
    contrast: float = 1.0

    def __post_init__(self) -> None:
        random = np.random.default_rng(5)
        coarse = random.integers(60, 170, (18, 32)).astype(np.float32)
        fine = random.normal(0, 10, (90, 160)).astype(np.float32)
        self._ground = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) + cv2.resize(
            fine, (WIDTH, HEIGHT)
        )
        self._ground = np.asarray(110 + self.contrast * (self._ground - 110), np.float32)
        # NumPy would take four times as long over the noise, which is most of a picture's time.
        cv2.setRNGSeed(5)
        self._grain = np.empty((HEIGHT, WIDTH), np.float32)
        self._cone = np.linspace(1, 0, WIDTH, dtype=np.float32)[None, :]

    def picture(
        self, x: float | None = None, y: float = 90, width: int = 24, height: int = 60, tone: float = 85
    ) -> Grey:
        """The yard with somebody whose top left corner is at `x`, `y`; striped, so much darker and
        brighter than the yard in the mean."""
        made = self._ground.copy()
        if x is not None:
            left, top = max(0, round(x)), round(y)
            part = made[top : top + height, left : max(left, round(x) + width)]
            part[:] = 110 + np.where(np.arange(part.shape[0])[:, None] // 12 % 2, tone, -tone)
        made = made * self.light * (1 + self.lamp * self._cone)
        cv2.randn(self._grain, 0, self.noise)
        return np.asarray(cv2.add(made, self._grain, dtype=cv2.CV_8U), np.uint8)


def coloured(grey: Grey, width: int = 640, height: int = 360) -> Grey:
    """The same as a colour picture of another size."""
    return np.asarray(cv2.cvtColor(cv2.resize(grey, (width, height)), cv2.COLOR_GRAY2BGR), np.uint8)
