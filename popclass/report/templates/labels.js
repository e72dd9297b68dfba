// Labels: their colours, shapes and names, and the CSV that `popclass train` reads.

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

// A field of a CSV, quoted where it has to be.
function field(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) || text !== text.trim() ? '"' + text.replaceAll('"', '""') + '"' : text;
}

// The rows of one recording. An event ends at the latest where the next begins, since labels must not overlap; one that
// was added is a point. A recording from which everything was removed is a verified negative: a row without times.
function rowsOf(recording, onlyChecked) {
  const known = data.recordings[recording];
  const rest = [known.subject, known.site, known.recordedAt];
  const present = eventsOf(recording).filter((item) => !item.removed);
  const used = present.filter((item) => item.label !== UNCERTAIN && (item.checked || !onlyChecked));
  if (!present.length && Object.keys(store.of(recording).removed).length) {
    return [[known.file, "", "", "", ...rest]];
  }
  return used.map((item) => {
    const next = present.find((other) => other.start > item.start);
    const end = item.event ? Math.min(item.end, next ? next.start : Infinity) : null;
    return [known.file, item.start.toFixed(6), end === null ? "" : end.toFixed(6), item.label, ...rest];
  });
}

function labelRows(onlyChecked) {
  return data.recordings.flatMap((known, place) => (known.file === null ? [] : rowsOf(place, onlyChecked)));
}

function labelsCsv(onlyChecked) {
  const rows = labelRows(onlyChecked);
  return [COLUMNS, ...rows].map((row) => row.map(field).join(",") + "\n").join("");
}

// How many events have each label as they stand now, in the words of the table of the command.
function countsOf(places) {
  const items = places.flatMap((place) => eventsOf(place).filter((item) => !item.removed));
  const labels = LABELS.map((label) => [items.filter((item) => item.label === label).length, label]);
  const named = labels.filter(([number]) => number).map(([number, label]) => number + " " + label);
  return items.length ? count(items.length, "event", "events") + ": " + named.join(", ") : "no events";
}

// Whether a correction changed what is counted.
function recounted(places) {
  return places.some((place) => eventsOf(place).some((item) => item.changed || item.removed));
}

// How things stand, over all recordings.
function standing() {
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
