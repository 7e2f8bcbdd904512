// The demonstration form's data: five wealth products and the questions that must be asked before one is sold.
// A bank replaces this file with its own products; risk levels run from R1 (low) to R5 (high), customers from C1 to C5.
import { msg } from "../../i18n.js";

/**
 * @typedef {object} Product
 * @property {string} id
 * @property {string} name
 * @property {string} about
 * @property {number} risk 1 to 5
 * @property {string} term
 * @property {string} benchmark performance benchmark a year; not a promise
 * @property {number} least smallest amount, in yuan
 * @property {number} step amounts are multiples of this
 */

/** @type {Product[]} */
export const PRODUCTS = [
  {
    id: "daily",
    name: msg("Daily Balance"),
    about: msg("Take your money out on any working day."),
    risk: 1,
    term: msg("any day"),
    benchmark: "1.85% – 2.10%",
    least: 1000,
    step: 100,
  },
  {
    id: "steady90",
    name: msg("Steady 90 Days"),
    about: msg("Mostly bonds of the state and of large banks."),
    risk: 2,
    term: msg("90 days"),
    benchmark: "2.30% – 2.80%",
    least: 10000,
    step: 1000,
  },
  {
    id: "balance365",
    name: msg("Balanced One Year"),
    about: msg("Bonds, with up to a fifth in shares. The value goes up and down."),
    risk: 3,
    term: msg("365 days"),
    benchmark: "2.60% – 3.60%",
    least: 50000,
    step: 10000,
  },
  {
    id: "growth",
    name: msg("Growth Three Years"),
    about: msg("More than half in shares. Losses are possible at any time."),
    risk: 4,
    term: msg("3 years"),
    benchmark: "3.20% – 5.50%",
    least: 100000,
    step: 10000,
  },
];

/** Answers count 1 to 4 points. @type {{id: string, question: string, answers: string[]}[]} */
export const QUESTIONS = [
  {
    id: "horizon",
    question: msg("How long can you do without this money?"),
    answers: [msg("Less than half a year"), msg("Up to a year"), msg("One to three years"), msg("More than three years")],
  },
  {
    id: "experience",
    question: msg("What have you put money into before?"),
    answers: [
      msg("Only savings accounts"),
      msg("Wealth products of a bank"),
      msg("Funds"),
      msg("Shares, for several years"),
    ],
  },
  {
    id: "loss",
    question: msg("What could you bear within one year?"),
    answers: [msg("No loss at all"), msg("A loss of up to 5%"), msg("A loss of up to 15%"), msg("A loss of more than 15%")],
  },
  {
    id: "aim",
    question: msg("What matters most to you?"),
    answers: [
      msg("That nothing is lost"),
      msg("A little more than savings"),
      msg("Growth, with ups and downs"),
      msg("The highest growth"),
    ],
  },
];

/** The largest risk a customer with these answers may take, 1 to 5. @param {number[]} points one per question */
export function toleranceOf(points) {
  const sum = points.reduce((total, point) => total + point, 0);
  const tolerance = Math.ceil(((sum - points.length) / (points.length * 3)) * 4) + 1;
  // Customers who can bear no loss at all get the lowest two levels at most.
  return points[2] === 1 ? Math.min(tolerance, 2) : tolerance;
}

/** Whether this kiosk has a form for the service. @param {{id: string}} service */
export const hasForm = (service) => service.id.startsWith("wealth");
