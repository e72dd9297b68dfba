// Corrections, kept apart from the data, so that they can be undone, and in the browser's local storage, so that they
// survive a reload.

const STORAGE = "popclass:" + data.key;
const LONGEST_HISTORY = 200;

const store = {
  edits: {}, // for each recording: { changed: {n: label}, checked: {n: true}, removed: {n: true}, added: [...] }
  history: [],
  watchers: [],

  load() {
    this.edits = storage.read(STORAGE) || {};
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
    storage.write(STORAGE, this.edits);
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
    };
  });
  const added = edits.added.map((each) => ({
    id: each.id,
    event: null,
    start: each.start,
    end: each.start,
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

// A found event can be restored; an added one is deleted.
function toggleRemoved(recording, item) {
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
