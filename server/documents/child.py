"""The limited process: an image on stdin, its size and a clean copy of it on stdout.

Started by its path with `python -I`, so it sees nothing of the project and must not import it. What comes out is a line
of JSON, `{"media_type", "width", "height"}` or `{"refused": why}`, and after the former the image. Orientation is
applied; EXIF, colour profiles, comments and anything hidden behind the picture are left behind.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import warnings

MEMORY = 1024 * 1024 * 1024
CPU_S = 8
MAX_PIXELS = 25_000_000
MAX_SIDE = 16_384
MAX_OUT = 48 * 1024 * 1024


class Refused(Exception):
    """The image is not taken; the text is one of a few fixed words."""


def limit() -> None:
    """Give up memory, time, files and children before a byte of the image is looked at."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def reencode(data: bytes) -> tuple[dict[str, object], bytes]:
    """The picture of `data`, the right way up, as a new file of the same kind. Raises Refused and Pillow's errors."""
    kind = "JPEG" if data[:3] == b"\xff\xd8\xff" else "PNG" if data[:8] == b"\x89PNG\r\n\x1a\n" else ""
    if not kind:
        raise Refused("not_an_image")
    with Image.open(io.BytesIO(data), formats=(kind,)) as image:
        width, height = image.size
        if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
            raise Refused("too_many_pixels")
        image.load()
        upright = ImageOps.exif_transpose(image)
    plain = upright.convert("L" if upright.mode in ("1", "L", "LA", "I;16", "I") else "RGB")
    clean = Image.frombytes(plain.mode, plain.size, plain.tobytes())
    out = io.BytesIO()
    if kind == "JPEG":
        clean.save(out, "JPEG", quality=92, subsampling=0)
    else:
        clean.save(out, "PNG", compress_level=3)
    if out.tell() > MAX_OUT:
        raise Refused("too_large")
    facts = {"media_type": f"image/{kind.lower()}", "width": clean.width, "height": clean.height}
    return facts, out.getvalue()


def main() -> None:
    """Read, work, answer; whatever goes wrong is an answer too."""
    warnings.simplefilter("ignore")
    content = b""
    try:
        facts, content = reencode(sys.stdin.buffer.read())
    except Refused as refusal:
        facts = {"refused": str(refusal)}
    except MemoryError:
        facts = {"refused": "too_large"}
    except Exception:  # noqa: BLE001 - a decoder fed with hostile bytes raises anything
        facts = {"refused": "broken_image"}
    sys.stdout.buffer.write(json.dumps({**facts, "size": len(content)}).encode() + b"\n" + content)
    sys.stdout.buffer.flush()


def rehearse() -> None:
    """Take a picture of each kind the whole way, so that every module is loaded before files are forbidden."""
    turned = Image.Exif()
    turned[0x0112] = 6
    for kind in ("JPEG", "PNG"):
        out = io.BytesIO()
        Image.new("RGB", (8, 4)).save(out, kind, exif=turned)
        reencode(out.getvalue())


if __name__ == "__main__":
    from PIL import Image, ImageOps

    rehearse()
    limit()
    main()
