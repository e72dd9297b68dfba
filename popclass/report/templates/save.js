// Labels saved by a server, where the page has an address for them (`data.save`). A label is kept here, and in the storage
// of the browser, until the server has answered that it is on its disk.

const RETRY_MS = 2000;
const ANSWER_MS = 20000;
const UNSAVED = "popclass:unsaved:" + (data.place || data.key) + (data.save || "").replace(/^[^?]*/, "");

const saver = {
  rows: new Map(), // not saved yet, by file and time
  sending: false,
  failure: "",
  saved: 0, // since the page was opened
  watchers: [],

  // Rows of file, start, end and label; an empty label removes the one that is there.
  post(rows) {
    for (const row of rows) this.rows.set(keyOf(row), row.slice(0, 4));
    this.keep();
    this.send();
  },

  keep() {
    storage.write(UNSAVED, [...this.rows.values()]);
    this.draw();
  },

  async send() {
    if (this.sending || !this.rows.size) return;
    this.sending = true;
    const rows = [...this.rows.values()];
    try {
      const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ rows: rows }) };
      const answer = await fetch(data.save, { ...request, signal: AbortSignal.timeout(ANSWER_MS) });
      if (!answer.ok) throw new Error(await reasonOf(answer));
      // A label that was changed in the meantime is still to be sent.
      for (const row of rows) if (this.rows.get(keyOf(row)) === row) this.rows.delete(keyOf(row));
      this.saved += rows.length;
      this.failure = "";
    } catch (error) {
      this.failure = error.name === "TypeError" || error.name === "TimeoutError" ? "popclass does not answer" : error.message;
    }
    this.sending = false;
    this.keep();
    if (this.failure) setTimeout(() => this.send(), RETRY_MS);
    else {
      for (const watcher of this.watchers) watcher();
      this.send();
    }
  },

  draw() {
    const place = byId("saved");
    const waiting = count(this.rows.size, "label is", "labels are");
    place.hidden = !this.rows.size && !this.saved;
    place.className = this.failure ? "flag emergency" : "small";
    place.setAttribute("role", this.failure ? "alert" : "status");
    if (!this.failure) {
      place.textContent = this.rows.size ? "Saving …" : this.saved ? "Saved: all labels are on disk." : "";
      return;
    }
    const button = make("button", "Save them as a file", { type: "button" });
    const filled = (row) => [...row, ...Array(COLUMNS.length - row.length).fill("")];
    button.addEventListener("click", () => saveFile("unsaved.labels.csv", csvOf([...this.rows.values()].map(filled))));
    const text = "Not saved: " + waiting + " not on disk, since " + this.failure + ". Trying again; keep this page open. ";
    if (place.firstChild && place.firstChild.textContent === text) return; // a screen reader says it once
    place.replaceChildren(make("strong", text), button);
  },

  // Take up what an earlier page could not save, and warn before labels are lost.
  begin() {
    if (!data.save) return;
    window.addEventListener("beforeunload", (event) => this.rows.size && event.preventDefault());
    this.post(storage.read(UNSAVED) || []);
  },
};

// The clear line of a server that refuses a request.
async function reasonOf(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text).error || text;
  } catch (error) {
    return "the answer was " + answer.status;
  }
}

// The rows that turn the labels `before` into those `after`; both are maps by file and time.
function changedRows(before, after) {
  const gone = [...before].filter(([key, row]) => row[3] && !after.has(key)).map(([, row]) => [...row.slice(0, 3), ""]);
  const changed = [...after].filter(([key, row]) => (before.get(key) || [])[3] !== row[3]).map(([, row]) => row.slice(0, 4));
  return [...gone, ...changed];
}
