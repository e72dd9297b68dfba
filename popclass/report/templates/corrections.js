// Corrected labels: which are shown, their counts, and the rows of the download.

const LABELS = CHOICES.concat([UNCERTAIN]);

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
    ...LABELS.flatMap((label) => {
      const number = items.filter((item) => item.label === label).length;
      if (label === UNSURE && !number) return [];
      const button = make("button", null, { type: "button", "data-filter": label, "aria-pressed": String(!hiddenLabels.has(label)) });
      button.append(markOf(label), " " + label + " " + number);
      button.addEventListener("click", () => {
        if (!hiddenLabels.delete(label)) hiddenLabels.add(label);
        redrawAll();
      });
      return [button];
    })
  );
  if (focused) document.querySelector("[data-filter=" + CSS.escape(focused) + "]").focus();
}

// The rows of one recording. An event ends no later than the next one starts, since labels must not overlap; an added
// event is a point. If all events were removed, the recording is a verified negative: one row without times.
function rowsOf(recording, onlyChecked) {
  const known = data.recordings[recording];
  const metadata = metadataOf(known);
  const present = eventsOf(recording).filter((item) => !item.removed);
  const used = present.filter((item) => item.label !== UNCERTAIN && (item.checked || !onlyChecked));
  if (!present.length && Object.keys(store.of(recording).removed).length) {
    return [[known.file, "", "", "", ...metadata]];
  }
  return used.map((item) => {
    const next = present.find((other) => other.start > item.start);
    const [start, last] = item.times;
    const end = item.event && last !== null ? Math.min(last, next ? next.start : Infinity) : null;
    return [known.file, start.toFixed(6), end === null ? "" : end.toFixed(6), item.label, ...metadata];
  });
}

function labelRows(onlyChecked) {
  return data.recordings.flatMap((known, place) => (known.file === null ? [] : rowsOf(place, onlyChecked)));
}

// The labels that a server has: those of events that were checked.
function serverRows() {
  return new Map(labelRows(true).map((row) => [keyOf(row), row]));
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
  saveFile(data.labels, csvOf(labelRows(onlyChecked)));
}
