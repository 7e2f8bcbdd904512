"""Pictures for tests, good and hostile, made on the spot."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image, ImageDraw

ORIENTATION = 0x0112
DESCRIPTION = 0x010E


def photograph(width: int = 1200, height: int = 800, *, kind: str = "JPEG", orientation: int | None = None) -> bytes:
    """A white paper with a red bar along its left side, and with an EXIF that must not survive."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 8, height), fill=(220, 0, 0))
    draw.line((width // 4, height // 3, width, height // 3), fill="black", width=4)
    exif = Image.Exif()
    exif[DESCRIPTION] = "secret 110101199003070000"
    if orientation is not None:
        exif[ORIENTATION] = orientation
    out = io.BytesIO()
    image.save(out, kind, exif=exif)
    return out.getvalue()


def png_of_size(width: int, height: int, pixels: bytes = b"") -> bytes:
    """A PNG that claims a size; its pixels are `pixels` deflated, whatever they are."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels, 9)) + chunk(b"IEND", b"")


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that really decodes to `width` × `height`."""
    return png_of_size(width, height, bytes(width + 1) * height)


def text_bomb() -> bytes:
    """A PNG with a compressed text chunk of 100 MB."""
    plain = png_of_size(8, 8, bytes(9 * 8))
    content = b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9)
    chunk = struct.pack(">I", len(content)) + b"zTXt" + content + struct.pack(">I", zlib.crc32(b"zTXt" + content))
    return plain[:33] + chunk + plain[33:]


def as_other(kind: str) -> bytes:
    """A good picture of a kind that is not taken."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "blue").save(out, kind)
    return out.getvalue()
