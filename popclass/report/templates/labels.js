// Labels: colours, shapes, counts, and the CSV file for `popclass train`.

const SHAPES = ["●", "▲", "■", "◆", "▼", "★"];
const LABELS = data.classes.concat([UNCERTAIN]);
const COLUMNS = ["file", "start_s", "end_s", "label", "subject", "site", "recorded_at"];

function colourOf(label) {
  const place = data.classes.indexOf(label);
  const name = place < 0 ? "--uncertain" : "--label-" + (place % SHAPES.length);
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function shapeOf(label) {
  const place = data.classes.indexOf(label);
  return place < 0 ? "○" : SHAPES[place % SHAPES.length];
}

function markOf(label) {
  const mark = make("i", shapeOf(label), { class: "mark", "aria-hidden": "true" });
  mark.style.color = colourOf(label);
  return mark;
}

// Labels that the table and the picture show. Where there is any other event, those labelled `other` begin hidden.
const hiddenLabels = new Set();

function hideOther() {
  const labels = new Set(data.recordings.flatMap((known, place) => eventsOf(place).map((item) => item.label)));
  if (labels.has(OTHER) && labels.size > 1) hiddenLabels.add(OTHER);
}

// The selected and the corrected events are always shown.
function isShown(item) {
  return !hiddenLabels.has(item.label) || item.changed || item.removed || item.id === current.selected;
}

function shownEvents() {
  return eventsOf(current.recording).filter(isShown);
}

function drawFilters() {
  const items = eventsOf(current.recording).filter((item) => !item.removed);
  const focused = document.activeElement && document.activeElement.dataset.filter;
  byId("filters").replaceChildren(
    make("span", "Show", { class: "small" }),
    ...LABELS.map((label) => {
      const number = items.filter((item) => item.label === label).length;
      const button = make("button", null, { type: "button", "data-filter": label, "aria-pressed": String(!hiddenLabels.has(label)) });
      button.append(markOf(label), " " + label + " " + number);
      button.addEventListener("click", () => {
        if (!hiddenLabels.delete(label)) hiddenLabels.add(label);
        redrawAll();
      });
      return button;
    })
  );
  if (focused) document.querySelector("[data-filter=" + CSS.escape(focused) + "]").focus();
}

// A CSV field, quoted if necessary.
function field(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) || text !== text.trim() ? '"' + text.replaceAll('"', '""') + '"' : text;
}

// The rows of one recording. An event ends no later than the next one starts, since labels must not overlap; an added
// event is a point. If all events were removed, the recording is a verified negative: one row without times.
function rowsOf(recording, onlyChecked) {
  const known = data.recordings[recording];
  const metadata = [known.subject, known.site, known.recordedAt];
  const present = eventsOf(recording).filter((item) => !item.removed);
  const used = present.filter((item) => item.label !== UNCERTAIN && (item.checked || !onlyChecked));
  if (!present.length && Object.keys(store.of(recording).removed).length) {
    return [[known.file, "", "", "", ...metadata]];
  }
  return used.map((item) => {
    const next = present.find((other) => other.start > item.start);
    const end = item.event ? Math.min(item.end, next ? next.start : Infinity) : null;
    return [known.file, item.start.toFixed(6), end === null ? "" : end.toFixed(6), item.label, ...metadata];
  });
}

function labelRows(onlyChecked) {
  return data.recordings.flatMap((known, place) => (known.file === null ? [] : rowsOf(place, onlyChecked)));
}

function labelsCsv(onlyChecked) {
  const rows = labelRows(onlyChecked);
  return [COLUMNS, ...rows].map((row) => row.map(field).join(",") + "\n").join("");
}

// Counts of events by label after corrections, worded as in the table of the command.
function countsOf(places) {
  const items = places.flatMap((place) => eventsOf(place).filter((item) => !item.removed));
  const labels = LABELS.map((label) => [items.filter((item) => item.label === label).length, label]);
  const named = labels.filter(([number]) => number).map(([number, label]) => number + " " + label);
  return items.length ? count(items.length, "event", "events") + ": " + named.join(", ") : "no events";
}

// True if a correction changes the counts.
function countsChanged(places) {
  return places.some((place) => eventsOf(place).some((item) => item.changed || item.removed));
}

// Counts of events and corrections over all recordings.
function editCounts() {
  const count = { events: 0, uncertain: 0, checked: 0, changed: 0, removed: 0, added: 0 };
  data.recordings.forEach((known, place) => {
    for (const item of eventsOf(place)) {
      if (item.removed) {
        count.removed += 1;
        continue;
      }
      count.events += 1;
      count.uncertain += item.label === UNCERTAIN;
      count.checked += item.checked;
      count.added += !item.event;
      count.changed += item.changed && Boolean(item.event);
    }
  });
  return count;
}

function downloadLabels(onlyChecked) {
  const address = URL.createObjectURL(new Blob([labelsCsv(onlyChecked)], { type: "text/csv" }));
  const link = make("a", null, { href: address, download: data.labels });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
