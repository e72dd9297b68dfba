// Labelling of suggested sounds: order, labels, similar sounds, and the CSV file.

const STORAGE = "popclass:suggest:" + data.place;
const LONGEST_HISTORY = 200;
const MOST_LISTED = 1000;
const ALL_LABELLED = data.save ? " All sounds of this page are labelled: n chooses others." : " All sounds are labelled: save the labels (d).";
const PAUSE_MS = 250; // between similar sounds that are played one after the other

const current = { at: 0, selected: null, offered: [] };
const labels = { rows: new Map(), history: [] }; // rows of the CSV by file and time
const recordingOf = new Map(data.recordings.map((known) => [known.file, known]));

function rowOf(sound, label) {
  const known = data.recordings[sound.recording];
  return [known.file, sound.start.toFixed(6), sound.end.toFixed(6), label, ...metadataOf(known)];
}

function labelOf(id) {
  const row = labels.rows.get(keyOf(rowOf(data.sounds[id], "")));
  return row ? row[3] : "";
}

// Labels of this page override earlier ones, unless a server has them all; those of an older page of the same place yield to them.
function loadLabels() {
  const stored = data.save ? null : storage.read(STORAGE);
  const own = stored && Array.isArray(stored.rows) ? stored.rows : [];
  const ordered = stored && stored.page === data.key ? [data.rows, own] : [own, data.rows];
  for (const row of ordered.flat()) labels.rows.set(keyOf(row), row);
}

// Change the labels by `action`, so that it can be undone.
function change(action) {
  labels.history.push({ rows: [...labels.rows.values()], at: current.at });
  if (labels.history.length > LONGEST_HISTORY) labels.history.shift();
  const before = new Map(labels.rows);
  action();
  keep(before);
}

function keep(before) {
  if (data.save) saver.post(changedRows(before, labels.rows));
  else storage.write(STORAGE, { page: data.key, rows: [...labels.rows.values()] });
  drawLabels();
}

function setLabel(id, label) {
  const row = rowOf(data.sounds[id], label);
  labels.rows.set(keyOf(row), row);
}

// Label the current sound; stay if the label can be applied to similar sounds, else go on.
function choose(label) {
  if (!data.suggested) return;
  const id = current.at;
  change(() => setLabel(id, label));
  current.offered = data.sounds[id].similar.filter((other) => !labelOf(other));
  if (current.offered.length && label !== UNSURE) {
    drawSound();
    drawSimilar(label);
    return showMessage("Labelled as " + label + ". Apply it to similar sounds (a), or go on (→).");
  }
  goOn("Sound " + (id + 1) + ": " + label + ".");
}

function apply() {
  if (byId("similar").hidden) return;
  const label = labelOf(current.at);
  const chosen = current.offered.filter((id) => byId("similar-" + id).checked);
  change(() => chosen.forEach((id) => setLabel(id, label)));
  goOn(count(chosen.length, "similar sound", "similar sounds") + " labelled as " + label + ".");
}

// Leave the similar sounds as they are, or go to the next sound.
function forward() {
  if (current.offered.length) goOn("Similar sounds have no label.");
  else show(current.at + 1);
}

// Go to the next sound without a label, after this one or else from the first on.
function goOn(done) {
  const order = Array.from({ length: data.suggested }, (_, at) => (current.at + 1 + at) % data.suggested);
  const next = order.find((at) => !labelOf(at));
  if (next === undefined) {
    current.offered = [];
    drawSound();
    return showMessage(done + ALL_LABELLED);
  }
  show(next);
  showMessage(done);
}

// Show the sound at a place of the order, and play it.
function show(at) {
  if (at < 0 || at >= data.suggested) return showMessage(at < 0 ? "This is the first sound." : "This is the last sound.");
  const inside = document.activeElement && document.activeElement.closest("#chosen, #similar");
  current.at = current.selected = at;
  current.offered = [];
  showMessage("");
  drawSound();
  drawOrder();
  if (inside) byId("sound-title").focus({ preventScroll: true }); // else the space key would label the next sound
  replay();
}

function replay() {
  const sound = data.sounds[current.at];
  if (player) player.pause();
  player = null;
  if (sound && sound.clip) play(sound);
}

// Play the similar sounds one after the other.
function playSimilar(ids) {
  const [id, ...others] = ids;
  if (id === undefined || byId("similar").hidden) return;
  if (player) player.pause();
  player = null;
  if (!data.sounds[id].clip) return playSimilar(others);
  play(data.sounds[id], () => setTimeout(() => playSimilar(others), PAUSE_MS));
}

function undo() {
  const earlier = labels.history.pop();
  if (!earlier) return;
  const before = labels.rows;
  labels.rows = new Map(earlier.rows.map((row) => [keyOf(row), row]));
  keep(before);
  show(earlier.at);
}

// --- drawing

function drawSound() {
  const sound = data.sounds[current.at];
  byId("chosen").hidden = byId("prediction").hidden = !data.suggested;
  byId("similar").hidden = !current.offered.length;
  if (!data.suggested) return;
  const known = data.recordings[sound.recording];
  const label = labelOf(current.at);
  byId("sound-title").textContent = "Sound " + (current.at + 1) + " of " + data.suggested;
  byId("where").textContent = [known.name + " at " + clock(sound.start), known.subject && "subject " + known.subject, known.site]
    .filter(Boolean).join(", ");
  byId("play").disabled = !sound.clip;
  byId("label-buttons").replaceChildren(...CHOICES.map((name) => {
    const button = make("button", null, { type: "button", "aria-pressed": String(label === name), "data-label": name });
    button.append(markOf(name), " " + name + " ");
    addKey(button, name);
    button.addEventListener("click", () => choose(name));
    return button;
  }));
  byId("posteriors").textContent = sound.posteriors.map(([name, share]) => name + " " + share.toFixed(2)).join(", ");
  byId("by").textContent = sound.by === "random" ? "Drawn at random." : "Chosen since the two largest probabilities are close.";
  drawCloseup({ id: current.at, event: sound, start: sound.start, label: label });
}

function drawSimilar(label) {
  const found = data.sounds[current.at].similarFound;
  const more = found > data.sounds[current.at].similar.length ? "; the most similar of " + found + " are listed" : "";
  byId("similar-title").textContent = count(current.offered.length, "similar sound", "similar sounds") + " in this recording" + more;
  byId("similar-list").replaceChildren(...current.offered.map((id) => {
    const item = make("li");
    const box = make("input", null, { type: "checkbox", id: "similar-" + id });
    box.checked = true;
    box.addEventListener("change", () => drawApply(label));
    const name = make("label", null, { class: "check" });
    name.append(box, " " + clock(data.sounds[id].start));
    const button = make("button", "Play", { type: "button", "aria-label": "Play the sound at " + clock(data.sounds[id].start) });
    button.disabled = !data.sounds[id].clip;
    button.addEventListener("click", () => playSimilar([id]));
    item.append(name, button);
    return item;
  }));
  drawApply(label);
}

function drawApply(label) {
  const chosen = current.offered.filter((id) => byId("similar-" + id).checked).length;
  byId("apply").replaceChildren("Label " + chosen + " as " + label + " ", make("kbd", "a"));
  byId("apply").disabled = !chosen;
}

function drawOrder() {
  byId("order").replaceChildren(...Array.from({ length: data.suggested }, (_, at) => {
    const label = labelOf(at);
    const here = at === current.at;
    const button = make("button", null, { type: "button", tabindex: here ? "0" : "-1", "aria-label": "Sound " + (at + 1) + ": " + (label || "no label") });
    if (here) button.setAttribute("aria-current", "true");
    button.append(String(at + 1), label ? markOf(label) : "");
    button.addEventListener("click", () => show(at));
    const item = make("li");
    item.append(button);
    return item;
  }));
}

function drawLabels() {
  drawOrder();
  const rows = [...labels.rows.values()].filter((row) => row[3]);
  const names = [...new Set([...CHOICES, ...rows.map((row) => row[3])])];
  byId("counts").replaceChildren(...names.flatMap((name) => {
    const term = make("dt");
    term.append(markOf(name), " " + name);
    return [term, make("dd", String(rows.filter((row) => row[3] === name).length), { "data-count": name })];
  }));
  const done = Array.from({ length: data.suggested }, (_, at) => labelOf(at)).filter(Boolean).length;
  byId("progress").textContent = done + " of " + data.suggested + " suggested sounds labelled, " + count(rows.length, "label", "labels") + " in all.";
  byId("download").disabled = !labels.rows.size;
  byId("undo").disabled = !labels.history.length;
  byId("storage").hidden = storage.kept;
  byId("advice").textContent = data.save ? "" : "Save " + data.labels + " in the folder of this page: the paths of the recordings are relative to it. It holds" +
    " earlier labels, too. Train with popclass train " + data.labels + " --partial";
  byId("all").hidden = !rows.length;
  byId("rows").replaceChildren(...rows.slice(-MOST_LISTED).reverse().map((row) => {
    const line = make("tr");
    const mark = make("td");
    mark.append(markOf(row[3]), " " + row[3]);
    const known = recordingOf.get(row[0]);
    line.append(make("td", known ? known.name : row[0]), make("td", row[1] === "" ? "whole" : clock(Number(row[1])), { class: "number" }), mark);
    return line;
  }));
}

// --- files

// The rows of the CSV; new and earlier labels of a recording have the same metadata.
function savedRows() {
  return [...labels.rows.values()].map((row) => {
    const known = recordingOf.get(row[0]);
    return known ? [...row.slice(0, 4), ...metadataOf(known).map((cell, place) => cell || row[4 + place])] : row;
  });
}

function parseCsv(text) {
  const header = text.split(/\r?\n/, 1)[0].replaceAll(/"[^"]*"/g, "");
  const comma = [",", ";", "\t"].find((each) => header.includes(each)) || ",";
  const rows = [[]];
  let cell = "";
  let quoted = false;
  for (let at = text.startsWith("\ufeff") ? 1 : 0; at < text.length; at += 1) {
    const each = text[at];
    if (quoted && each === '"' && text[at + 1] === '"') {
      cell += '"';
      at += 1;
    } else if (each === '"' && (quoted || !cell)) quoted = !quoted;
    else if (!quoted && (each === comma || each === "\n")) {
      rows[rows.length - 1].push(cell);
      cell = "";
      if (each === "\n") rows.push([]);
    } else if (quoted || each !== "\r") cell += each;
  }
  rows[rows.length - 1].push(cell);
  return rows.map((row) => row.map((each) => each.trim())).filter((row) => row.some(Boolean));
}

// Rows with the cells of `COLUMNS` from a CSV, or the reason why it cannot be used.
function readRows(text) {
  const [header, ...lines] = parseCsv(text);
  const names = (header || []).map((name) => name.toLowerCase());
  const missing = ["file", "start_s", "label"].filter((name) => !names.includes(name));
  if (missing.length) return "has no column " + missing[0];
  const rows = lines.map((line) => COLUMNS.map((name) => line[names.indexOf(name)] || ""));
  const wrong = rows.findIndex((row) => !row[0] || [row[1], row[2]].some((time) => time && !(Number(time) >= 0)));
  if (wrong >= 0) return "row " + (wrong + 2) + " has no file, or a time that is not a number of seconds";
  const times = (row) => [row[1], row[2]].map((time) => (time ? Number(time).toFixed(6) : ""));
  return rows.map((row) => [row[0], ...times(row), row[3].toLowerCase() === UNSURE ? UNSURE : row[3], ...row.slice(4)]);
}

function loadFile(file) {
  file.text().then((text) => {
    const rows = readRows(text);
    if (typeof rows === "string") return showMessage(file.name + ": " + rows + ".");
    change(() => rows.forEach((row) => labels.rows.set(keyOf(row), row)));
    drawSound();
    const here = data.sounds.filter((sound) => rows.some((row) => keyOf(row) === keyOf(rowOf(sound, "")))).length;
    showMessage(count(rows.length, "label", "labels") + " loaded, " + here + " of them of sounds on this page.");
  });
}

function save() {
  if (labels.rows.size) saveFile(data.labels, csvOf(savedRows()));
}

// Let the server choose other sounds; those without a label come again if they are still in doubt.
function others() {
  if (saver.rows.size) return showMessage("Wait until all labels are saved.");
  location.reload();
}

// --- keys and buttons

const ofLetter = (letter) => [letter, letter.toUpperCase()];
const KEYS = [
  [[" ", ...ofLetter("p")], "space p", "play the sound again", replay],
  ...labelKeys("label as ", choose),
  [ofLetter("a"), "a", "apply the label to similar sounds", () => byId("apply").disabled || apply()],
  [["ArrowRight"], "→", "go on without a label", forward],
  [["ArrowLeft"], "←", "go back", () => show(current.at - 1)],
  [[...ofLetter("z"), "Backspace"], "z", "undo the last label", undo],
  ...(data.save ? [[ofLetter("n"), "n", "choose other sounds", others]] : [
    [ofLetter("d"), "d", "save the labels", save],
    [ofLetter("l"), "l", "load labels", () => byId("load").click()],
  ]),
  [["?"], "?", "this help", () => byId("keys").showModal()],
];

function begin() {
  loadLabels();
  saver.begin();
  byId("download").hidden = byId("open").hidden = Boolean(data.save);
  byId("others").hidden = !data.save;
  listKeys(KEYS);
  const buttons = { play: replay, back: () => show(current.at - 1), skip: forward, undo: undo, apply: apply,
    leave: forward, "play-similar": () => playSimilar(current.offered), download: save,
    open: () => byId("load").click(), others: others, help: () => byId("keys").showModal() };
  for (const [id, action] of Object.entries(buttons)) byId(id).addEventListener("click", action);
  byId("load").addEventListener("change", () => {
    if (byId("load").files.length) loadFile(byId("load").files[0]);
    byId("load").value = "";
  });
  document.addEventListener("keydown", (event) => runKey(event, KEYS));
  const redraw = () => { drawSound(); drawLabels(); };
  window.addEventListener("resize", redraw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  const first = Array.from({ length: data.suggested }, (_, at) => at).find((at) => !labelOf(at));
  current.at = current.selected = first || 0;
  redraw();
  if (data.suggested && first === undefined) showMessage(ALL_LABELLED.trim());
  document.documentElement.setAttribute("data-ready", "true");
}

begin();
