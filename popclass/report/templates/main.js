// View state, keys and buttons.

const TOO_NEAR_S = 0.015; // minimum distance of an added event from another
const OPENING_S = 30; // longest part of a recording in view at first

const current = { recording: 0, selected: null };
const pictures = new Map();
let pending = false;

function picture() {
  if (!pictures.has(current.recording)) pictures.set(current.recording, new Picture(current.recording));
  return pictures.get(current.recording);
}

function selectedItem() {
  return eventsOf(current.recording).find((item) => item.id === current.selected) || null;
}

function redraw() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => {
    pending = false;
    picture().draw(current.selected);
  });
}

function redrawAll() {
  showMessage("");
  drawCounts();
  drawFilters();
  drawRows();
  drawDetail();
  drawChanges();
  drawTimelines();
  redraw();
}

// Show the counts as found and, after a correction, also the corrected counts.
function drawCounts() {
  const found = data.recordings[current.recording].summary;
  const differs = countsChanged([current.recording]);
  byId("summary").textContent = (differs ? "As found: " : "") + found;
  byId("corrected").hidden = !differs;
  byId("corrected").textContent = differs ? "As corrected: " + countsOf([current.recording]) : "";
  const total = byId("total");
  if (!total) return;
  const all = data.recordings.map((known, place) => place);
  total.dataset.found = total.dataset.found || total.textContent;
  total.textContent = countsChanged(all)
    ? "As found: " + total.dataset.found + ". As corrected: " + countsOf(all)
    : total.dataset.found;
}

function select(id) {
  showMessage("");
  current.selected = id;
  const item = selectedItem();
  if (item) {
    picture().cursor = item.start;
    picture().show(item.start);
  }
  drawRows();
  drawDetail();
  redraw();
}

function open(recording, id) {
  current.recording = recording;
  current.selected = null;
  byId("choose").value = String(recording);
  drawRecording();
  if (id !== undefined) select(id);
}

function drawRecording() {
  const known = data.recordings[current.recording];
  byId("recording-title").textContent = data.recordings.length > 1 ? known.name : "The recording";
  byId("description").textContent = known.description;
  byId("warnings").hidden = !known.warnings.length;
  byId("warnings").replaceChildren(...known.warnings.map((warning) => make("li", warning)));
  sorting.shown = ROWS_AT_ONCE;
  current.selected = null;
  const items = eventsOf(current.recording);
  const first = items.find(isJoint) || items.find(isShown) || items[0];
  if (first) current.selected = first.id;
  if (first && !picture().cursor) {
    const begin = Math.max(first.start - OPENING_S / 3, 0);
    picture().cursor = first.start;
    picture().setView(begin, begin + OPENING_S);
  }
  redrawAll();
  revealRow();
}

function drawChanges() {
  const now = editCounts();
  const parts = [count(now.events, "event", "events"), now.checked + " checked"];
  if (now.changed) parts.push(now.changed + " relabelled");
  if (now.added) parts.push(now.added + " added");
  if (now.removed) parts.push(now.removed + " removed");
  byId("changes").textContent = parts.join(", ") + ".";
  const nowhere = data.recordings.every((known) => known.file === null);
  const empty = !labelRows(byId("only-checked").checked).length;
  byId("download").disabled = empty;
  byId("advice").textContent = data.save
    ? "Each label is saved at once. Labels that you have not checked are predictions and are not saved."
    : nowhere
    ? "The recording came from standard input, so there is no file name for the labels."
    : empty
    ? "There is nothing to download yet: no " + (byId("only-checked").checked ? "checked event" : "event") + " has a label."
    : adviceOf(now);
  byId("undo").disabled = !store.history.length;
  byId("forget").disabled = !Object.keys(store.edits).length;
  byId("storage").hidden = storage.kept;
}

function adviceOf(now) {
  const only = byId("only-checked").checked;
  const left = only ? now.events - now.checked : now.uncertain;
  const reason = only ? "not checked" : "uncertain";
  const why = left ? " " + count(left, "event is " + reason + " and has", "events are " + reason + " and have") + " no row." : "";
  const train = " Train with popclass train " + data.labels + (left
    ? " --partial: without --partial, sounds without a label count as other." : ".") +
    " With the folder as argument, it reads the labels of all pages in it.";
  const own = !only && now.checked < now.events ? " Labels that were not checked are predictions of popclass; training on them adds no information." : "";
  return "Save " + data.labels + " in the folder of this page: the paths of the recordings are relative to it." + why + train + own;
}

function withItem(action) {
  const item = selectedItem();
  if (item) action(item);
}

const actions = {
  // An added event has no label at first; it is not added on top of an existing event.
  add() {
    const cursor = picture().cursor;
    const near = nearest(cursor, TOO_NEAR_S, eventsOf(current.recording));
    if (near) {
      const name = near.event ? "Event " + near.event.n : "An added event";
      return showMessage(name + " is " + Math.round(Math.abs(near.start - cursor) * 1000) + " ms from the cursor. " +
        (near.removed ? "Restore it (x)" : "Give it another label") + ", or move the cursor (, and . or a click) " +
        "more than " + TOO_NEAR_S * 1000 + " ms away from it to add one.");
    }
    select(addEvent(current.recording, cursor, UNCERTAIN));
    showMessage("Added at " + clock(cursor) + ". Choose a label (" + data.classes.map((label, place) => place + 1 + " " + label).join(", ") +
      "): without a label the event is not in the download.");
  },
  play: () => withItem((item) => item.event && item.event.clip && play(item.event)),
  remove: () =>
    withItem((item) => {
      if (!item.event) current.selected = null;
      toggleRemoved(current.recording, item);
    }),
  reset: () => withItem((item) => asFound(current.recording, item)),
  toEvent: () => withItem((item) => picture().setView(item.start - 0.06, item.start + 0.19)),
  fit: () => picture().setView(0, picture().known.duration),
  help: () => byId("keys").showModal(),
  download: () => data.save || downloadLabels(byId("only-checked").checked),
  otherRecording: (by) => {
    const next = current.recording + by;
    if (next >= 0 && next < data.recordings.length) open(next);
  },
};

// Keys: names, display, help text, action.
const KEYS = [
  [["ArrowDown", "j"], "↓ j", "next event", () => step(1)],
  [["ArrowUp", "k"], "↑ k", "previous event", () => step(-1)],
  [["g"], "g", "next joint event", () => stepJoint(1)],
  [["G"], "G", "previous joint event", () => stepJoint(-1)],
  [[" ", "p"], "space p", "play the event", actions.play],
  ...labelKeys("label as ", (label) => withItem((item) => relabel(current.recording, item, label))),
  [["0"], "0", "restore the label found by popclass", actions.reset],
  [["x", "Delete"], "x Del", "remove or restore the event", actions.remove],
  [["n"], "n", "add an event at the cursor", actions.add],
  [["z", "Backspace"], "z", "undo", () => store.undo()],
  [["ArrowRight"], "→", "scroll forward", () => picture().scroll(0.2)],
  [["ArrowLeft"], "←", "scroll back", () => picture().scroll(-0.2)],
  [[","], ",", "move the cursor back a little", () => moveCursor(-1)],
  [["."], ".", "move the cursor forward a little", () => moveCursor(1)],
  [["+", "="], "+", "zoom in at the cursor", () => zoomAtCursor(2)],
  [["-"], "-", "zoom out", () => zoomAtCursor(0.5)],
  [["e"], "e", "zoom to the event", actions.toEvent],
  [["f"], "f", "whole recording", actions.fit],
  [["["], "[", "previous recording", () => actions.otherRecording(-1)],
  [["]"], "]", "next recording", () => actions.otherRecording(1)],
  [["d"], "d", "download the labels", () => byId("download").disabled || actions.download()],
  [["?"], "?", "this help", actions.help],
];

function moveCursor(by) {
  const now = picture();
  const to = now.cursor + (by * (now.to - now.from)) / 100;
  now.cursor = Math.min(Math.max(to, 0), now.known.duration);
  now.show(now.cursor);
  showMessage("");
  redraw();
}

function zoomAtCursor(factor) {
  const now = picture();
  now.zoom(factor, now.cursor >= now.from && now.cursor <= now.to ? now.cursor : undefined);
}

function onKey(event) {
  if (runKey(event, KEYS) && ["ArrowDown", "ArrowUp", "j", "k", "g", "G"].includes(event.key)) focusRow();
}

// Pointer on a picture: a click selects the nearest event or sets the cursor, a drag scrolls, a double click adds.
function listen(canvas) {
  let from = null;
  const timeAt = (event) => {
    const box = canvas.getBoundingClientRect();
    return picture().from + ((event.clientX - box.left) / box.width) * (picture().to - picture().from);
  };
  canvas.addEventListener("pointerdown", (event) => {
    from = { x: event.clientX, left: picture().from, right: picture().to, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    const by = ((event.clientX - from.x) / canvas.clientWidth) * (from.right - from.left);
    if (!from.moved && Math.abs(event.clientX - from.x) < 4) return;
    from.moved = true;
    picture().setView(from.left - by, from.right - by);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (from && !from.moved) point(timeAt(event), canvas.clientWidth);
    from = null;
  });
  canvas.addEventListener("pointercancel", () => {
    from = null;
  });
  canvas.addEventListener("dblclick", (event) => {
    picture().cursor = timeAt(event);
    actions.add();
  });
  canvas.addEventListener(
    "wheel",
    (event) => {
      // A wheel alone scrolls the page; with Ctrl it zooms, with Shift or sideways it scrolls the picture.
      if (event.ctrlKey) picture().zoom(Math.exp(-event.deltaY / 300), timeAt(event));
      else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) picture().scroll((event.deltaX || event.deltaY) / 800);
      else return;
      event.preventDefault();
    },
    { passive: false }
  );
}

// The event nearest to a time, null if none is within the distance.
function nearest(time, within, items) {
  const away = (item) => Math.abs(item.start - time);
  return items.filter((item) => away(item) <= within).sort((a, b) => away(a) - away(b))[0] || null;
}

function point(time, width) {
  const near = nearest(time, (8 / width) * (picture().to - picture().from), shownEvents());
  if (near) return select(near.id);
  picture().cursor = Math.min(Math.max(time, 0), picture().known.duration);
  showMessage("");
  redraw();
}

function listenToStrip() {
  const strip = byId("strip");
  const go = (event) => {
    const box = strip.getBoundingClientRect();
    const centre = ((event.clientX - box.left) / box.width) * picture().known.duration;
    const half = (picture().to - picture().from) / 2;
    picture().setView(centre - half, centre + half);
  };
  strip.addEventListener("pointerdown", (event) => {
    strip.setPointerCapture(event.pointerId);
    go(event);
  });
  strip.addEventListener("pointermove", (event) => event.buttons && go(event));
}

function begin() {
  store.load();
  saver.begin();
  for (const id of ["download", "only", "forget"]) byId(id).hidden = Boolean(data.save);
  store.watchers.push(redrawAll);
  hideOther();
  drawHead();
  listKeys(KEYS);
  byId("choose").append(...data.recordings.map((known, place) => make("option", known.name, { value: String(place) })));
  byId("chooser").hidden = data.recordings.length < 2;
  byId("choose").addEventListener("change", () => open(Number(byId("choose").value)));
  const buttons = { add: actions.add, play: actions.play, remove: actions.remove, reset: actions.reset, fit: actions.fit,
    help: actions.help, download: actions.download, "to-event": actions.toEvent, "zoom-in": () => zoomAtCursor(2),
    "zoom-out": () => zoomAtCursor(0.5), "next-joint": () => stepJoint(1), undo: () => store.undo(), forget: () => store.forget() };
  for (const [id, action] of Object.entries(buttons)) byId(id).addEventListener("click", action);
  byId("more").addEventListener("click", () => {
    sorting.shown += ROWS_AT_ONCE;
    drawRows();
  });
  byId("show-all").addEventListener("click", () => {
    hiddenLabels.clear();
    redrawAll();
  });
  byId("only-checked").addEventListener("change", drawChanges);
  document.addEventListener("keydown", onKey);
  listen(byId("wave"));
  listen(byId("spectrum"));
  listenToStrip();
  window.addEventListener("resize", redrawAll);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
  const places = data.recordings.map((known, place) => place);
  const joint = places.find((place) => eventsOf(place).some(isJoint));
  open(joint !== undefined ? joint : Math.max(data.recordings.findIndex((known) => known.events.length), 0));
  document.documentElement.setAttribute("data-ready", "true");
}

begin();
