// What is known about a recording: joint, side, person and symptoms, in words for lay readers.

const MOST_SUBJECTS = 500; // offered
const ABOUT = { site: "", side: "", subject: "", symptoms: [] };

function siteOptions(unknown) {
  // The first word is a note; what follows a semicolon in it is for readers of the literature.
  const words = (site) => [...new Set(site.words.filter((word, at) => word && word !== site.name && !(at && site.words[0].split(/[ ;]/).includes(word))).map((word) => word.split(";")[0].replace(/(\w{2,})-(\w)/g, "$1 $2")))];
  return [["", unknown], ...state.sites.map((site) => [site.name, site.name + (words(site).length ? " (" + words(site).join(", ") + ")" : "")])];
}

function sideOptions(unknown) {
  return [["", unknown], ...state.sides.map((side) => [side, side])];
}

function subjectsOf(recordings) {
  return [...new Set(recordings.map((known) => known.subject).filter(Boolean))].sort(new Intl.Collator("en", { numeric: true }).compare);
}

// Boxes for the symptoms, those of `chosen` checked.
function symptomBoxes(prefix, chosen, changed) {
  return state.symptoms.map((symptom) => {
    const box = make("input", null, { type: "checkbox", id: prefix + symptom.name, value: symptom.name });
    box.checked = chosen.includes(symptom.name);
    box.addEventListener("change", changed);
    const line = make("label", null, { class: "check" });
    line.append(box, make("span", symptom.text));
    return line;
  });
}

function checkedIn(box) {
  return [...box.querySelectorAll("input:checked")].map((each) => each.value);
}

function drawAbout() {
  setOptions(byId("site"), siteOptions("not sure, or several"), ABOUT.site);
  setOptions(byId("side"), sideOptions("neither, or not sure"), ABOUT.side);
  const subjects = subjectsOf(state.recordings).slice(0, MOST_SUBJECTS);
  if (byId("subjects").dataset.names !== subjects.join("\n")) {
    byId("subjects").dataset.names = subjects.join("\n");
    byId("subjects").replaceChildren(...subjects.map((name) => make("option", null, { value: name })));
  }
  if (!byId("symptoms").children.length) byId("symptoms").append(...symptomBoxes("symptom-", ABOUT.symptoms, readAbout));
}

function readAbout() {
  for (const name of ["site", "side", "subject"]) ABOUT[name] = byId(name).value.trim();
  ABOUT.symptoms = checkedIn(byId("symptoms"));
  byId("symptoms-count").textContent = ABOUT.symptoms.length ? "(" + ABOUT.symptoms.length + ")" : "";
  return { ...ABOUT };
}

// Only what is known.
function knownAbout() {
  return Object.fromEntries(Object.entries(readAbout()).filter(([, value]) => value.length));
}

function beginAbout() {
  for (const name of ["site", "side", "subject"]) byId(name).addEventListener("change", readAbout);
}
