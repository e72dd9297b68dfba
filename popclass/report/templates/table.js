// Table of events: sortable by column, a few hundred rows at a time.

const ROWS_AT_ONCE = 300;
const HEADINGS = [
  { name: "#", key: (item) => (item.event ? item.event.n : Infinity), number: true },
  { name: "Time", key: (item) => item.start, number: true },
  { name: "Label", key: (item) => item.label },
  { name: "Prob.", key: (item) => (item.event && !item.event.unlike ? item.event.p : null), number: true },
  { name: "Note", key: (item) => noteOf(item) || null, minor: true },
  { name: "Novelty", key: (item) => (item.event ? item.event.novelty : null), number: true, minor: true },
  { name: "SNR", key: (item) => (item.event ? item.event.snr : null), number: true, minor: true },
  { name: "Checked", key: (item) => (item.checked ? 0 : 1) },
];

const sorting = { column: 1, down: false, shown: ROWS_AT_ONCE };

function sorted(items) {
  const key = HEADINGS[sorting.column].key;
  const sign = sorting.down ? -1 : 1;
  return items.slice().sort((first, second) => {
    const [a, b] = [key(first), key(second)];
    if (a === b) return first.start - second.start;
    if (a === null || b === null) return a === null ? 1 : -1; // unknown values come last in both orders
    return (a < b ? -1 : 1) * sign;
  });
}

// The timing, or the reason why an uncertain event has no probability.
function noteOf(item) {
  if (!item.event) return "";
  if (item.event.unlike && !item.changed) return data.unlike;
  return item.event.timing === "unchecked" ? "" : item.event.timing;
}

function drawHead() {
  const head = byId("head");
  head.replaceChildren();
  HEADINGS.forEach((heading, column) => {
    const cell = make("th", null, { scope: "col", class: classes(heading) });
    if (column === sorting.column) cell.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
    const button = make("button", heading.name, { type: "button" });
    button.addEventListener("click", () => {
      sorting.down = column === sorting.column && !sorting.down;
      sorting.column = column;
      drawHead();
      drawRows();
      byId("head").children[column].firstChild.focus();
    });
    cell.append(button);
    head.append(cell);
  });
}

function classes(heading) {
  return (heading.number ? "number " : "") + (heading.minor ? "minor" : "");
}

function drawRows() {
  const items = sorted(shownEvents());
  const hidden = eventsOf(current.recording).length - items.length;
  const chosen = items.findIndex((item) => item.id === current.selected);
  if (chosen >= sorting.shown) sorting.shown = chosen + ROWS_AT_ONCE;
  const focused = document.activeElement && document.activeElement.closest("#rows");
  byId("rows").replaceChildren(...items.slice(0, sorting.shown).map(rowOf));
  byId("more").hidden = items.length <= sorting.shown;
  byId("nothing").hidden = items.length + hidden > 0;
  byId("hidden").hidden = !hidden;
  byId("hidden-count").textContent = count(hidden, "event is", "events are") + " not shown: " + [...hiddenLabels].join(", ") + ".";
  byId("table").hidden = !items.length;
  if (focused) focusRow();
}

function rowOf(item) {
  const selected = item.id === current.selected;
  const row = make("tr", null, {
    "data-id": item.id,
    "aria-selected": String(selected),
    tabindex: selected ? "0" : "-1",
    class: item.removed ? "removed" : "",
  });
  const event = item.event;
  const texts = [
    event ? String(event.n) : "+",
    clock(item.start),
    item.label,
    event && event.p !== null && !event.unlike && !item.changed ? event.p.toFixed(2) : "",
    noteOf(item),
    event && event.novelty !== null ? truncated(event.novelty) : "",
    event && event.snr !== null ? event.snr.toFixed(0) + " dB" : "",
    item.checked ? "✓" : "",
  ];
  HEADINGS.forEach((heading, column) => {
    const cell = make("td", column === 2 ? null : texts[column], { class: classes(heading), "data-name": heading.minor ? heading.name : "" });
    if (column === 2) {
      cell.append(markOf(item.label), " " + item.label);
      if (item.changed) cell.classList.add("changed");
    }
    row.append(cell);
  });
  row.addEventListener("click", () => select(item.id));
  return row;
}

// Truncate, as in the table of the command: 0.9899 must not be shown as 0.99.
function truncated(share) {
  return (Math.floor(share * 100 + 1e-9) / 100).toFixed(2);
}

function focusRow() {
  const row = document.querySelector('#rows tr[aria-selected="true"]');
  if (row) row.focus({ preventScroll: true });
}

// Select the next row up or down.
function step(by) {
  const items = sorted(shownEvents());
  if (!items.length) return;
  const at = items.findIndex((item) => item.id === current.selected);
  const next = at < 0 ? (by > 0 ? 0 : items.length - 1) : Math.min(Math.max(at + by, 0), items.length - 1);
  select(items[next].id);
  const row = document.querySelector('#rows tr[aria-selected="true"]');
  if (row) row.scrollIntoView({ block: "nearest" });
}

// Scroll the table, but not the page, to the selected row.
function revealRow() {
  const row = document.querySelector('#rows tr[aria-selected="true"]');
  const scroller = document.querySelector(".scroller");
  if (!row) return;
  const [box, frame] = [row.getBoundingClientRect(), scroller.getBoundingClientRect()];
  if (box.top < frame.top + row.offsetHeight || box.bottom > frame.bottom) scroller.scrollTop += box.top - frame.top - frame.height / 2;
}

// Select the next joint event, or the previous one (`by` -1), also in the other recordings.
function stepJoint(by) {
  const items = eventsOf(current.recording);
  const at = items.findIndex((item) => item.id === current.selected);
  for (let place = current.recording; place >= 0 && place < data.recordings.length; place += by) {
    const here = place === current.recording;
    const joint = eventsOf(place).filter((item, index) => isJoint(item) && (!here || (index - at) * by > 0));
    const next = by > 0 ? joint[0] : joint[joint.length - 1];
    if (!next) continue;
    if (here) select(next.id);
    else open(place, next.id);
    return revealRow();
  }
  showMessage("There is no " + (by > 0 ? "further" : "earlier") + " joint event.");
}
