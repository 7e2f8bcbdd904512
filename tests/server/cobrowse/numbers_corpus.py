"""Texts with numbers that may not be seen, with ordinary ones, and anything between, for page and server."""

from __future__ import annotations

import random

from server.cobrowse.patterns import DIGITS

CARD, IDENTITY, PHONE = "6222021234567890128", "11010519491231002X", "13800138000"
SECRETS = (CARD, IDENTITY, PHONE, "4929173849261057", "110105491231002")

Pieces = tuple[list[str], list[int]]
JOINED, CELL, END = 0, 1, 2

# Seen by nobody who may not: what is left of them has at most five characters of the number in a row.
HIDDEN: list[Pieces] = [
    *(([f"No. {secret}."], [0]) for secret in SECRETS),
    *((list(secret), [0] * len(secret)) for secret in SECRETS),
    *((list(secret), [1] * len(secret)) for secret in SECRETS),
    *(([secret[:4], secret[4:]], [0, 0]) for secret in SECRETS),
    *(([f"Card {secret[:7]}", f"{secret[7:9]}", f"{secret[9:]}, yes"], [0, 0, 0]) for secret in SECRETS),
    (["6222", "0212", "3456", "7890", "128"], [1] * 5),
    (["Card", "6222", "\n  ", "0212", "\n  ", "3456", "7890", "128", "yes"], [1] * 9),
    (["622202123", "4567890128"], [1, 1]),
    (["6222 0212", "3456 7890 128"], [1, 1]),
    (["110105", "19491231", "002X"], [1] * 3),
    (["138", "0013", "8000"], [1] * 3),
    (["6222\n        0212\n        3456\n        7890\n        128"], [0]),
    (["6222", " \n ", "0212", " \n ", "3456", " ", "7890", " ", "128"], [0] * 9),
    (["622202\u200b", "\u200b\u2060\u200b\u200b\u200b\u200b1234567890128"], [0, 0]),
    (["".join(DIGITS[10 + int(digit)] for digit in CARD)], [0]),
    (["".join(chr(0x1D7CE + int(digit)) for digit in CARD)], [0]),
    (["".join("⓪①②③④⑤⑥⑦⑧⑨"[int(digit)] for digit in CARD)], [0]),
    (["".join("零一二三四五六七八九"[int(digit)] for digit in CARD)], [0]),
    (["6\ufe0f\u20e32\ufe0f\u20e3" + "2\ufe0f\u20e3" * 9], [0]),
    (["LC13800138000"], [0]),
    (["4929.1738 4926.1057"], [0]),
    (["6222:0212:3456:7890:128"], [0]),
    (["6222 --- 0212 --- 3456 --- 7890 --- 128"], [0]),
    (["6:2:2:2:0:2:1:2:3:4:5:6:7:8:9:0:1:2:8"], [0]),
    (["138)(0013)(8000"], [0]),
    *(
        (["".join(row[int(digit)] for digit in CARD)], [0])
        for row in ("零壹贰叁肆伍陆柒捌玖", "零幺二三四五六七八九", "⓪⑴⑵⑶⑷⑸⑹⑺⑻⑼", "🄀⒈⒉⒊⒋⒌⒍⒎⒏⒐", "🄋➀➁➂➃➄➅➆➇➈")
    ),
    (["6222", " - ", "0212", " - ", "3456", " - ", "7890", " - ", "128"], [1] * 9),
    (["6222", "0212", "3456", "7890", "128"], [2] * 5),
    (["12", "6222", "0212", "34567890128"], [1, 2, 1, 1]),
    (list(CARD), [2] * 19),
    (["138", "0013", "8000"], [2] * 3),
    (["2026-11-23 6222 0212 3456 7890 128"], [0]),
    (["6,222,021,234,567,890,128"], [0]),
    *(
        ([separator.join((CARD[:4], CARD[4:8], CARD[8:12], CARD[12:]))], [0])
        for separator in (
            "\u00ad",
            "\u2060",
            ",",
            " - ",
            "·",
            "/",
            "  ",
            "\u2011",
            "\u200b",
            ". ",
            " / ",
            "'",
            "，",
            "－",
        )
    ),
]

# Left as they are, whatever a guard thinks of digits.
ORDINARY: list[Pieces] = [
    *(
        ([text], [0])
        for text in (
            "2026-11-23 14:30:05",
            "2026-11-23 14:30 - 2026-11-24 15:30",
            "2026-01-01 ~ 2026-12-31",
            "2026年11月23日 14时30分",
            "20261123 - 20261231",
            "2023 2024 2025 2026",
            "20,000 元",
            "¥1,234,567,890.00",
            "1,234.56 2,345.67 3,456.78",
            "3.25 3.50 3.75 4.00 4.25 4.50",
            "1.0234 1.0567 1.1234 1.2001",
            "第 12 / 240 页",
            "R2 · 365 天 · 4.15 %",
            "邮编 100032",
            "95588",
            "v1.2.3.4",
            "10:30–11:45",
            "No. 20261123",
            "1/2/3/4/5",
            "11/23/2026 2:30 PM",
            "01.12.2026 - 31.12.2026",
            "1 234 567,89 €",
            "1.234.567,89",
            "0.00012345",
            "400-820-8820",
            "400-88-95588",
            "192.168.100.200",
            "订单 LC20260012345",
            "10 20 30 40 50",
            "人民币壹拾贰万叁仟肆佰伍拾陆元柒角捌分",
            "1920×1080, 1366×768",
            "",
            "   ",
        )
    ),
    (["1200", "3400", "5600", "7800"], [1] * 4),
    (["2023", "2024", "2025", "2026", "2027"], [1] * 5),
    (["1,200.00", "3,400.00", "5,600.00", "7,800.00"], [1] * 4),
    (["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"], [1] * 10),
    (["5000", "6000", "7000", "8000"], [1] * 4),
    (["4999", "5999", "6999", "7999"], [1] * 4),
    (list("354521543545"), [2] * 12),
    (["50000", "100000", "200000", "500000"], [2] * 4),
    (list("7894561230"), [2] * 10),
    ([str(day) for day in range(1, 32)], [1] * 31),
    ([str(day % 10) for day in range(1, 22)], [1] * 21),
    (["12", "8", "230", "45", "7", "1024", "66"], [1] * 7),
    (["Product", "365", "4.15 %", "20000"], [1] * 4),
    (["3", " ", "of", " ", "12"], [0] * 5),
    (["100", "000", " 元"], [0] * 3),
    (["2026", "-11-", "23", " 14:30"], [0] * 4),
]

_SIGNS = (
    *"0123456789",
    *"0123456789",
    *("0", "62", "2026", "6222", "1,000", "12.50", "2026-11-23", "13800138000", "x", "X", "×"),
    *(
        " ",
        "\u3000",
        "\n",
        "  \t ",
        ".",
        ",",
        "-",
        "–",
        "/",
        "·",
        "\u200b",
        "\u00ad",
        "•",
        ":",
        "元",
        "a",
        "😀",
        "~",
        "|",
    ),
    *("٣", "６", "𝟎", "⑥", "二", "〇", "\u20e3", "\x85", "\ufeff"),
)


def random_pieces(count: int, seed: int) -> list[Pieces]:
    """Rows of texts of anything that matters to who reads numbers."""
    dice = random.Random(seed)
    rows = []
    for _ in range(count):
        texts = [
            "".join(dice.choices(_SIGNS if dice.random() < 0.7 else _SIGNS[:20], k=dice.randrange(12)))
            for _ in range(dice.randrange(1, 7))
        ]
        if dice.random() < 0.3:  # groups as numbers have them
            texts = [
                str(dice.randrange(10**width)).zfill(width) for width in dice.choice(((4,) * 4, (3, 4, 4), (6, 8, 4)))
            ]
        rows.append((texts, [dice.choice((JOINED, CELL, END)) for _ in texts]))
    return rows
