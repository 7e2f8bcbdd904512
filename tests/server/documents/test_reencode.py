from __future__ import annotations

import asyncio
import io
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image, ImageChops, ImageStat

from server.documents import BadImage, Reencoder, View, reencode
from server.serve import SWITCH_S
from tests.machine import allow, slower, throttled
from tests.server.documents.pictures import as_other, bomb, photograph, png_of_size, text_bomb
from tests.stalls import TRIES, longest_turn


def opened(data: bytes | bytearray | memoryview) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def red_side(image: Image.Image) -> str:
    """Where the red bar of `document` is."""
    width, height = image.size
    spots = {"left": (4, height // 2), "right": (width - 5, height // 2)}
    spots |= {"top": (width // 2, 4), "bottom": (width // 2, height - 5)}
    pixels = {side: image.convert("RGB").getpixel(spot) for side, spot in spots.items()}
    found = [side for side, pixel in pixels.items() if isinstance(pixel, tuple) and pixel[1] < 100]
    return found[0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
async def test_a_picture_comes_back_clean(kind: str) -> None:
    view = await Reencoder().reencode(photograph(kind=kind))
    image = opened(view.data)
    assert (view.media_type, view.width, view.height) == (f"image/{kind.lower()}", 1200, 800)
    assert (image.format, image.size) == (kind, (1200, 800))
    assert red_side(image) == "left"
    assert not image.getexif()
    assert b"secret" not in bytes(view.data)


@pytest.mark.parametrize(("orientation", "side"), [(1, "left"), (3, "right"), (6, "top"), (8, "bottom"), (2, "right")])
async def test_the_picture_is_turned_the_right_way_up(orientation: int, side: str) -> None:
    view = await Reencoder().reencode(photograph(orientation=orientation))
    assert red_side(opened(view.data)) == side
    assert (view.width > view.height) is (orientation not in (6, 8))


@pytest.fixture
def threads_as_in_a_server() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.alone
@pytest.mark.single
async def test_a_large_picture_holds_nothing_up(threads_as_in_a_server: None) -> None:
    side = 3400
    noise = Image.frombytes("RGB", (side, side), random.Random(1).randbytes(side * side * 3))
    out = io.BytesIO()
    noise.save(out, "PNG", compress_level=0)
    seen: list[float] = []
    stopped = throttled()
    while not seen or (seen[-1] >= 0.005 * slower() and len(seen) < TRIES):
        view, held = await longest_turn(Reencoder(timeout_s=60).reencode(out.getvalue()))
        assert len(view.data) > 34_000_000
        seen.append(held)
    if throttled() != stopped and min(seen) >= 0.005 * slower():
        pytest.skip("a quota stopped all threads of this process longer than a turn may take")
    assert min(seen) < 0.005 * slower(), seen


async def test_what_hides_behind_the_picture_is_gone() -> None:
    view = await Reencoder().reencode(photograph() + b"<script>alert(1)</script>PK\x03\x04")
    assert b"<script>" not in bytes(view.data)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
async def test_every_colour_mode_is_taken(mode: str) -> None:
    out = io.BytesIO()
    Image.new(mode, (40, 30)).save(out, "JPEG" if mode == "CMYK" else "PNG")
    view = await Reencoder().reencode(out.getvalue())
    assert (view.width, view.height) == (40, 30)


def shown_of(view: View) -> Image.Image:
    return Image.open(io.BytesIO(bytes(view.data)))


def written(image: Image.Image, kind: str = "PNG", **more: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


async def test_the_first_picture_of_a_phones_file_is_taken() -> None:
    other = Image.new("RGB", (64, 64), "blue")
    data = written(Image.new("RGB", (80, 60), "red"), "MPO", save_all=True, append_images=[other])
    assert b"MPF" in data
    view = await Reencoder().reencode(data)
    assert (view.media_type, view.width, view.height, view.incomplete) == ("image/jpeg", 80, 60, False)
    assert shown_of(view).getpixel((40, 30))[0] > 240  # type: ignore[index]


async def test_sixteen_bits_of_grey_keep_their_tones() -> None:
    scan = Image.new("I;16", (256, 4))
    for x in range(256):
        for y in range(4):
            scan.putpixel((x, y), x * 257)
    view = await Reencoder().reencode(written(scan))
    assert [shown_of(view).getpixel((x, 2)) for x in range(256)] == list(range(256))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "RGB", "1"])
async def test_what_is_transparent_is_white_paper(mode: str) -> None:
    """And what was hidden by it stays hidden."""
    image = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (20, 0, 40, 20))
    if mode in ("RGBA", "LA"):
        data = written(image.convert(mode))
    else:
        clear = 1 if mode in ("P", "1") else (255, 0, 0) if mode == "RGB" else 9
        plain = Image.new(mode, (40, 20), clear)
        if mode == "P":
            plain.putpalette([0, 0, 0, 255, 0, 0])
        plain.paste((0, 0, 0) if mode == "RGB" else 0, (20, 0, 40, 20))
        data = written(plain, transparency=clear)
    shown = shown_of(await Reencoder().reencode(data)).convert("RGB")
    assert shown.getpixel((5, 10)) == (255, 255, 255)
    assert shown.getpixel((30, 10)) == (0, 0, 0)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [1, 2, 30])
async def test_a_picture_whose_last_bytes_are_missing_is_taken(missing: int, progressive: bool) -> None:
    noisy = Image.effect_noise((400, 300), 60).convert("RGB")
    whole = written(noisy, "JPEG", quality=90, progressive=progressive)
    view = await Reencoder().reencode(whole[:-missing])
    assert (view.width, view.height, view.incomplete) == (400, 300, True)
    difference = ImageChops.difference(shown_of(view), Image.open(io.BytesIO(whole))).crop((0, 0, 400, 280))
    assert max(ImageStat.Stat(difference).mean) < 12


@pytest.mark.parametrize("progressive", [False, True])
async def test_half_a_picture_is_refused(progressive: bool) -> None:
    noisy = Image.effect_noise((400, 300), 60).convert("RGB")
    whole = written(noisy, "JPEG", quality=90, progressive=progressive)
    with pytest.raises(BadImage):
        await Reencoder().reencode(whole[: len(whole) // (8 if progressive else 2)])


async def test_an_exif_that_cannot_be_written_back_is_left_out() -> None:
    """Its orientation counts all the same."""
    good = photograph(orientation=6)
    # The description is given another type, which Pillow reads and cannot write.
    at = good.index(b"MM\0*") if b"MM\0*" in good else good.index(b"II*\0")
    order: Literal["big", "little"] = "big" if good[at : at + 2] == b"MM" else "little"
    entry = good.index((0x010E).to_bytes(2, order), at)
    for kind in range(1, 13):
        broken = good[: entry + 2] + kind.to_bytes(2, order) + good[entry + 4 :]
        view = await Reencoder().reencode(broken)
        assert (view.width, view.height) == (800, 1200), kind
        assert b"secret" not in bytes(view.data)


HOSTILE = {
    "empty": b"",
    "text": b"hello",
    "pdf": b"%PDF-1.7\n",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "gif": as_other("GIF"),
    "bmp": as_other("BMP"),
    "tiff": as_other("TIFF"),
    "webp": as_other("WEBP"),
    "cut jpeg": photograph()[:5000],
    "cut png": photograph(kind="PNG")[:2000],
    "only a head": photograph()[:20],
    "too many pixels": png_of_size(5001, 5000),
    "huge claim": png_of_size(2**31 - 1, 2**31 - 1),
    "one long line": png_of_size(30_000, 1, bytes(30_001)),
    "no pixels": png_of_size(0, 0),
    "bomb": bomb(30_000, 30_000) if os.environ.get("VISAVIS_BIG_TESTS") else png_of_size(30_000, 30_000, b"\0" * 10**6),
    "png head, jpeg body": b"\x89PNG\r\n\x1a\n" + photograph(),
    "jpeg head, png body": b"\xff\xd8\xff" + photograph(kind="PNG"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_is_no_picture_is_refused(name: str) -> None:
    begun = time.monotonic()
    with pytest.raises(BadImage):
        await Reencoder().reencode(HOSTILE[name])
    assert time.monotonic() - begun < allow(5)


async def test_a_text_bomb_is_defused() -> None:
    try:
        view = await Reencoder().reencode(text_bomb())
    except BadImage:
        return
    assert len(view.data) < 10_000


async def test_the_largest_picture_is_taken() -> None:
    view = await Reencoder().reencode(bomb(5000, 5000))
    assert (view.width, view.height) == (5000, 5000)


async def test_mutants_are_refused_or_taken_but_nothing_else_happens() -> None:
    """A few here, for the price of a process each; the decoder itself is Pillow's, and limited."""
    source, seed = photograph(200, 150), random.Random(7)
    reencoder = Reencoder()

    async def one() -> bool:
        data = bytearray(source)
        for _ in range(seed.randint(1, 20)):
            data[seed.randrange(len(data))] = seed.randrange(256)
        try:
            view = await reencoder.reencode(bytes(data))
        except BadImage:
            return False
        return opened(view.data).size == (view.width, view.height)

    results = await asyncio.gather(*(one() for _ in range(12)))
    assert len(results) == 12


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import time; time.sleep(60)", "sleeps"),
        ("import os; os.abort()", "crashes"),
        ("import sys; sys.exit(1)", "ends"),
        ("import sys\nwhile True: sys.stdout.write('x' * 65536)", "floods"),
        ('print(\'{"media_type": "image/jpeg"}\')', "says nothing"),
        ("print('not json')", "babbles"),
        ("import sys; sys.stdin.close(); print('{}')", "does not listen"),
    ],
)
async def test_a_child_that_misbehaves_is_a_bad_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, why: str
) -> None:
    script = tmp_path / "child.py"
    script.write_text(program)
    monkeypatch.setattr(reencode, "CHILD", script)
    begun = time.monotonic()
    with pytest.raises(BadImage):
        await Reencoder(timeout_s=1.0).reencode(b"x" * 1_000_000)
    assert time.monotonic() - begun < allow(8), why


LIMITS = """
import resource, sys, socket, subprocess
sys.path.insert(0, {folder!r})
import child
child.limit()
results = []
def attempt(call):
    try:
        call()
    except (OSError, MemoryError) as error:
        results.append(type(error).__name__)
    else:
        results.append("done")
attempt(lambda: bytearray(2 * 1024**3))
attempt(lambda: open("/etc/passwd"))
attempt(lambda: socket.socket())
attempt(lambda: subprocess.run(["/bin/true"]))
print(results)
"""


async def test_the_child_can_open_nothing_and_take_little() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", LIMITS.format(folder=str(reencode.CHILD.parent)), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert b"done" not in out
    assert out.count(b"Error") == 4


async def test_a_cancelled_call_leaves_no_process(no_task_left: None) -> None:
    task = asyncio.get_running_loop().create_task(Reencoder().reencode(bomb(4900, 4900)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
