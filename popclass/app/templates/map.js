// The map of all sounds: similar ones lie close together; groups are selected by drawing around them, and labelled at once.

const NEAR_PX = 14;
const MARK_PX = 15; // size of the text that draws a mark
const CLOSEST = 400; // largest zoom
const LEGEND_MOST = 35; // groups that have a mark of their own; further ones share one

const map = { data: null, signature: "", groups: [], group: [], hidden: new Set(), selected: new Set(), history: [],
  scale: 1, x: 0.5, y: 0.5, drawing: null, moved: false, pointers: new Map(), pending: false, wanted: "", point: -1, saved: 0 };
const current = { selected: null };

async function openMap() {
  if (!state) return;
  const empty = !hasSounds();
  for (const each of document.querySelectorAll("#tab-map [data-sounds]")) each.hidden = empty;
  if (empty) return sayNoSounds(byId("map-text"));
  const signature = JSON.stringify([state.sounds, state.labels]);
  // Labels that were given here are on the map already; others make it read again.
  const own = saver.saved !== map.saved;
  map.saved = saver.saved;
  if (map.data && own) map.signature = signature;
  if (map.data && (signature === map.signature || saver.rows.size)) return redrawMap();
  if (map.loading) return;
  map.loading = true;
  if (!map.data) byId("map-text").textContent = "Comparing all sounds …";
  try {
    const answer = await request("api/map?" + query({ observer: observer }));
    takeMap(answer);
    map.signature = signature;
  } catch (error) {
    byId("map-text").textContent = error.message;
    map.loading = false;
    return;
  }
  map.loading = false;
  openMap(); // the sounds may have changed while these were read
}

// Coordinates become shares of the larger side, so that distances keep their meaning.
function takeMap(found) {
  const kept = map.data ? [...map.selected].map((at) => soundKey(map.data, at)) : [];
  const [left, right] = extent(found.x);
  const [low, high] = extent(found.y);
  const size = Math.max(right - left, high - low) || 1;
  found.px = Float32Array.from(found.x, (value) => 0.5 + (value - (left + right) / 2) / size);
  found.py = Float32Array.from(found.y, (value) => 0.5 - (value - (low + high) / 2) / size);
  found.ids = found.event;
  map.data = found;
  const places = placesOf(found);
  map.selected = new Set(kept.map((key) => places.get(key)).filter((at) => at !== undefined));
  map.point = -1;
  byId("map-point").textContent = "";
  byId("map-open").hidden = byId("closeup").hidden = true;
  groupMap();
  redrawMap();
}

// Sounds are found again by their recording and number after the map was read anew.
function soundKey(found, at) {
  return found.recordings[found.recording[at]] + "\n" + found.event[at];
}

function placesOf(found) {
  return new Map(found.event.map((event, at) => [soundKey(found, at), at]));
}

function extent(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return values.length ? [low, high] : [0, 1];
}

// The groups of the chosen colours, the largest first, and the group of each sound.
function groupMap() {
  const found = map.data;
  const by = byId("map-colour").value;
  const nameOf = {
    label: (at) => found.labels[found.label[at]],
    mine: (at) => (found.mine[at] < 0 ? "no label" : found.labels[found.mine[at]]),
    subject: (at) => found.subjects[found.recording[at]] || "unknown",
    recording: (at) => found.recordings[found.recording[at]],
  }[by];
  const numbers = new Map();
  for (let at = 0; at < found.px.length; at += 1) numbers.set(nameOf(at), (numbers.get(nameOf(at)) || 0) + 1);
  const ordered = [...numbers].sort((a, b) => b[1] - a[1]);
  const own = by === "label" || by === "mine" ? ordered : ordered.slice(0, LEGEND_MOST);
  const places = new Map(own.map(([name], place) => [name, place]));
  map.groups = own.map(([name, number], place) => ({ name: name, number: number, ...lookOf(by, name, place) }));
  const others = ordered.slice(own.length).reduce((sum, [, number]) => sum + number, 0);
  if (others) map.groups.push({ name: ordered.length - own.length + " others", number: others, shape: "○", colour: "--uncertain" });
  map.group = Array.from(found.px, (value, at) => (places.has(nameOf(at)) ? places.get(nameOf(at)) : own.length));
  for (const group of map.groups) group.key = by + " " + group.name;
}

function lookOf(by, name, place) {
  if (by === "mine" && name === "no label") return { shape: "·", colour: "--soft" };
  const at = by === "subject" || by === "recording" ? place : data.classes.indexOf(name);
  if (at < 0) return { shape: "○", colour: "--uncertain" };
  return { shape: SHAPES[(by === "subject" || by === "recording" ? Math.floor(at / 6) + at : at) % SHAPES.length], colour: "--label-" + (at % 6) };
}

function isVisible(at) {
  return !map.hidden.has(map.groups[map.group[at]].key);
}

// --- drawing

function redrawMap() {
  drawMapTexts();
  if (map.pending || !map.data) return;
  map.pending = true;
  requestAnimationFrame(() => {
    map.pending = false;
    drawMap();
  });
}

// The pixels of a small picture, as one number each.
function pixelsOf(size, draw) {
  const sprite = document.createElement("canvas");
  sprite.width = sprite.height = size;
  const context = sprite.getContext("2d", { willReadFrequently: true });
  draw(context);
  return new Uint32Array(context.getImageData(0, 0, size, size).data.buffer);
}

// A mark drawn once, as its opaque pixels around the middle: 20,000 marks are copied in a few milliseconds.
function stampOf(group, ratio) {
  const size = Math.ceil(MARK_PX * ratio);
  const pixels = pixelsOf(size, (context) => {
    context.scale(ratio, ratio);
    context.fillStyle = colour(group.colour);
    context.font = MARK_PX - 3 + "px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(group.shape, MARK_PX / 2, MARK_PX / 2);
  });
  const stamp = { x: [], y: [], pixel: [] };
  pixels.forEach((pixel, at) => {
    if (pixel >>> 24 < 128) return;
    stamp.x.push((at % size) - (size >> 1));
    stamp.y.push(Math.floor(at / size) - (size >> 1));
    stamp.pixel.push((pixel | 0xff000000) >>> 0);
  });
  return stamp;
}

function drawMarks(context, view, ratio) {
  const { width, height } = context.canvas;
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  pixels.fill(pixelsOf(1, (each) => {
    each.fillStyle = colour("--wash");
    each.fillRect(0, 0, 1, 1);
  })[0]);
  const stamps = map.groups.map((group) => (map.hidden.has(group.key) ? null : stampOf(group, ratio)));
  for (let at = 0; at < map.group.length; at += 1) {
    const stamp = stamps[map.group[at]];
    if (!stamp) continue;
    const x = Math.round(screenX(at, view) * ratio);
    const y = Math.round(screenY(at, view) * ratio);
    if (x < 0 || y < 0 || x >= width || y >= height) continue;
    for (let dot = 0; dot < stamp.x.length; dot += 1) {
      const column = x + stamp.x[dot];
      const row = y + stamp.y[dot];
      if (column >= 0 && row >= 0 && column < width && row < height) pixels[row * width + column] = stamp.pixel[dot];
    }
  }
  context.putImageData(image, 0, 0);
}

function viewOf(canvas) {
  const width = canvas.clientWidth;
  const height = Number(canvas.dataset.height || canvas.height);
  const side = Math.min(width, height) - 2 * MARK_PX;
  return { width: width, height: height, side: side * map.scale };
}

function screenX(at, view) {
  return (map.data.px[at] - map.x) * view.side + view.width / 2;
}

function screenY(at, view) {
  return (map.data.py[at] - map.y) * view.side + view.height / 2;
}

function drawMap() {
  const canvas = byId("map");
  if (!canvas.clientWidth) return;
  const started = performance.now();
  canvas.dataset.height = Math.round(Math.min(Math.max(window.innerHeight * 0.6, 300), 640));
  const [context] = prepare(canvas);
  const view = viewOf(canvas);
  drawMarks(context, view, window.devicePixelRatio || 1);
  drawRings(context, view);
  drawOutline(context);
  if (document.activeElement === canvas) drawMiddle(context, view);
  canvas.dataset.drawn = map.group.length;
  canvas.dataset.ms = Math.round(performance.now() - started);
}

function drawRings(context, view) {
  context.strokeStyle = colour("--ink");
  context.lineWidth = 1.5;
  context.beginPath();
  for (const at of map.selected) {
    const x = screenX(at, view);
    const y = screenY(at, view);
    context.moveTo(x + 6, y);
    context.arc(x, y, 6, 0, 2 * Math.PI);
  }
  context.stroke();
}

function drawOutline(context) {
  if (!map.drawing) return;
  context.strokeStyle = colour("--accent");
  context.lineWidth = 2;
  context.beginPath();
  for (const [x, y] of map.drawing) context.lineTo(x, y);
  context.closePath();
  context.stroke();
}

// With the keyboard, the sound nearest to the middle is the one that the space key plays.
function drawMiddle(context, view) {
  context.strokeStyle = colour("--accent");
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(view.width / 2 - 9, view.height / 2);
  context.lineTo(view.width / 2 + 9, view.height / 2);
  context.moveTo(view.width / 2, view.height / 2 - 9);
  context.lineTo(view.width / 2, view.height / 2 + 9);
  context.stroke();
}

function drawMapTexts() {
  const number = map.selected.size;
  byId("map-clear").disabled = !number;
  byId("map-undo").disabled = !map.history.length;
  byId("map-select").setAttribute("aria-pressed", String(Boolean(map.selecting)));
  byId("map").classList.toggle("selecting", Boolean(map.selecting));
  if (!map.data) return;
  byId("map-text").textContent = !map.data.px.length ? "There are no sounds yet." : number ? count(number, "sound is", "sounds are") + " selected." : count(map.data.px.length, "sound", "sounds") + ".";
  byId("map-labels").replaceChildren(...(number ? [make("span", "Label as", { class: "small" })] : []), ...(number ? CHOICES.map((label) => {
    const button = make("button", null, { type: "button", "data-label": label });
    button.append(markOf(label), " " + label + " ");
    addKey(button, label);
    button.addEventListener("click", () => askLabel(label));
    return button;
  }) : []));
  drawLegend();
}

function drawLegend() {
  const focused = document.activeElement && document.activeElement.dataset.group;
  byId("map-legend").replaceChildren(make("span", "Show", { class: "small" }), ...map.groups.map((group) => {
    const button = make("button", null, { type: "button", "data-group": group.key, "aria-pressed": String(!map.hidden.has(group.key)) });
    const mark = make("i", group.shape, { class: "mark", "aria-hidden": "true" });
    mark.style.color = colour(group.colour);
    button.append(mark, " " + group.name + " " + group.number);
    button.addEventListener("click", () => {
      if (!map.hidden.delete(group.key)) map.hidden.add(group.key);
      for (const at of map.selected) if (!isVisible(at)) map.selected.delete(at);
      redrawMap();
    });
    return button;
  }));
  if (focused) document.querySelector("[data-group=" + CSS.escape(focused) + "]").focus();
}

// --- view

function zoomMap(factor, x, y) {
  const view = viewOf(byId("map"));
  const at = [x === undefined ? view.width / 2 : x, y === undefined ? view.height / 2 : y];
  const scale = Math.min(Math.max(map.scale * factor, 0.5), CLOSEST);
  const before = view.side;
  const after = (view.side * scale) / map.scale;
  map.x += (at[0] - view.width / 2) * (1 / before - 1 / after);
  map.y += (at[1] - view.height / 2) * (1 / before - 1 / after);
  map.scale = scale;
  redrawMap();
}

function panMap(x, y) {
  const view = viewOf(byId("map"));
  map.x -= x / view.side;
  map.y -= y / view.side;
  redrawMap();
}

function fitMap() {
  Object.assign(map, { scale: 1, x: 0.5, y: 0.5 });
  redrawMap();
}

function nearestSound(x, y, within) {
  const view = viewOf(byId("map"));
  let best = -1;
  let closest = within * within;
  for (let at = 0; at < map.group.length; at += 1) {
    const away = (screenX(at, view) - x) ** 2 + (screenY(at, view) - y) ** 2;
    if (away <= closest && isVisible(at)) {
      closest = away;
      best = at;
    }
  }
  return best;
}

function describeSound(at) {
  const found = map.data;
  if (at < 0) return "";
  const mine = found.mine[at] < 0 ? "" : ", my label: " + found.labels[found.mine[at]];
  const subject = found.subjects[found.recording[at]];
  return found.recordings[found.recording[at]] + " at " + clock(found.start[at]) + (subject ? ", " + subject : "") + ": " + found.labels[found.label[at]] + mine;
}

// Play a sound, show it from near, and select it alone.
function playSound(at, add) {
  if (at < 0) return;
  const found = map.data;
  if (!add) map.selected.clear();
  if (add && map.selected.has(at)) map.selected.delete(at);
  else map.selected.add(at);
  map.point = at;
  byId("map-point").textContent = describeSound(at);
  const name = found.recordings[found.recording[at]];
  const event = { n: found.event[at], clip: "api/clip?" + query({ recording: name, event: found.event[at] }), clipStart: 0, gain: 0 };
  play(event);
  byId("map-open").hidden = false;
  byId("map-open").href = "#results=" + encodeURIComponent(name);
  current.selected = at;
  drawCloseup({ id: at, event: event, start: found.start[at], label: found.labels[found.label[at]] });
  redrawMap();
}

// --- selecting and labelling

function inside(x, y, outline) {
  let odd = false;
  for (let at = 0, last = outline.length - 1; at < outline.length; last = at, at += 1) {
    const [x1, y1] = outline[at];
    const [x2, y2] = outline[last];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) odd = !odd;
  }
  return odd;
}

function selectWithin(outline, add) {
  const view = viewOf(byId("map"));
  if (!add) map.selected.clear();
  for (let at = 0; at < map.group.length; at += 1) {
    if (isVisible(at) && inside(screenX(at, view), screenY(at, view), outline)) map.selected.add(at);
  }
  closeQuestion();
  redrawMap();
}

function selectInView() {
  if (!map.data) return;
  const { width, height } = viewOf(byId("map"));
  selectWithin([[0, 0], [width, 0], [width, height], [0, height]], false);
}

function clearSelection() {
  map.selected.clear();
  closeQuestion();
  redrawMap();
}

// One sound is labelled at once; a group after a question that says how many there are.
function askLabel(label) {
  if (!map.selected.size) return;
  map.wanted = label;
  if (map.selected.size === 1) return labelSelected();
  const other = [...map.selected].filter((at) => map.data.mine[at] >= 0 && map.data.labels[map.data.mine[at]] !== label).length;
  byId("map-question").textContent = "Label " + count(map.selected.size, "sound", "sounds") + " as " + label + "?" + (other ? " " + count(other, "has", "have") + " another label of mine, which is replaced." : "");
  byId("map-confirm").hidden = false;
  byId("map-yes").focus();
}

function closeQuestion() {
  if (byId("map-confirm").hidden) return;
  byId("map-confirm").hidden = true;
  byId("map").focus({ preventScroll: true });
}

function mapRow(at, label) {
  const found = map.data;
  return [found.recordings[found.recording[at]], found.start[at].toFixed(6), found.end[at].toFixed(6), label];
}

function labelSelected() {
  closeQuestion();
  const chosen = [...map.selected];
  setMine(chosen.map((at) => [at, map.wanted]));
  byId("map-point").textContent = count(chosen.length, "sound", "sounds") + " labelled as " + map.wanted + ".";
}

// Give labels to sounds, each with a label or an empty text, and keep what they had for undo.
function setMine(pairs, isUndo) {
  const found = map.data;
  const before = pairs.map(([at]) => [at, found.mine[at] < 0 ? "" : found.labels[found.mine[at]]]);
  for (const [at, label] of pairs) {
    if (label && !found.labels.includes(label)) found.labels.push(label);
    found.mine[at] = label ? found.labels.indexOf(label) : -1;
  }
  if (!isUndo) map.history.push({ data: found, pairs: before });
  saver.post(pairs.map(([at, label]) => mapRow(at, label)));
  groupMap();
  redrawMap();
}

function undoMap() {
  const last = map.history.pop();
  if (!last) return;
  const places = placesOf(map.data);
  const pairs = last.pairs.map(([at, label]) => [places.get(soundKey(last.data, at)), label]).filter(([at]) => at !== undefined);
  setMine(pairs, true);
  byId("map-point").textContent = "Undone: " + count(pairs.length, "label", "labels") + ".";
}

// --- pointer

function pointOf(event) {
  const box = byId("map").getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

function onMapDown(event) {
  if (!map.data || event.button) return;
  byId("map").setPointerCapture(event.pointerId);
  map.pointers.set(event.pointerId, pointOf(event));
  map.moved = map.pointers.size > 1;
  map.drawing = (map.selecting || event.shiftKey) && map.pointers.size === 1 ? [pointOf(event)] : null;
}

function onMapMove(event) {
  if (!map.data) return;
  const now = pointOf(event);
  const before = map.pointers.get(event.pointerId);
  if (!before) {
    const near = event.pointerType === "mouse" ? nearestSound(...now, NEAR_PX) : -1;
    if (near >= 0) byId("map-point").textContent = describeSound(near);
    return;
  }
  if (!map.moved && Math.hypot(now[0] - before[0], now[1] - before[1]) < 4) return;
  map.moved = true;
  if (map.pointers.size === 2) pinch(event.pointerId, before, now);
  else if (map.drawing) {
    map.drawing.push(now);
    redrawMap();
  } else panMap(now[0] - before[0], now[1] - before[1]);
  map.pointers.set(event.pointerId, now);
}

function pinch(id, before, now) {
  const [other] = [...map.pointers].filter(([each]) => each !== id).map(([, point]) => point);
  const length = (point) => Math.max(Math.hypot(point[0] - other[0], point[1] - other[1]), 1);
  zoomMap(length(now) / length(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  panMap((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
}

function onMapUp(event) {
  if (!map.pointers.delete(event.pointerId)) return;
  if (map.drawing && map.moved && map.drawing.length > 2) selectWithin(map.drawing, event.ctrlKey || event.metaKey);
  else if (!map.moved && event.type === "pointerup") playSound(nearestSound(...pointOf(event), NEAR_PX), event.ctrlKey || event.metaKey);
  if (!map.pointers.size) map.drawing = null;
  redrawMap();
}

function onMapWheel(event) {
  // Once the map was clicked or reached by key, a wheel zooms it; until then it scrolls the page.
  if (!event.ctrlKey && document.activeElement !== byId("map")) return;
  event.preventDefault();
  zoomMap(Math.exp(-event.deltaY / 400), ...pointOf(event));
}

function toggleSelecting() {
  map.selecting = !map.selecting;
  redrawMap();
}

// --- keys

function mapKeys() {
  const middle = () => {
    const { width, height } = viewOf(byId("map"));
    playSound(nearestSound(width / 2, height / 2, Infinity));
  };
  const onMap = (action) => () => {
    byId("map").focus({ preventScroll: true });
    action();
  };
  return [
    [["ArrowLeft"], "← → ↑ ↓", "move the map", onMap(() => panMap(60, 0))],
    [["ArrowRight"], "", "", onMap(() => panMap(-60, 0))],
    [["ArrowUp"], "", "", onMap(() => panMap(0, 60))],
    [["ArrowDown"], "", "", onMap(() => panMap(0, -60))],
    [["+", "="], "+", "zoom in", () => zoomMap(1.5)],
    [["-"], "-", "zoom out", () => zoomMap(1 / 1.5)],
    [["f"], "f", "the whole map", fitMap],
    [[" ", "p"], "space p", "select and play the sound in the middle", middle],
    [["d"], "d", "select by drawing, or move", toggleSelecting],
    [["v"], "v", "select all sounds in view", selectInView],
    [["Escape"], "Esc", "select nothing", () => (byId("map-confirm").hidden ? clearSelection() : closeQuestion())],
    ...labelKeys("label the selected sounds as ", askLabel),
    [["z", "Backspace"], "z", "undo", undoMap],
  ];
}

function beginMap() {
  const canvas = byId("map");
  canvas.addEventListener("pointerdown", onMapDown);
  canvas.addEventListener("pointermove", onMapMove);
  for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, onMapUp);
  canvas.addEventListener("wheel", onMapWheel, { passive: false });
  for (const kind of ["focus", "blur"]) canvas.addEventListener(kind, redrawMap);
  const buttons = { "map-select": toggleSelecting, "map-view-select": selectInView, "map-clear": clearSelection, "map-in": () => zoomMap(1.5),
    "map-out": () => zoomMap(1 / 1.5), "map-fit": fitMap, "map-undo": undoMap, "map-yes": labelSelected, "map-no": closeQuestion };
  for (const [id, action] of Object.entries(buttons)) byId(id).addEventListener("click", action);
  byId("map-colour").addEventListener("change", () => {
    if (!map.data) return;
    groupMap();
    redrawMap();
  });
  tabWatchers.map = openMap;
}
