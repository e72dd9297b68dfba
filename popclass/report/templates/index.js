"use strict";

// Makes the columns of a table sortable: a button in each heading, usable by keyboard, and `aria-sort`.
// Cells have the value to sort by in `data-sort`; those without a value come last in both orders.

const collator = new Intl.Collator("en", { numeric: true });

function valueOf(row, column, number) {
  const text = row.cells[column].dataset.sort;
  if (text === undefined) return null;
  return number ? Number(text) : text;
}

function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  return sign * (typeof a === "number" ? a - b : collator.compare(a, b));
}

function sortBy(table, column, down) {
  const number = table.tHead.rows[0].cells[column].classList.contains("number");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [row, valueOf(row, column, number)]);
  rows.sort((first, second) => compare(first[1], second[1], down ? -1 : 1));
  body.append(...rows.map(([row]) => row));
  [...table.tHead.rows[0].cells].forEach((cell, place) => {
    if (place === column) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
  });
}

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((cell, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = cell.textContent.trim();
    button.addEventListener("click", () => sortBy(table, column, cell.getAttribute("aria-sort") === "ascending"));
    cell.replaceChildren(button);
  });
  heads[0].setAttribute("aria-sort", "ascending"); // as written
}
