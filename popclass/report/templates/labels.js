// Labels: colours and shapes, and the CSV file for `popclass train`.

const SHAPES = ["●", "▲", "■", "◆", "▼", "★"];
const CHOICES = data.classes.concat([UNSURE]);
const COLUMNS = ["file", "start_s", "end_s", "label", "subject", "site", "recorded_at", ...data.more];

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

// Show the key of a label on its button, as far as it has one.
function addKey(button, label) {
  const key = data.keys[label] || String(CHOICES.indexOf(label) + 1);
  if (key.length === 1) button.append(make("kbd", key));
}

// The keys of labels, for `runKey`: a letter, and a digit for the first nine.
function labelKeys(help, choose) {
  return CHOICES.map((label, place) => {
    const letter = data.keys[label];
    const shown = [letter, place < 9 ? String(place + 1) : ""].filter(Boolean);
    return [[...shown, ...(letter ? [letter.toUpperCase()] : [])], shown.join(" "), help + label, () => choose(label)];
  }).filter(([names]) => names.length);
}

// Identity of a row of labels: its file and its time.
function keyOf(row) {
  return row[0] + "\n" + (row[1] === "" ? "" : Number(row[1]).toFixed(6));
}

// A CSV field, quoted if necessary.
function field(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) || text !== text.trim() ? '"' + text.replaceAll('"', '""') + '"' : text;
}

// The cells of a recording after those of a label.
function metadataOf(known) {
  return [known.subject, known.site, known.recordedAt, ...data.more.map((name) => known.more[name])];
}

// A CSV of labels; each row has the cells of `COLUMNS`.
function csvOf(rows) {
  return [COLUMNS, ...rows].map((row) => row.map(field).join(",") + "\n").join("");
}

// Let the browser save a text as a file.
function saveFile(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = make("a", null, { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
