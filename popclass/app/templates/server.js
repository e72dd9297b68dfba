// The server: its state, requests, and news of changes.

let state = null;
const stateWatchers = []; // called with each state
const takeWatchers = []; // called with the events found so far in a recording that is being made
const REFRESH_MS = 250; // between two states
const refreshing = { now: false, again: false };

class Refused extends Error {} // the server understood, and said why not

async function request(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    throw new Error("popclass does not answer; is it still running?");
  }
  if (!answer.ok) throw new (answer.status < 500 ? Refused : Error)(await reasonOf(answer));
  return answer.json();
}

function postJson(path, value) {
  const headers = { "Content-Type": "application/json" };
  return request(path, { method: "POST", headers: headers, body: JSON.stringify(value || {}) });
}

// Post, and show the reason if that fails; `undefined` then.
function attempt(path, value) {
  return postJson(path, value).then((answer) => {
    showMessage("");
    refresh();
    return answer;
  }, (error) => showMessage(error.message));
}

function query(values) {
  return new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined)).toString();
}

async function refresh() {
  if (refreshing.now) {
    refreshing.again = true;
    return;
  }
  refreshing.now = true;
  try {
    state = await request("api/state?" + query({ observer: observer }));
    showConnection("");
    for (const watcher of stateWatchers) watcher();
  } catch (error) {
    showConnection(error.message);
  }
  refreshing.now = false;
  if (!refreshing.again) return;
  refreshing.again = false;
  setTimeout(refresh, REFRESH_MS);
}

function showConnection(text) {
  byId("connection").textContent = text && "Not up to date: " + text;
  byId("connection").hidden = !text;
}

function listenToChanges() {
  const source = new EventSource("api/changes");
  source.addEventListener("open", refresh);
  source.addEventListener("error", () => {
    showConnection("popclass does not answer; is it still running?");
    // The browser tries again by itself, unless the answer was a refusal.
    if (source.readyState === EventSource.CLOSED) setTimeout(listenToChanges, 3000);
  });
  source.addEventListener("message", (event) => {
    const news = JSON.parse(event.data);
    if (news.take) for (const watcher of takeWatchers) watcher(news);
    else if (!state || news.version !== undefined) {
      if (news.work) drawWork(news.work);
      refresh();
    }
  });
}

const WORK = { classify: "Classifying", train: "Training", evaluate: "Evaluating" };

function drawWork(work) {
  const busy = Boolean(work && work.kind);
  byId("work").classList.toggle("idle", !busy); // its line stays, so that the page does not jump
  if (!busy) return;
  const bar = byId("work-bar");
  if (work.total) {
    bar.max = work.total;
    bar.value = work.done;
  } else bar.removeAttribute("value");
  const what = work.what || WORK[work.kind] || work.kind;
  const parts = [what[0].toUpperCase() + what.slice(1), work.total ? work.done + " of " + work.total : ""];
  byId("work-text").textContent = parts.filter(Boolean).join(": ");
}

// Replace the options of a list, given as values and texts, and choose one; a list that is in use is left alone.
function setOptions(list, options, chosen) {
  const wanted = JSON.stringify(options);
  if (list.dataset.options !== wanted) {
    list.dataset.options = wanted;
    list.replaceChildren(...options.map(([value, text]) => make("option", text, { value: value })));
  }
  list.value = chosen;
}
