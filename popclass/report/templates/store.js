// Corrections, kept apart from the data, so that they can be undone, and in the browser's local storage, so that they
// survive a reload.

const STORAGE = "popclass:" + data.key;
const LONGEST_HISTORY = 200;
const SAME_S = 0.015; // longest distance of a saved label from its event

const store = {
  edits: {}, // for each recording: { changed: {n: label}, checked: {n: true}, removed: {n: true}, added: [...] }
  history: [],
  watchers: [],
  saved: new Map(), // labels that the server has or will have, by file and time
  times: new Map(), // start and end of its labels, by recording and event

  load() {
    if (data.save) data.recordings.forEach((known, place) => this.take(place, known.saved));
    else this.edits = storage.read(STORAGE) || {};
    this.saved = serverRows();
  },

  // Turn labels of a server into corrections; one that is no found event is an added one.
  take(recording, rows) {
    const found = data.recordings[recording].events;
    const edits = this.of(recording);
    for (const [start, end, label] of rows.filter((row) => row[2])) {
      const away = (event) => Math.abs(event.start - start);
      const near = found.filter((event) => away(event) <= SAME_S && !edits.checked[event.n]).sort((a, b) => away(a) - away(b))[0];
      if (near) {
        edits.checked[near.n] = true;
        if (label !== near.label) edits.changed[near.n] = label;
        this.times.set(recording + " " + near.n, [start, end]);
      } else edits.added.push({ id: "a" + (edits.added.length + 1), start: start, label: label });
    }
    if (rows.length) this.edits[recording] = edits;
  },

  of(recording) {
    return this.edits[recording] || { changed: {}, checked: {}, removed: {}, added: [] };
  },

  // Apply `action` to the edits of a recording.
  change(recording, action) {
    this.history.push(JSON.stringify(this.edits));
    if (this.history.length > LONGEST_HISTORY) this.history.shift();
    if (!this.edits[recording]) this.edits[recording] = this.of(recording);
    action(this.edits[recording]);
    this.save();
  },

  undo() {
    if (!this.history.length) return;
    this.edits = JSON.parse(this.history.pop());
    this.save();
  },

  forget() {
    this.history.push(JSON.stringify(this.edits));
    this.edits = {};
    this.save();
  },

  save() {
    if (data.save) {
      const rows = serverRows();
      saver.post(changedRows(this.saved, rows));
      this.saved = rows;
    } else storage.write(STORAGE, this.edits);
    for (const watcher of this.watchers) watcher();
  },
};

// The events of a recording in order of time: found ones with their corrections, and added ones.
function eventsOf(recording) {
  const edits = store.of(recording);
  const found = data.recordings[recording].events.map((event) => {
    const changed = edits.changed[event.n];
    return {
      id: String(event.n),
      event: event,
      start: event.start,
      end: event.end,
      label: changed || event.label,
      changed: Boolean(changed) && changed !== event.label,
      checked: Boolean(edits.checked[event.n]),
      removed: Boolean(edits.removed[event.n]),
      times: store.times.get(recording + " " + event.n) || [event.start, event.end],
    };
  });
  const added = edits.added.map((each) => ({
    id: each.id,
    event: null,
    start: each.start,
    end: each.start,
    times: [each.start, null],
    label: each.label,
    changed: true,
    checked: each.label !== UNCERTAIN,
    removed: false,
  }));
  return found.concat(added).sort((a, b) => a.start - b.start);
}

// A joint event has any class but `other`; an `uncertain` or `unsure` event has none.
function isJoint(item) {
  return !item.removed && ![UNCERTAIN, UNSURE, OTHER].includes(item.label);
}

function relabel(recording, item, label) {
  store.change(recording, (edits) => {
    if (item.event) {
      if (label === item.event.label) delete edits.changed[item.id];
      else edits.changed[item.id] = label;
      edits.checked[item.id] = true;
      delete edits.removed[item.id];
    } else edits.added.find((each) => each.id === item.id).label = label;
  });
}

function asFound(recording, item) {
  if (!item.event) return;
  store.change(recording, (edits) => {
    for (const kind of ["changed", "checked", "removed"]) delete edits[kind][item.id];
  });
}

// A found event can be restored; an added one is deleted. A server keeps labels only: there, a found event gets one.
function toggleRemoved(recording, item) {
  if (data.save && item.event) return relabel(recording, item, OTHER);
  store.change(recording, (edits) => {
    if (!item.event) edits.added = edits.added.filter((each) => each.id !== item.id);
    else if (edits.removed[item.id]) delete edits.removed[item.id];
    else edits.removed[item.id] = true;
  });
}

function addEvent(recording, start, label) {
  const taken = store.of(recording).added.map((each) => Number(each.id.slice(1)));
  const id = "a" + (Math.max(0, ...taken) + 1);
  store.change(recording, (edits) => edits.added.push({ id: id, start: Math.round(start * 1e6) / 1e6, label: label }));
  return id;
}
