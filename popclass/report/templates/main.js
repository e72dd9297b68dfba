// What is in view, and what keys and buttons do.

const TOO_NEAR_S = 0.015; // an event is not added this close to another

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
  tell("");
  drawCounts();
  drawRows();
  drawDetail();
  drawStanding();
  drawTimelines();
  redraw();
}

// The counts at the head are what popclass found; once something was corrected they say so, and those of now stand by.
function drawCounts() {
  const found = data.recordings[current.recording].summary;
  const differs = recounted([current.recording]);
  byId("summary").textContent = (differs ? "As found: " : "") + found;
  byId("corrected").hidden = !differs;
  byId("corrected").textContent = differs ? "As corrected: " + countsOf([current.recording]) : "";
  const total = byId("verdict");
  if (!total) return;
  const all = data.recordings.map((known, place) => place);
  total.dataset.found = total.dataset.found || total.textContent;
  total.textContent = recounted(all)
    ? "As found: " + total.dataset.found + ". As corrected: " + countsOf(all)
    : total.dataset.found;
}

function select(id) {
  tell("");
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
  const first = eventsOf(current.recording)[0];
  current.selected = first ? first.id : null;
  if (first && !picture().cursor) picture().cursor = first.start;
  redrawAll();
}

function drawStanding() {
  const now = standing();
  const said = [count(now.events, "event", "events"), now.checked + " checked"];
  if (now.changed) said.push(now.changed + " relabelled");
  if (now.added) said.push(now.added + " added");
  if (now.removed) said.push(now.removed + " removed");
  byId("changes").textContent = said.join(", ") + ".";
  const nowhere = data.recordings.every((known) => known.file === null);
  const empty = !labelRows(byId("only-checked").checked).length;
  byId("download").disabled = empty;
  byId("advice").textContent = nowhere
    ? "The recording came from standard input: there is no file that labels could name."
    : empty
    ? "There is nothing to download yet: no event has a label" + (byId("only-checked").checked ? " that you checked." : ".")
    : adviceOf(now);
  byId("undo").disabled = !store.history.length;
  byId("forget").disabled = !Object.keys(store.edits).length;
  byId("storage").hidden = store.kept;
}

function adviceOf(now) {
  const only = byId("only-checked").checked;
  const left = only ? now.events - now.checked : now.uncertain;
  const reason = only ? "not checked" : "uncertain";
  const why = left ? " " + count(left, "event is " + reason + " and has", "events are " + reason + " and have") + " no row." : "";
  const train = " Train with popclass train " + data.labels + (left
    ? " --partial: without --partial, a sound that has no label counts as other." : ".") +
    " Given the folder, it reads the labels of all pages that lie there.";
  const own = !only && now.checked < now.events ? " What was not checked is popclass's own guess, and a model trained on its own guesses learns nothing from them." : "";
  return "Save " + data.labels + " in the folder of this page: the recordings are named from there." + why + train + own;
}

// Say something where the picture and its buttons are.
function tell(text) {
  byId("told").textContent = text;
  byId("told").hidden = !text;
}

function withItem(action) {
  const item = selectedItem();
  if (item) action(item);
}

const actions = {
  // What is added has no label until it is given one, and never lands on an event that is there already.
  add() {
    const cursor = picture().cursor;
    const near = nearest(cursor, TOO_NEAR_S);
    if (near) {
      const name = near.event ? "Event " + near.event.n : "An added event";
      return tell(name + " is " + Math.round(Math.abs(near.start - cursor) * 1000) + " ms from the cursor. " +
        (near.removed ? "Bring it back (x)" : "Give it another label") + ", or move the cursor (, and . or a click) " +
        "more than " + TOO_NEAR_S * 1000 + " ms away from it to add one.");
    }
    select(addEvent(current.recording, cursor, UNCERTAIN));
    tell("Added at " + clock(cursor) + ". Say what it is (" + data.classes.map((label, place) => place + 1 + " " + label).join(", ") +
      "): without a label it has no row among the downloaded ones.");
  },
  play: () => withItem((item) => item.event && item.event.clip && play(item.event)),
  remove: () =>
    withItem((item) => {
      if (!item.event) current.selected = null;
      toggleRemoved(current.recording, item);
    }),
  reset: () => withItem((item) => asFound(current.recording, item)),
  toEvent: () => withItem((item) => picture().look(item.start - 0.06, item.start + 0.19)),
  fit: () => picture().look(0, picture().known.duration),
  help: () => byId("keys").showModal(),
  download: () => downloadLabels(byId("only-checked").checked),
  otherRecording: (by) => {
    const next = current.recording + by;
    if (next >= 0 && next < data.recordings.length) open(next);
  },
};

// Each key: what it does, and how the help names it.
const KEYS = [
  [["ArrowDown", "j"], "↓ j", "next event", () => step(1)],
  [["ArrowUp", "k"], "↑ k", "event before", () => step(-1)],
  [[" ", "p"], "space p", "play the event", actions.play],
  ...data.classes.map((label, place) => [
    [String(place + 1)],
    String(place + 1),
    "label it " + label,
    () => withItem((item) => relabel(current.recording, item, label)),
  ]),
  [["0"], "0", "label as popclass found it", actions.reset],
  [["x", "Delete"], "x Del", "remove it, or bring it back", actions.remove],
  [["n"], "n", "add an event at the cursor", actions.add],
  [["u"], "u", "undo", () => store.undo()],
  [["ArrowRight"], "→", "scroll on", () => picture().scroll(0.2)],
  [["ArrowLeft"], "←", "scroll back", () => picture().scroll(-0.2)],
  [[","], ",", "move the cursor back a little", () => moveCursor(-1)],
  [["."], ".", "move the cursor on a little", () => moveCursor(1)],
  [["+", "="], "+", "zoom in at the cursor", () => zoomAtCursor(2)],
  [["-"], "-", "zoom out", () => zoomAtCursor(0.5)],
  [["z"], "z", "zoom to the event", actions.toEvent],
  [["f"], "f", "whole recording", actions.fit],
  [["["], "[", "recording before", () => actions.otherRecording(-1)],
  [["]"], "]", "next recording", () => actions.otherRecording(1)],
  [["d"], "d", "download the labels", () => byId("download").disabled || actions.download()],
  [["?"], "?", "this help", actions.help],
];

function moveCursor(by) {
  const now = picture();
  const to = now.cursor + (by * (now.to - now.from)) / 100;
  now.cursor = Math.min(Math.max(to, 0), now.known.duration);
  now.show(now.cursor);
  tell("");
  redraw();
}

function zoomAtCursor(factor) {
  const now = picture();
  now.zoom(factor, now.cursor >= now.from && now.cursor <= now.to ? now.cursor : undefined);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
  const place = event.target instanceof Element ? event.target : document.body;
  if (place.closest("select, input[type=text], textarea")) return;
  // Space and arrows keep what they do on buttons, boxes and links; the table's headings among them.
  if (event.key === " " && place.closest("button, input, a, summary")) return;
  const known = KEYS.find(([keys]) => keys.includes(event.key));
  if (!known) return;
  event.preventDefault();
  known[3]();
  if (["ArrowDown", "ArrowUp", "j", "k"].includes(event.key)) focusRow();
}

// Pointing at a picture: a click chooses the nearest event or sets the cursor, a drag scrolls, two clicks add.
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
    picture().look(from.left - by, from.right - by);
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
      // A wheel alone scrolls the page, as everywhere; with Ctrl it zooms, sideways it scrolls the picture.
      if (event.ctrlKey) picture().zoom(Math.exp(-event.deltaY / 300), timeAt(event));
      else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) picture().scroll((event.deltaX || event.deltaY) / 800);
      else return;
      event.preventDefault();
    },
    { passive: false }
  );
}

// The event nearest to a time, null where none is that near.
function nearest(time, within) {
  const away = (item) => Math.abs(item.start - time);
  const items = eventsOf(current.recording).filter((item) => away(item) <= within);
  return items.sort((a, b) => away(a) - away(b))[0] || null;
}

function point(time, width) {
  const near = nearest(time, (8 / width) * (picture().to - picture().from));
  if (near) return select(near.id);
  picture().cursor = Math.min(Math.max(time, 0), picture().known.duration);
  tell("");
  redraw();
}

function listenToStrip() {
  const strip = byId("strip");
  const go = (event) => {
    const box = strip.getBoundingClientRect();
    const centre = ((event.clientX - box.left) / box.width) * picture().known.duration;
    const half = (picture().to - picture().from) / 2;
    picture().look(centre - half, centre + half);
  };
  strip.addEventListener("pointerdown", (event) => {
    strip.setPointerCapture(event.pointerId);
    go(event);
  });
  strip.addEventListener("pointermove", (event) => event.buttons && go(event));
}

function fillLegend() {
  byId("legend").replaceChildren(
    ...LABELS.map((label) => {
      const part = make("span");
      part.append(markOf(label), " " + label);
      return part;
    })
  );
}

function begin() {
  store.load();
  store.watchers.push(redrawAll);
  fillLegend();
  drawHead();
  byId("key-list").append(...KEYS.flatMap(([, shown, said]) => [make("dt", null), make("dd", said)].map((part, place) => {
    if (!place) part.append(...shown.split(" ").flatMap((key) => [make("kbd", key), " "]));
    return part;
  })));
  byId("choose").append(...data.recordings.map((known, place) => make("option", known.name, { value: String(place) })));
  byId("chooser").hidden = data.recordings.length < 2;
  byId("choose").addEventListener("change", () => open(Number(byId("choose").value)));
  const buttons = { add: actions.add, play: actions.play, remove: actions.remove, reset: actions.reset, fit: actions.fit,
    help: actions.help, download: actions.download, "to-event": actions.toEvent, "zoom-in": () => zoomAtCursor(2),
    "zoom-out": () => zoomAtCursor(0.5), undo: () => store.undo(), forget: () => store.forget() };
  for (const [id, action] of Object.entries(buttons)) byId(id).addEventListener("click", action);
  byId("more").addEventListener("click", () => {
    sorting.shown += ROWS_AT_ONCE;
    drawRows();
  });
  byId("only-checked").addEventListener("change", drawStanding);
  document.addEventListener("keydown", onKey);
  listen(byId("wave"));
  listen(byId("spectrum"));
  listenToStrip();
  window.addEventListener("resize", redrawAll);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    fillLegend();
    redrawAll();
  });
  const first = data.recordings.findIndex((known) => known.events.length);
  open(Math.max(first, 0));
  document.documentElement.setAttribute("data-ready", "true");
}

begin();
