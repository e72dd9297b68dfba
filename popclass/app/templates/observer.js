// The observer whose labels the page shows and saves; the first observer has no name.

const observer = new URLSearchParams(location.search).get("observer") || "";
data.save = "api/labels?observer=" + encodeURIComponent(observer);

// Open the page of an observer at the part of the page that is open.
function changeObserver(name) {
  location.assign(location.pathname + (name ? "?observer=" + encodeURIComponent(name) : "") + location.hash);
}

function drawObservers(names) {
  const all = [...new Set(["", ...names, observer])];
  setOptions(byId("observer"), [...all.map((name) => [name, name || "first observer"]), ["+", "a further observer …"]], observer);
}

// The nearest name that files can have: small letters, digits, - and _.
function plainName(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^a-z0-9_-]+/g, "-").replace(/^[-_]+/, "");
}

function beginObservers() {
  for (const id of ["observer-name", "keep-name"]) byId(id).addEventListener("change", () => (byId(id).value = plainName(byId(id).value)));
  byId("observer").addEventListener("change", () => {
    const wanted = byId("observer").value;
    byId("observer").value = observer;
    if (saver.rows.size) return showMessage("Wait until all labels are saved.");
    if (wanted !== "+") return changeObserver(wanted);
    byId("observer-name").value = "";
    byId("name-observer").showModal();
  });
  byId("name-observer").addEventListener("close", () => {
    if (byId("name-observer").returnValue === "save") changeObserver(byId("observer-name").value);
  });
}
