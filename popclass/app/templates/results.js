// The recordings of the project: a list to search, to describe and to open.

const DARK = window.matchMedia("(prefers-color-scheme: dark)");
const STATUS = { waiting: "waiting", running: "being classified …", failed: "failed" };
const MOST_COUNTS = 6;
const results = { shown: [], selected: new Set(), list: null, open: "", loaded: "", edited: [], touched: new Set() };

function matches(known, words, label, subject) {
  const text = [known.name, known.subject, known.site, known.side, known.recorded_at, ...(known.symptoms || [])].join(" ").toLowerCase();
  if (!words.every((word) => text.includes(word))) return false;
  if (subject && (known.subject || "") !== (subject === "-" ? "" : subject.slice(1))) return false;
  if (label.startsWith("label:")) return Boolean((known.counts || {})[label.slice(6)]);
  return { "": true, failed: known.status === "failed", waiting: ["waiting", "running"].includes(known.status), labelled: known.labelled > 0,
    unlabelled: !known.labelled, warnings: (known.warnings || []).length > 0 }[label];
}

function drawResults() {
  const all = state.recordings;
  byId("number-recordings").textContent = all.length ? "(" + all.length + ")" : "";
  const counts = new Map();
  for (const known of all) for (const [label, number] of Object.entries(known.counts || {})) counts.set(label, (counts.get(label) || 0) + number);
  drawTotals(all, counts);
  const labels = [...new Set([...state.classes, ...counts.keys()])];
  const kinds = [["", "all recordings"], ...labels.map((label) => ["label:" + label, "with " + label]), ["labelled", "with my labels"],
    ["unlabelled", "without my labels"], ["warnings", "with warnings"], ["waiting", "not classified yet"], ["failed", "failed"]];
  setOptions(byId("filter-label"), kinds, byId("filter-label").value);
  setOptions(byId("filter-subject"), [["", "anybody"], ["-", "unknown"], ...subjectsOf(all).map((name) => ["=" + name, name])], byId("filter-subject").value);
  const known = new Set(all.map((each) => each.name));
  for (const name of results.selected) if (!known.has(name)) results.selected.delete(name);
  drawList();
  if (results.open) drawOpened();
}

function hasSounds() {
  return state.sounds && state.recordings.some((known) => known.events);
}

// Say in a part of the page that has nothing to show why it is empty.
function sayNoSounds(box) {
  const waiting = (!state.sounds && state.recordings.length) || state.recordings.some((known) => ["waiting", "running"].includes(known.status));
  const link = make("a", "Record or add a recording", { href: "#record" });
  box.replaceChildren(...(waiting ? ["The recordings are being classified …"] : ["There are no sounds yet. ", link, " first."]));
}

function drawTotals(all, counts) {
  const events = all.reduce((sum, known) => sum + (known.events || 0), 0);
  const failed = all.filter((known) => known.status === "failed").length;
  const waiting = all.filter((known) => ["waiting", "running"].includes(known.status)).length;
  const named = [...counts].filter(([, number]) => number).map(([label, number]) => number + " " + label);
  const parts = [count(all.length, "recording", "recordings"), count(events, "event", "events") + (named.length ? ": " + named.join(", ") : "")];
  if (waiting) parts.push(waiting + " not classified yet");
  if (failed) parts.push(failed + " failed");
  byId("listed").hidden = !all.length;
  if (all.length) byId("totals").textContent = parts.join("; ") + ".";
  else sayNoSounds(byId("totals"));
}

function drawList() {
  const words = byId("filter-text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const label = byId("filter-label").value;
  const subject = byId("filter-subject").value;
  results.shown = state.recordings.filter((known) => matches(known, words, label, subject));
  results.list.setLength(results.shown.length);
  drawSelection();
}

function drawSelection() {
  const all = results.shown.length > 0 && results.shown.every((known) => results.selected.has(known.name));
  byId("select-all").textContent = all ? "Select none" : "Select all";
  byId("select-all").disabled = !results.shown.length;
  byId("edit").disabled = !results.selected.size;
  byId("edit").textContent = results.selected.size ? "Describe " + count(results.selected.size, "recording", "recordings") : "Describe";
  const number = results.shown.length;
  byId("shown").textContent = number === state.recordings.length ? "" : count(number, "recording", "recordings") + " shown.";
}

function signatureOf(index) {
  const known = results.shown[index];
  return JSON.stringify(known) + results.selected.has(known.name) + index + " " + results.shown.length + DARK.matches; // marks have the colours of the scheme
}

function rowOfRecording(index) {
  const known = results.shown[index];
  const row = make("div", null, { class: "item", role: "listitem", "aria-setsize": results.shown.length, "aria-posinset": index + 1 });
  const box = make("input", null, { type: "checkbox", "aria-label": "Select " + known.name, "data-part": "box" });
  box.checked = results.selected.has(known.name);
  box.addEventListener("change", () => {
    if (box.checked) results.selected.add(known.name);
    else results.selected.delete(known.name);
    results.list.draw();
    drawSelection();
  });
  const link = make("a", known.name, { href: "#results=" + encodeURIComponent(known.name), title: known.name, class: "name", "data-part": "link" });
  const found = make("span", null, { class: "found-counts" });
  if (known.status === "ok") found.append(...countMarks(known), ...(known.waiting ? [make("span", "changed, is classified again …", { class: "status" })] : []));
  else found.append(make("span", STATUS[known.status] + (known.reason ? ": " + known.reason : ""), { class: "status " + known.status, title: known.reason || "" }));
  const about = [known.subject, known.site, known.side, known.recorded_at && known.recorded_at.replace("T", " ").slice(0, 16), known.duration_s ? clock(known.duration_s, 1) : ""];
  if (known.labelled) about.push(known.labelled + " labelled");
  if ((known.warnings || []).length) about.push(count(known.warnings.length, "warning", "warnings"));
  const details = make("span", about.filter(Boolean).join(" · "), { class: "details small" });
  row.append(box, link, found, details);
  return row;
}

function countMarks(known) {
  const counts = Object.entries(known.counts || {}).filter(([, number]) => number);
  if (!counts.length) return [make("span", "no events", { class: "small" })];
  return counts.slice(0, MOST_COUNTS).map(([label, number]) => {
    const each = make("span");
    each.append(markOf(label), " " + number + " " + label);
    return each;
  });
}

// --- one recording

function openResult(name) {
  const changed = name !== results.open;
  results.open = name;
  byId("listing").hidden = Boolean(name);
  byId("opened").hidden = !name;
  if (!name) {
    if (changed) closeFrame(byId("report-frame"));
    results.list.draw();
    return;
  }
  if (changed) {
    results.loaded = "";
    closeFrame(byId("report-frame"));
    window.scrollTo(0, 0);
  }
  if (state) drawOpened();
}

function drawOpened() {
  const at = results.shown.findIndex((known) => known.name === results.open);
  const known = state.recordings.find((each) => each.name === results.open);
  byId("opened-title").textContent = results.open;
  const address = "report?" + query({ recording: results.open, observer: observer });
  byId("own-tab").href = address;
  byId("edit-one").hidden = !known;
  byId("own-tab").hidden = !known || known.status !== "ok";
  byId("previous").disabled = at <= 0;
  byId("next").disabled = at < 0 || at >= results.shown.length - 1;
  if (!known) {
    byId("opened-text").textContent = "There is no such recording in this project" + (state.work.kind ? " yet: new ones are looked for once the work above is done." : ".");
    results.loaded = "";
    closeFrame(byId("report-frame"));
  }
  else if (known.status !== "ok") byId("opened-text").textContent = (STATUS[known.status] || known.status) + (known.reason ? ": " + known.reason : "");
  else if (results.loaded !== resultOf(known) && !known.waiting) {
    results.loaded = resultOf(known);
    openFrame(byId("report-frame"), byId("opened-text"), address, "Reading the recording …");
  }
}

// What the report of a recording depends on, besides its labels.
function resultOf(known) {
  return JSON.stringify([state.model, known.counts, known.subject, known.site, known.side, known.recorded_at, known.symptoms]);
}

function otherResult(by) {
  const at = results.shown.findIndex((known) => known.name === results.open) + by;
  if (results.shown[at]) location.hash = "#results=" + encodeURIComponent(results.shown[at].name);
}

// --- description

function describe(names) {
  const chosen = state.recordings.filter((known) => names.includes(known.name));
  if (!chosen.length) return;
  results.edited = chosen.map((known) => known.name);
  results.touched.clear();
  const common = (name) => (chosen.every((known) => (known[name] || "") === (chosen[0][name] || "")) ? chosen[0][name] || "" : null);
  byId("describe-title").textContent = chosen.length === 1 ? chosen[0].name : count(chosen.length, "recording", "recordings");
  for (const [name, options] of [["site", siteOptions], ["side", sideOptions]]) {
    const value = common(name);
    setOptions(byId("edit-" + name), [...(value === null ? [["*", "(different)"]] : []), ...options("unknown")], value === null ? "*" : value);
  }
  byId("edit-subject").value = common("subject") || "";
  byId("edit-subject").placeholder = common("subject") === null ? "(different)" : "a name or a code";
  byId("edit-recorded_at").value = (common("recorded_at") || "").slice(0, 19);
  const every = state.symptoms.map((symptom) => symptom.name).filter((name) => chosen.every((known) => (known.symptoms || []).includes(name)));
  byId("edit-symptoms").replaceChildren(...symptomBoxes("edit-symptom-", every, () => results.touched.add("symptoms")));
  byId("describe").showModal();
}

async function saveDescription() {
  if (byId("describe").returnValue !== "save" || !results.touched.size) return;
  const changes = {};
  for (const name of results.touched) changes[name] = name === "symptoms" ? checkedIn(byId("edit-symptoms")) : byId("edit-" + name).value.trim();
  for (const name of ["site", "side"]) if (changes[name] === "*") delete changes[name];
  await attempt("api/recordings/metadata", { names: results.edited, ...changes });
}

function beginResults() {
  results.list = new VirtualList(byId("list"), byId("list-inner"), rowOfRecording, signatureOf);
  for (const [id, event] of [["filter-text", "input"], ["filter-label", "change"], ["filter-subject", "change"]]) {
    byId(id).addEventListener(event, () => {
      byId("list").scrollTop = 0;
      drawList();
    });
  }
  byId("select-all").addEventListener("click", () => {
    const all = results.shown.every((known) => results.selected.has(known.name));
    for (const known of results.shown) {
      if (all) results.selected.delete(known.name);
      else results.selected.add(known.name);
    }
    results.list.draw();
    drawSelection();
  });
  byId("edit").addEventListener("click", () => describe([...results.selected]));
  byId("edit-one").addEventListener("click", () => describe([results.open]));
  byId("previous").addEventListener("click", () => otherResult(-1));
  byId("next").addEventListener("click", () => otherResult(1));
  for (const name of ["site", "side", "subject", "recorded_at"]) byId("edit-" + name).addEventListener("input", () => results.touched.add(name));
  byId("describe").addEventListener("close", saveDescription);
  tabWatchers.results = openResult;
}
