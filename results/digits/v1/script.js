"use strict";
// Sorting, filtering and printing; without this script everything is in view, in the order of the report.

const SUPERSCRIPTS = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹", PLAIN = "-0123456789";
const UNKNOWN = new Set(["", "–", "unknown", "not defined", "nan"]);
const NEXT = { none: "ascending", ascending: "descending", descending: "none" };

const plain = (text) => [...text].map((one) => PLAIN[SUPERSCRIPTS.indexOf(one)]).join("");

// The number that a text begins with, after ×, ≥, ≤ or +; NaN where it begins with none.
function numberOf(text) {
  const clean = text.replace(/−/g, "-").replace(/,/g, "").replace(/×10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)/, (_, power) => "e" + plain(power));
  const found = /^[×≥≤+\s]*(-?)(inf|∞|\d+\.?\d*(?:e[-+]?\d+)?)/.exec(clean);
  if (!found) return NaN;
  return (found[1] ? -1 : 1) * (/\d/.test(found[2]) ? Number(found[2]) : Infinity);
}

function textOf(cell) {
  if (cell.dataset.value !== undefined) return cell.dataset.value;
  const first = [...cell.childNodes].find((node) => node.textContent.trim());
  return first ? first.textContent.trim() : "";
}

// Rows in the order of a column: what is unknown comes last either way, equal rows keep their order.
function ordered(rows, column, way) {
  const texts = new Map(rows.map((row) => [row, textOf(row.cells[column])]));
  const known = rows.filter((row) => !UNKNOWN.has(texts.get(row)));
  const numbers = known.every((row) => !Number.isNaN(numberOf(texts.get(row))));
  const sign = way === "ascending" ? 1 : -1;
  const by = (one, other) => {
    const [a, b] = [texts.get(one), texts.get(other)];
    if (!numbers) return a.localeCompare(b, "en", { numeric: true });
    return numberOf(a) === numberOf(b) ? 0 : numberOf(a) - numberOf(b);
  };
  return [...known.sort((one, other) => sign * by(one, other)), ...rows.filter((row) => UNKNOWN.has(texts.get(row)))];
}

function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  const bodies = [...table.tBodies].map((body) => [body, [...body.rows]]);
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.title = "Sort by this column";
    button.append(...[...head.childNodes].filter((node) => node.className !== "detail"));
    head.prepend(button);
    button.addEventListener("click", () => {
      const way = NEXT[head.getAttribute("aria-sort") || "none"];
      heads.forEach((one) => one.removeAttribute("aria-sort"));
      table.classList.toggle("sorted", way !== "none");
      bodies.forEach(([body, rows]) => body.append(...rows));
      if (way === "none") return;
      head.setAttribute("aria-sort", way);
      const rows = bodies.flatMap(([, all]) => all.filter((row) => !row.classList.contains("group")));
      bodies[0][0].append(...ordered(rows, column, way));
    });
  });
}

const holds = (list, wanted) => !wanted || (list || "").split("|").includes(wanted);

// A row is found by its own words and those of the heading above it; a card by those and the words of a claim of its figure that fits.
function makeFinder(form) {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const wordsOf = (elements) => elements.map((one) => one.textContent.toLowerCase()).join(" ");
  const groups = all("tr.group").map((row) => [row, all("[data-verdict]", row.parentElement)]);
  const texts = new Map(all("[data-verdict]").map((row) => [row, wordsOf([row, ...all(".group", row.parentElement)])]));
  const cards = all(".card").map((card) =>
    [card, wordsOf(all("h3, .badge", card)), all(`.ledger [data-figure="${card.dataset.figure}"] [data-verdict]`)]);
  const counted = (selector, name) => {
    const found = all(selector);
    return found.filter((one) => !one.classList.contains("filtered")).length + " of " + found.length + " " + name;
  };
  const apply = () => {
    const { technique, verdict, words } = form.elements;
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const active = Boolean(technique.value || verdict.value || wanted.length);
    const said = (text) => wanted.every((word) => text.includes(word));
    const fits = (row, more = "") => holds(row.dataset.technique, technique.value) && holds(row.dataset.verdict, verdict.value)
      && said(texts.get(row) + more);
    for (const row of texts.keys()) row.classList.toggle("filtered", !fits(row));
    for (const [card, words, claims] of cards) {
      const none = !technique.value && !verdict.value && said(words);
      card.classList.toggle("filtered", !(claims.length ? claims.some((row) => fits(row, words)) : none));
    }
    for (const [row, own] of groups) row.classList.toggle("filtered", own.length > 0 && own.every((one) => one.classList.contains("filtered")));
    for (const folded of all("details.claims")) folded.open = active;
    form.querySelector("output").textContent = active
      ? "Shown: " + counted(".ledger [data-verdict]", "claims") + ", " + counted(".card", "figures") : "";
  };
  form.addEventListener("input", apply);
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
}

// On paper nothing can be unfolded; code stays folded, the notebook has it.
function unfoldForPrint() {
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open]):not(.code)")];
    opened.forEach((one) => (one.open = true));
  });
  window.addEventListener("afterprint", () => opened.forEach((one) => (one.open = false)));
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("table.sortable").forEach(makeSortable);
  document.querySelectorAll("form.finder").forEach(makeFinder);
  unfoldForPrint();
});
