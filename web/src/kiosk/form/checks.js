// Validation of the form's fields. Each function returns null, or the error as a message to translate.
import { msg } from "../../i18n.js";

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECK_DIGITS = "10X98765432";

const spaceless = (/** @type {string} */ text) => text.replace(/[\s-]/g, "");

/** @param {string} name */
export const checkName = (name) =>
  name.trim().length >= 2 ? null : msg("Please enter your name as on your identity card.");

/** Resident identity number, GB 11643: 18 characters with a check digit. @param {string} number */
export function checkIdentity(number) {
  const text = spaceless(number).toUpperCase();
  if (!/^\d{17}[\dX]$/.test(text)) return msg("The identity number has 18 characters.");
  const sum = WEIGHTS.reduce((total, weight, index) => total + weight * Number(text[index]), 0);
  return CHECK_DIGITS[sum % 11] === text[17] ? null : msg("This identity number is not right. Please compare it.");
}

/** Card number with the check digit of ISO/IEC 7812-1. @param {string} number */
export function checkCard(number) {
  const text = spaceless(number);
  if (!/^\d{16,19}$/.test(text)) return msg("The card number has 16 to 19 digits.");
  let sum = 0;
  for (let index = 0; index < text.length; index++) {
    const digit = Number(text[text.length - 1 - index]) * (index % 2 ? 2 : 1);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return sum % 10 === 0 ? null : msg("This card number is not right. Please compare it.");
}

/** @param {string} number */
export const checkPhone = (number) =>
  /^1[3-9]\d{9}$/.test(spaceless(number)) ? null : msg("The mobile number has 11 digits.");

/** @param {string} password */
export const checkPassword = (password) => (/^\d{6}$/.test(password) ? null : msg("The password has 6 digits."));

/**
 * @param {string} text
 * @param {import("./catalogue.js").Product} product
 */
export function checkAmount(text, product) {
  const digits = text.replace(/[\s,，]/g, "");
  const amount = Number(digits);
  if (!/^\d{1,12}$/.test(digits) || amount === 0) return msg("Please enter an amount in yuan.");
  if (amount < product.least) return msg("The amount is below the smallest one of this product.");
  if (amount % product.step !== 0) return msg("The amount must be a multiple of the step of this product.");
  return null;
}
