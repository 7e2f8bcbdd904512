"""The sandboxed process: reads an image from stdin, writes its size and a re-encoded copy to stdout.

Started by its path with `python -I`, so it cannot import anything of the project. The output is a line of JSON,
`{"media_type", "width", "height", "incomplete"}` or `{"refused": why}`, followed in the first case by the image.
Orientation is applied; EXIF, colour profiles, comments and anything hidden behind the picture are left behind.
"""

from __future__ import annotations

import io
import json
import resource
import struct
import sys
import warnings

MEMORY = 1024 * 1024 * 1024
CPU_S = 8
MAX_PIXELS = 25_000_000
MAX_SIDE = 16_384
MAX_OUT = 48 * 1024 * 1024


class ImageRefused(Exception):
    """The image is refused; the text is one of a few fixed codes."""


def limit() -> None:
    """Limit memory, CPU time, files and child processes before a byte of the image is parsed."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def reencode(data: bytes) -> tuple[dict[str, object], bytes]:
    """The picture of `data`, upright, as a new file of the same kind. Raises ImageRefused and Pillow's errors."""
    kind = "JPEG" if data[:3] == b"\xff\xd8\xff" else "PNG" if data[:8] == b"\x89PNG\r\n\x1a\n" else ""
    if not kind:
        raise ImageRefused("not_an_image")
    with opened(data, kind) as image:
        width, height = image.size
        if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
            raise ImageRefused("too_many_pixels")
        incomplete = decode(image, data)
        plain = on_white(upright(image))
    clean = Image.frombytes(plain.mode, plain.size, plain.tobytes())
    out = io.BytesIO()
    if kind == "JPEG":
        clean.save(out, "JPEG", quality=92, subsampling=0)
    else:
        clean.save(out, "PNG", compress_level=3)
    if out.tell() > MAX_OUT:
        raise ImageRefused("too_large")
    facts: dict[str, object] = {"media_type": f"image/{kind.lower()}", "width": clean.width, "height": clean.height}
    return {**facts, "incomplete": incomplete}, out.getvalue()


def opened(data: bytes, kind: str) -> Image.Image:
    """The image, unread. Of the several pictures that phones put into one JPEG (MPO) it is the first."""
    if kind == "JPEG":
        return JpegImagePlugin.JpegImageFile(io.BytesIO(data))  # `Image.open` would ask for a reader of such files
    return Image.open(io.BytesIO(data), formats=(kind,))


def decode(image: Image.Image, data: bytes) -> bool:
    """Read the pixels; true for a JPEG that ends too early and yet shows its whole page. Raises Pillow's errors."""
    try:
        image.load()
    except OSError:
        if image.format != "JPEG" or not whole_enough(data):
            raise
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        ended = JpegImagePlugin.JpegImageFile(io.BytesIO(data + b"\xff\xd9"))
        ended.load()
        image.im = ended.im
        return True
    return False


def whole_enough(data: bytes) -> bool:
    """Whether all but the last twentieth of a cut JPEG's rows are there, or, of one in passes, the first of each."""
    cut = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    if cut.info.get("progressive"):
        return data.count(b"\xff\xda") >= 2 * len(cut.getbands())
    # The decoder gets what there is, and rows that did not come stay as they are made: zero.
    tile = cut.tile[0]
    rows = Image.new(cut.mode, cut.size).im
    decoder = Image._getdecoder(cut.mode, tile[0], tile[3], cut.decoderconfig)
    decoder.setimage(rows, (0, 0, *cut.size))
    decoder.decode(data)
    box = rows.getbbox()
    # Two rows of blocks wait in the decoder for what comes after them.
    return box is not None and (box[3] + 32) * 20 >= cut.height * 19


def upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF says. No EXIF is written, so one that is broken elsewhere does no harm."""
    turn = TURNS.get(orientation(image.info.get("exif", b"")))
    return image if turn is None else image.transpose(turn)


def orientation(exif: bytes) -> int:
    """The orientation in a first directory of EXIF (TIFF 6.0), 1 where there is none; other entries are left unread."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = "<" if tiff[:2] == b"II" else ">"
    try:
        (start,) = struct.unpack_from(order + "4xI", tiff)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, _, short = struct.unpack_from(order + "HHIH", tiff, at)
            if tag == 0x0112 and kind == 3:
                return int(short)
    except struct.error:
        pass
    return 1


def on_white(image: Image.Image) -> Image.Image:
    """The image as grey or RGB, as a viewer shows it on white paper; what was transparent is gone."""
    if image.mode.startswith("I"):
        # Sixteen bits of grey. Pillow's own conversion cuts all above 255 off.
        image = image.convert("I").point(lambda value: value * (1 / 257) + 0.5)
        return image.convert("L")
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        image = Image.new("RGBA", clear.size, "white")
        image.alpha_composite(clear)
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def main() -> None:
    """Read the image, re-encode it, write the result; every failure is a result too."""
    warnings.simplefilter("ignore")
    content = b""
    try:
        facts, content = reencode(sys.stdin.buffer.read())
    except ImageRefused as refusal:
        facts = {"refused": str(refusal)}
    except MemoryError:
        facts = {"refused": "too_large"}
    except Exception:  # noqa: BLE001 - a decoder fed with hostile bytes raises anything
        facts = {"refused": "broken_image"}
    sys.stdout.buffer.write(json.dumps({**facts, "size": len(content)}).encode() + b"\n" + content)
    sys.stdout.buffer.flush()


def rehearse() -> None:
    """Re-encode a small picture of each kind, so that every module is loaded before opening files is forbidden."""
    turned = Image.Exif()
    turned[0x0112] = 6
    for kind in ("JPEG", "PNG"):
        out = io.BytesIO()
        Image.new("RGB", (8, 4)).save(out, kind, exif=turned)
        reencode(out.getvalue())


if __name__ == "__main__":
    from PIL import Image, ImageFile, JpegImagePlugin

    FLIPS = Image.Transpose
    TURNS = {
        2: FLIPS.FLIP_LEFT_RIGHT,
        3: FLIPS.ROTATE_180,
        4: FLIPS.FLIP_TOP_BOTTOM,
        5: FLIPS.TRANSPOSE,
        6: FLIPS.ROTATE_270,
        7: FLIPS.TRANSVERSE,
        8: FLIPS.ROTATE_90,
    }

    rehearse()
    limit()
    main()
