"""A JPEG on stdin, the same picture of at most 640 px on stdout. Run by itself, as a process of its own that knows no
secret: what a sender flagged may be made to break whoever decodes it."""

import io
import resource
import sys

LONG_SIDE = 640
QUALITY = 80
MEGABYTES, SECONDS = 512, 10


def main() -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES << 20, MEGABYTES << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = 64_000_000
    try:
        with Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=["JPEG"]) as picture:
            # Decoded at a quarter of its size where that is still large enough.
            picture.draft("RGB", (LONG_SIDE, LONG_SIDE))
            turned = ImageOps.exif_transpose(picture).convert("RGB")
            turned.thumbnail((LONG_SIDE, LONG_SIDE))
            out = io.BytesIO()
            turned.save(out, "JPEG", quality=QUALITY)
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError, MemoryError):
        return 1
    sys.stdout.buffer.write(out.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
