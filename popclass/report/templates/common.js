// Data of the page, elements, formats, colours and keys.

document.documentElement.classList.add("scripted"); // shows the elements that need scripts

const data = JSON.parse(document.getElementById("data").textContent);
const UNCERTAIN = "uncertain";
const OTHER = "other";
const UNSURE = "unsure"; // neither a class nor `other` for popclass train

const byId = (id) => document.getElementById(id);

// Create an element with text and attributes; text is not parsed as HTML.
function make(tag, text, attributes) {
  const element = document.createElement(tag);
  if (text !== undefined && text !== null) element.textContent = text;
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  return element;
}

// Show a message, or hide it if empty.
function showMessage(text) {
  byId("message").textContent = text;
  byId("message").hidden = !text;
}

function count(number, one, many) {
  return number + " " + (number === 1 ? one : many);
}

// Format a time in the recording, with the decimals that a step needs.
function clock(seconds, step) {
  const places = step === undefined || step < 0.1 ? 3 : step < 1 ? 1 : 0;
  const unit = Math.pow(10, places);
  const all = Math.round(seconds * unit);
  const minutes = Math.floor(all / (60 * unit));
  const remainder = ((all - minutes * 60 * unit) / unit).toFixed(places).padStart(places ? places + 3 : 2, "0");
  const hours = Math.floor(minutes / 60);
  return hours ? hours + ":" + String(minutes % 60).padStart(2, "0") + ":" + remainder : minutes + ":" + remainder;
}

// Format a level in dBFS; float samples can exceed 0 dBFS.
function dbfs(share) {
  return (Math.round(20 * Math.log10(Math.max(share, 1e-6))) || 0) + " dBFS";
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Scale a canvas to the device resolution; return its context, width and height in CSS pixels.
function prepare(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.dataset.height ? Number(canvas.dataset.height) : canvas.height;
  canvas.dataset.height = height;
  canvas.style.height = height + "px";
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return [context, width, height];
}

// Texts in the local storage of the browser; `kept` is false where it cannot be used.
const storage = {
  kept: true,

  read(key) {
    try {
      return JSON.parse(localStorage.getItem(key));
    } catch (error) {
      this.kept = false;
      return null;
    }
  },

  write(key, value) {
    try {
      localStorage.setItem(key, JSON.stringify(value));
    } catch (error) {
      this.kept = false;
    }
  },
};

// Run the action of a key, unless it belongs to a control or the browser. Keys: names, display, help text, action.
function runKey(event, keys) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return false;
  const place = event.target instanceof Element ? event.target : document.body;
  if (place.closest("select, input[type=text], textarea")) return false;
  // Space keeps its meaning on buttons, boxes, links and table headings.
  if (event.key === " " && place.closest("button, input, a, summary")) return false;
  const known = keys.find(([names]) => names.includes(event.key));
  if (!known) return false;
  event.preventDefault();
  known[3]();
  return true;
}

// List the keys in the dialog that explains them.
function listKeys(keys) {
  byId("key-list").append(...keys.flatMap(([, shown, help]) => [make("dt", null), make("dd", help)].map((part, place) => {
    if (!place) part.append(...shown.split(" ").flatMap((key) => [make("kbd", key), " "]));
    return part;
  })));
}
