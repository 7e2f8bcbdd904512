// What a customer enters: which numbers can be right, and what is said of those that cannot.
import assert from "node:assert/strict";
import { test } from "node:test";
import { page } from "./page.mjs";

page();
const { checkAmount, checkCard, checkIdentity, checkName, checkPassword, checkPhone } = await import("../../../web/src/kiosk/form/checks.js");
const PRODUCT = { least: 10_000, step: 1000 };

/** Each is right, or each gets the same sentence. */
const fine = (check, ...values) => values.forEach((value) => assert.equal(check(value), null, value));
const wrong = (check, sentence, ...values) => values.forEach((value) => assert.match(check(value) ?? "nothing", sentence, value));

test("an identity number has the check digit of GB 11643", () => {
  fine(checkIdentity, "110101199001010015", "11010519491231002X");
  wrong(checkIdentity, /not right/, "110101199001010014", "11010519491231002X".replace("1949", "1948"));
});

test("every single digit of an identity number that is mistaken is noticed", () => {
  const right = "110101199001010015";
  for (let at = 0; at < 17; at++) {
    const other = (Number(right[at]) + 1) % 10;
    wrong(checkIdentity, /not right/, `${right.slice(0, at)}${other}${right.slice(at + 1)}`);
  }
});

test("two neighbouring digits of an identity number that are exchanged are noticed", () => {
  const right = "110105194912310020";
  const number = right.slice(0, 17) + [..."10X98765432"].find((digit) => checkIdentity(right.slice(0, 17) + digit) === null);
  for (let at = 0; at < 16; at++) {
    if (number[at] === number[at + 1]) continue;
    wrong(checkIdentity, /not right/, number.slice(0, at) + number[at + 1] + number[at] + number.slice(at + 2));
  }
});

test("an identity number may be entered in groups and with a small x", () => {
  fine(checkIdentity, "110101 19900101 0015", "110101-19900101-0015", "11010519491231002x");
});

test("what has no form of an identity number is said to have the wrong length", () => {
  wrong(checkIdentity, /18 characters/, "", "1101011990010100", "1101011990010100155", "11010119900101001a", "X10101199001010015", "１１０１０１199001010015");
});

test("a card number has the check digit of ISO/IEC 7812-1", () => {
  fine(checkCard, "6222021000000000009", "4111 1111 1111 1111", "4111-1111-1111-1111");
  wrong(checkCard, /not right/, "6222021000000000008", "4111111111111112");
  wrong(checkCard, /16 to 19/, "", "42", "x", "41111111111111111111", "4111 1111 1111 111a");
});

test("every single digit of a card number that is mistaken is noticed", () => {
  const right = "4111111111111111";
  for (let at = 0; at < right.length; at++) {
    wrong(checkCard, /not right/, right.slice(0, at) + ((Number(right[at]) + 3) % 10) + right.slice(at + 1));
  }
});

test("a mobile number of the mainland", () => {
  fine(checkPhone, "13800138000", "138 0013 8000", "199-0000-0000");
  wrong(checkPhone, /11 digits/, "", "12800138000", "1380013800", "138001380000", "+8613800138000", "23800138000");
});

test("a name has two characters, not counting blanks around it", () => {
  fine(checkName, "王芳", " 王芳 ", "Li");
  wrong(checkName, /name/, "", " 王 ", "   ");
});

test("a password is six digits and nothing else", () => {
  fine(checkPassword, "123456", "000000");
  wrong(checkPassword, /6 digits/, "", "12345", "1234567", "12345a", "12345 ", "１２３４５６");
});

test("an amount is a whole number of steps, and at least the smallest", () => {
  const check = (text) => checkAmount(text, PRODUCT);
  fine(check, "10000", "10,000", "10 000", "10，000", "11000", "999999999000");
  wrong(check, /below the smallest/, "9000", "9999", "1");
  wrong(check, /multiple/, "10500", "10001");
  wrong(check, /in yuan/, "", "0", "00", "-10000", "1e4", "abc", "10000.5", "1000000000000", ",");
});

test("every sentence is one that the catalogs can have", () => {
  const said = [checkName(""), checkIdentity(""), checkCard(""), checkPhone(""), checkPassword(""), checkAmount("", PRODUCT)];
  for (const sentence of said) assert.match(sentence, /^[A-Z].*\.$/);
});
