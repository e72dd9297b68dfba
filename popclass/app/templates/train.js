// Training on the labels, comparison of the new model with the one in use, evaluation and downloads.

const SCORES = [
  ["log_loss", "log loss", "lower is better"],
  ["balanced_accuracy", "balanced accuracy", "higher is better"],
  ["brier", "Brier score", "lower is better"],
  ["ece", "calibration error (ECE)", "lower is better"],
];
const EXPORTS = [
  ["events.csv", "events, a row each"], ["bursts.csv", "bursts, a row each"], ["recordings.csv", "recordings, a row each"],
  ["labels.csv", "labels, as popclass train reads them"], ["events.jsonl", "events with all their properties, as JSON lines"],
  ["audacity.zip", "label tracks for Audacity"], ["raven.zip", "selection tables for Raven"], ["model", "the model in use"],
];

function drawTrain() {
  const numbers = { ...Object.fromEntries([...state.classes, UNSURE].map((label) => [label, 0])), ...state.labels };
  byId("train-who").textContent = "The labels of " + (observer ? "observer " + observer : "the first observer") + " are in " + state.saved + ".";
  byId("train-counts").replaceChildren(...Object.entries(numbers).flatMap(([label, number]) => {
    const term = make("dt");
    term.append(markOf(label), " " + label);
    return [term, make("dd", String(number), { "data-count": label })];
  }));
  const lines = missingLabels(numbers);
  byId("missing").hidden = !lines.length;
  byId("missing").replaceChildren(...lines.map((line) => make("li", line)));
  byId("train-button").disabled = isWorking() || !labelNumber(numbers);
  byId("train-button").textContent = state.work.kind === "train" ? "Training …" : "Train a model";
  const done = state.recordings.some((known) => known.status === "ok");
  for (const line of byId("exports").children) line.hidden = !(line.dataset.kind === "labels.csv" ? Object.values(numbers).some(Boolean) : done || line.dataset.kind === "model");
  byId("no-exports").hidden = done;
  drawEvaluation(numbers);
  drawCandidate();
}

// One training or evaluation is done at a time.
function isWorking() {
  return ["train", "evaluate"].includes(state.work.kind);
}

function labelNumber(numbers) {
  return Object.entries(numbers).reduce((sum, [label, number]) => sum + (label === UNSURE || label === "" ? 0 : number), 0);
}

// What the labels lack, in the order of importance.
function missingLabels(numbers) {
  if (!labelNumber(numbers)) return ["There is no label yet: label some sounds first."];
  const none = state.classes.filter((label) => !numbers[label]);
  const lines = none.length ? ["No label yet: " + none.join(", ") + ". Without labels the model learns nothing new about " + (none.length === 1 ? "it" : "them") + "."] : [];
  const labelled = state.recordings.filter((known) => known.labelled);
  const people = new Set(labelled.map((known) => known.subject).filter(Boolean));
  if (labelled.length < 2) lines.push("All labels are of one recording: label a second one, so that the new model can be tested on a recording that it was not trained on.");
  else if (people.size < 2) lines.push("The labels are not known to be of several people: whether the model works for others cannot be tested.");
  return lines;
}

function drawEvaluation(numbers) {
  const busy = state.work.kind === "evaluate";
  byId("evaluate-button").disabled = isWorking() || !labelNumber(numbers);
  byId("evaluate-button").textContent = busy ? "Evaluating …" : "Evaluate";
  const others = state.observers.filter((name) => name !== observer);
  const files = state.evaluation;
  if (busy || !files.length) byId("evaluation-report").hidden = true;
  byId("evaluation-show").hidden = !files.includes("report.md");
  if (byId("evaluation-report").hidden) byId("evaluation-show").textContent = "Show the report";
  byId("evaluation").hidden = !files.length;
  byId("evaluation-files").replaceChildren(...files.map((name) => {
    const line = make("li");
    line.append(make("a", name, { href: "evaluation/" + encodeURIComponent(name), target: "_blank", rel: "noopener" }));
    return line;
  }));
  setOptions(byId("second"), [["*", "none"], ...others.map((name) => [name, name || "first observer"])], byId("second").value || "*");
}

// A score with its interval.
function shownScore(scores, name) {
  if (!scores || scores[name] === null || scores[name] === undefined) return "–";
  const interval = scores.intervals && scores.intervals[name];
  return scores[name].toFixed(3) + (interval ? " [" + interval.map((value) => value.toFixed(3)).join(", ") + "]" : "");
}

// In a sentence what the comparison says; a model that is useless has its own warning.
function verdictOn(found) {
  if (!found.folds || !found.new || found.new.useless || !found.in_use || !found.in_use.same_labels) return "";
  if (found.new.log_loss < found.in_use.log_loss) return " There the new model is better than the one in use, by its log loss.";
  return " There the new model is no better than the one in use, by its log loss: nothing speaks for keeping it.";
}

function drawCandidate() {
  const found = state.candidate;
  byId("candidate").hidden = !found;
  byId("new-model").textContent = found ? "(new model)" : "";
  if (!found) return;
  byId("candidate").dataset.sha256 = found.sha256;
  const models = [["model in use" + (found.in_use ? " (" + found.in_use.name + ")" : ""), found.in_use], ["new model", found.new], ["class frequencies alone", found.baseline]];
  const held = found.folds ? "Scores on " + count(found.groups, found.grouped_by, found.grouped_by + "s") + " held out in " + count(found.folds, "fold", "folds") + "." : "Nothing could be held out, so there are no scores.";
  const classes = Object.entries(found.classes || {}).map(([label, number]) => number + " " + label).join(", ");
  byId("candidate-text").textContent = "Trained on " + count(found.labels, "labelled sound", "labelled sounds") + (classes ? ": " + classes : "") + ". " + held + verdictOn(found);
  const useless = models.map(([, scores]) => scores && scores.useless).filter(Boolean);
  byId("candidate-warnings").replaceChildren(...[...useless, ...found.notes].map((note, at) => make("p", note, { class: "flag " + (at < useless.length ? "emergency" : "at-once") })));
  const head = make("tr");
  head.append(...["Score", ...models.map(([name]) => name)].map((name, at) => {
    const cell = make("th", null, { scope: "col", ...(at ? { class: "number" } : {}) });
    cell.append(make("span", name, { class: "head" }));
    return cell;
  }));
  const rowOf = (shown, better, valueOf) => {
    const title = make("th", shown, { scope: "row" });
    title.append(make("span", " " + better, { class: "small" }));
    return filled("tr", [title, ...models.map(([model, scores]) => make("td", valueOf(scores), { class: "number", "data-name": model }))]);
  };
  const recalled = Object.keys((found.new && found.new.recalls) || {});
  const shareOf = (label) => (scores) => (scores && scores.recalls && scores.recalls[label] !== undefined && scores.recalls[label] !== null ? scores.recalls[label].toFixed(3) : "–");
  const rows = [
    ...SCORES.map(([name, shown, better]) => rowOf(shown, better, (scores) => shownScore(scores, name))),
    ...recalled.map((label) => rowOf("share of " + label + " that is found", "at the chosen target; higher is better", shareOf(label))),
  ];
  const top = make("thead");
  top.append(head);
  const body = make("tbody");
  body.append(...rows);
  byId("comparison").hidden = !found.folds;
  byId("comparison").replaceChildren(top, body);
  const own = found.in_use && found.in_use.same_labels === false;
  const spans = models.some(([, scores]) => scores && Object.values(scores.intervals || {}).some(Boolean));
  const brackets = spans ? "In brackets: 95 % intervals." : "No intervals: there are too few groups.";
  byId("comparison-note").textContent = !found.folds ? "" : brackets + (own ? " The scores of the model in use are those of its own training, on the labels of that time: they are not comparable line by line." : "");
}

function drawModels() {
  setOptions(byId("model"), [...new Set(["default", ...(state.models || []), state.model])].map((name) => [name, name === "default" ? "default (comes with popclass)" : name]), state.model);
}

// Show or hide the report of the last evaluation.
async function toggleReport() {
  const section = byId("evaluation-report");
  if (section.hidden) {
    try {
      const answer = await fetch("evaluation/report.md");
      if (!answer.ok) throw new Error(await reasonOf(answer));
      section.replaceChildren(...markdownOf(await answer.text(), "evaluation/"));
    } catch (error) {
      return showMessage(error instanceof TypeError ? "popclass does not answer." : error.message);
    }
  }
  section.hidden = !section.hidden;
  byId("evaluation-show").textContent = section.hidden ? "Show the report" : "Hide the report";
  byId("evaluation-show").setAttribute("aria-expanded", String(!section.hidden));
  if (section.hidden) return;
  section.scrollIntoView();
  section.focus({ preventScroll: true });
}

function beginTrain() {
  byId("evaluation-show").addEventListener("click", toggleReport);
  byId("train-button").addEventListener("click", () => attempt("api/train", { observer: observer, target: document.querySelector("input[name=target]:checked").value }));
  byId("evaluate-button").addEventListener("click", () => {
    const second = byId("second").value;
    attempt("api/evaluate", { observer: observer, second: second === "*" ? null : second });
  });
  byId("keep-form").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt("api/train/keep", { name: byId("keep-name").value, sha256: byId("candidate").dataset.sha256 }).then((answer) => answer && showMessage("Kept and in use; all recordings are classified again."));
  });
  byId("discard").addEventListener("click", () => attempt("api/train/discard", { sha256: byId("candidate").dataset.sha256 }));
  byId("model").addEventListener("change", () => attempt("api/model", { model: byId("model").value }).then((answer) => answer || drawModels()));
  byId("exports").append(...EXPORTS.map(([kind, text]) => {
    const line = make("li");
    const address = "export/" + kind + (kind === "labels.csv" && observer ? "?" + query({ observer: observer }) : "");
    line.dataset.kind = kind;
    line.append(make("a", kind, { href: address, download: "" }), " " + text);
    return line;
  }));
}
