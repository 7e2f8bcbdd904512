"""The form's arithmetic, in the browser that runs it: check digits, amounts, what a customer may bear."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.kiosk.rig import kiosk

pytestmark = pytest.mark.chromium

_RUN = """
async () => {
  const checks = await import("/static/src/kiosk/form/checks.js");
  const { PRODUCTS, toleranceOf, hasForm } = await import("/static/src/kiosk/form/catalogue.js");
  const { cut } = await import("/static/src/cobrowse/record.js");
  const fine = (check, ...values) => values.map((value) => check(value) === null);
  const pieces = cut("a".repeat(15_999) + "😀".repeat(9_000));
  return {
    identity: fine(checks.checkIdentity, "110101199001010015", "11010519491231002x", "110101 19900101 0015",
      "110101199001010014", "1101011990010100", "", "11010119900101001a"),
    card: fine(checks.checkCard, "6222021000000000009", "4111 1111 1111 1111", "6222021000000000008", "42", "x"),
    phone: fine(checks.checkPhone, "13800138000", "138 0013 8000", "12800138000", "1380013800"),
    name: fine(checks.checkName, "王芳", " 王 ", ""),
    password: fine(checks.checkPassword, "123456", "12345", "12345a"),
    amount: ["1000", "1,100", "999", "1050", "0", "-1000", "1e3", "abc", "1000.5"]
      .map((text) => checks.checkAmount(text, PRODUCTS[0]) === null),
    tolerance: [[1, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3], [4, 4, 4, 4], [4, 4, 1, 4]].map(toleranceOf),
    hasForm: [hasForm({ id: "wealth" }), hasForm({ id: "loans" })],
    pieces: pieces.map(({ length }) => length),
    whole: pieces.join("").length,
    halves: pieces.every((piece) => piece.isWellFormed()),
  };
}
"""


async def test_the_forms_arithmetic(tmp_path: Path) -> None:
    async with kiosk(tmp_path) as at:
        result = await at.page.evaluate(_RUN)
    assert result == {
        "identity": [True, True, True, False, False, False, False],
        "card": [True, True, False, False, False],
        "phone": [True, True, False, False],
        "name": [True, False, False],
        "password": [True, False, False],
        "amount": [True, True, False, False, False, False, False, False, False],
        "tolerance": [1, 3, 4, 5, 2],
        "hasForm": [True, False],
        "pieces": [15_999, 16_000, 2_000],
        "whole": 33_999,
        "halves": True,
    }
