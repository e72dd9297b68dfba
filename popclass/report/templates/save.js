// Labels saved by a server, where the page has an address for them (`data.save`). A label is kept here, and in the storage
// of the browser, until the server has answered that it is on its disk. One that the server refuses for good, such as that
// of a recording that was deleted, is told and left out, so that it does not hold up the others.

const RETRY_MS = 2000;
const ANSWER_MS = 20000;
const UNSAVED = "popclass:unsaved:" + (data.place || data.key) + (data.save || "").replace(/^[^?]*/, "");

const saver = {
  rows: new Map(), // not saved yet, by file and time
  refused: new Map(), // never to be saved, with the reason
  sending: false,
  failure: "",
  expired: false, // popclass was started again at this port: its new page takes up what is stored
  saved: 0, // since the page was opened
  watchers: [],

  // Rows of file, start, end and label; an empty label removes the one that is there.
  post(rows) {
    for (const row of rows) {
      this.rows.set(keyOf(row), row.slice(0, 4));
      this.refused.delete(keyOf(row));
    }
    this.keep();
    this.send();
  },

  keep() {
    if (!this.expired) storage.write(UNSAVED, [...this.rows.values()]);
    this.draw();
  },

  async send() {
    if (this.sending || this.expired || !this.rows.size) return;
    this.sending = true;
    this.failure = "";
    const rows = [...this.rows.values()];
    try {
      await this.put(rows);
    } catch (error) {
      if (!error.final) this.failure = error.message;
      else await this.putEach(rows);
      this.expired = error.status === 403;
    }
    this.sending = false;
    this.keep();
    if (this.failure) setTimeout(() => this.send(), RETRY_MS);
    else {
      for (const watcher of this.watchers) watcher();
      this.send();
    }
  },

  // Save rows and forget them; a label that was changed in the meantime is still to be sent.
  async put(rows) {
    const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ rows: rows }) };
    let answer;
    try {
      answer = await fetch(data.save, { ...request, signal: AbortSignal.timeout(ANSWER_MS) });
    } catch (error) {
      throw new Error("popclass does not answer (if it was started again, save them as a file here, and open its new page)");
    }
    if (!answer.ok) throw await errorOf(answer);
    for (const row of rows) this.settle(row);
    this.saved += rows.length;
  },

  // Save rows one by one, since one of them is refused.
  async putEach(rows) {
    for (const row of rows) {
      try {
        await this.put([row]);
      } catch (error) {
        if (!error.final) {
          this.failure = error.message;
          return;
        }
        this.settle(row);
        this.refused.set(keyOf(row), { row: row, reason: error.message });
      }
    }
  },

  settle(row) {
    if (this.rows.get(keyOf(row)) === row) this.rows.delete(keyOf(row));
  },

  draw() {
    const place = byId("saved");
    const lost = [...this.rows.values(), ...[...this.refused.values()].map((each) => each.row)];
    const bad = this.failure || this.refused.size;
    place.hidden = !lost.length && !this.saved;
    place.className = bad ? "flag emergency" : "small";
    place.setAttribute("role", bad ? "alert" : "status");
    if (!bad) {
      place.textContent = this.rows.size ? "Saving …" : this.saved ? "Saved: all labels are on disk." : "";
      return;
    }
    const button = make("button", "Save them as a file", { type: "button" });
    const filled = (row) => [...row, ...Array(COLUMNS.length - row.length).fill("")];
    button.addEventListener("click", () => saveFile("unsaved.labels.csv", csvOf(lost.map(filled))));
    const text = this.failure
      ? "Not saved: " + count(lost.length, "label is", "labels are") + " not on disk, since " + this.failure + (this.expired ? ". " : ". Trying again; keep this page open. ")
      : "Not saved: " + count(lost.length, "label was", "labels were") + " refused, since " + [...this.refused.values()].at(-1).reason + ". All others are on disk. ";
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

// The clear line of a server that refuses a request; `final` if trying again cannot help.
async function errorOf(answer) {
  const content = await answer.json().catch(() => ({}));
  return Object.assign(new Error(content.error || "the answer was " + answer.status), { final: content.final, status: answer.status });
}

async function reasonOf(answer) {
  return (await errorOf(answer)).message;
}

// The rows that turn the labels `before` into those `after`; both are maps by file and time.
function changedRows(before, after) {
  const gone = [...before].filter(([key, row]) => row[3] && !after.has(key)).map(([, row]) => [...row.slice(0, 3), ""]);
  const changed = [...after].filter(([key, row]) => (before.get(key) || [])[3] !== row[3]).map(([, row]) => row.slice(0, 4));
  return [...gone, ...changed];
}
