// The page: draws each state of the server, and passes keys to the part that is open.

let signature = "";

// The classes of the model in use; another model can have others.
function takeClasses() {
  const now = JSON.stringify([state.classes, state.keys]);
  if (now === signature) return;
  signature = now;
  data.classes.splice(0, Infinity, ...state.classes);
  CHOICES.splice(0, Infinity, ...state.classes, UNSURE);
  data.keys = state.keys;
}

// The keys of the part that is open.
function openKeys() {
  return state && isOpen("map") ? [...KEYS, ...mapKeys()] : KEYS;
}

function showKeys() {
  if (isOpen("label") && showQueueKeys()) return;
  byId("key-list").replaceChildren();
  listKeys(openKeys().filter(([, shown]) => shown));
  byId("keys").showModal();
}

const KEYS = [[["?"], "?", "this help", showKeys]];

function onKey(event) {
  if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
  // The question of the map answers to Enter and Escape only.
  if (!byId("map-confirm").hidden && event.key !== "Escape") return;
  runKey(event, openKeys());
}

// What the server could not do, word for word.
function drawErrors() {
  const texts = JSON.stringify(state.errors);
  if (byId("errors").dataset.texts === texts) return; // a screen reader says it once
  byId("errors").dataset.texts = texts;
  byId("errors").replaceChildren(...state.errors.map((text) => make("p", text, { class: "flag emergency" })));
}

function drawState() {
  takeClasses();
  drawObservers(state.observers);
  drawErrors();
  drawModels();
  drawWork(state.work);
  drawAbout();
  drawResults();
  drawTrain();
  if (isOpen("map")) openMap();
  if (isOpen("label") && queue.empty) openQueue();
  document.documentElement.setAttribute("data-ready", "true");
}

function begin() {
  beginObservers();
  beginAbout();
  beginRecorder();
  beginDrop();
  beginResults();
  beginQueue();
  beginMap();
  beginTrain();
  stateWatchers.push(drawState);
  saver.begin();
  saver.watchers.push(refresh);
  byId("help").addEventListener("click", showKeys);
  document.addEventListener("keydown", onKey);
  const redraw = () => isOpen("map") && redrawMap();
  window.addEventListener("resize", redraw);
  window.addEventListener("resize", fitFrames);
  DARK.addEventListener("change", () => state && (drawState(), redraw()));
  refresh().then(() => {
    beginTabs();
    listenToChanges();
  });
}

begin();
