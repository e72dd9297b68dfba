// Details of one event: clip, close-up, probabilities, timing, and contributions to the label.

function drawDetail() {
  const item = selectedItem();
  byId("chosen").hidden = !item;
  byId("detail").hidden = !eventsOf(current.recording).length;
  if (!item) {
    byId("detail-title").textContent = "No event selected";
    return;
  }
  const event = item.event;
  byId("detail-title").textContent = (event ? "Event " + event.n : "Added event") + " at " + clock(item.start);
  drawLabels(item);
  byId("play").disabled = !(event && event.clip);
  byId("reset").disabled = !event || !(item.changed || item.removed || item.checked);
  byId("remove").hidden = Boolean(data.save && event);
  byId("remove").textContent = item.removed ? "Restore" : "Remove";
  byId("sound").textContent = soundOf(event);
  drawCloseup(item);
  byId("decision").textContent = event ? decisionOf(item) : "Added by hand, as a point" + (item.label === UNCERTAIN ? "; choose a label." : ".");
  byId("why").textContent = event ? timingOf(event) : "";
  drawProbabilities(event);
  drawEvidence(event);
}

function drawLabels(item) {
  byId("label-buttons").replaceChildren(
    ...CHOICES.map((label) => {
      const button = make("button", null, { type: "button", "aria-pressed": String(item.label === label && !item.removed), "data-label": label });
      button.append(markOf(label), " " + label + " ");
      addKey(button, label);
      button.addEventListener("click", () => relabel(current.recording, item, label));
      return button;
    })
  );
}

function soundOf(event) {
  if (!event) return "There is no clip for an event that was added here.";
  if (!event.clip) return "There is no clip for this event: the size limit of the page was reached.";
  const gain = event.gain;
  const change = Math.abs(gain) < 0.5 ? "as loud as" : Math.abs(gain).toFixed(0) + " dB " + (gain > 0 ? "louder" : "quieter") + " than";
  return "The clip is " + change + " the recording. There, this event's own loudest sample is at " + event.dbfs + " dBFS" +
    (data.recordings[current.recording].channels > 1 ? " (channel " + event.channel + ")" : "") +
    ", and its SNR is " + event.snr + " dB.";
}

// The acoustic label, the final label, novelty, and the correction.
function decisionOf(item) {
  const event = item.event;
  const acoustic = event.probabilities[data.classes.indexOf(event.acoustic)];
  const sound = "By its sound alone: " + event.acoustic + " (" + acoustic.toFixed(2) + "). ";
  const answer = event.unlike
    ? "Uncertain, since the sound is " + data.unlike + "."
    : event.label === UNCERTAIN
    ? "With context and timing, no label reaches the minimum probability (" + event.p.toFixed(2) + "): uncertain."
    : "With context and timing: " + event.label + " (" + event.p.toFixed(2) + ").";
  const novelty = event.novelty === null ? "" : " Novelty " + truncated(event.novelty) + ": " + (event.novelty < 0.5
    ? "like the sounds the model knows."
    : (event.novelty < 0.95 ? "less like the sounds the model knows than " + Math.floor(100 * event.novelty) + " % of them are"
      : "unlike the sounds the model knows") + (data.graded ? ", which counts against a joint sound." : "."));
  return sound + answer + novelty + (item.changed ? " Corrected to: " + item.label + "." : "");
}

function timingOf(event) {
  if (event.timing === "unchecked") return "Timing: not checked, since the event is not a candidate for a cavitation.";
  const flag = event.timing === "consistent" ? "Timing: consistent" : "Timing: within the refractory period";
  return flag + (event.why ? ": " + event.why : "") + ".";
}

function drawProbabilities(event) {
  const parts = event ? data.classes.flatMap((label, place) => {
    const share = event.probabilities[place];
    const term = make("dt");
    term.append(markOf(label), " " + label);
    const bar = make("span");
    bar.style.width = (100 * share).toFixed(1) + "%";
    bar.style.background = colourOf(label);
    const meter = make("dd", null, { class: "meter", "aria-hidden": "true" });
    meter.append(bar);
    return [term, meter, make("dd", share.toFixed(2), { class: "value" })];
  }) : [];
  byId("probabilities").replaceChildren(...parts);
}

function drawEvidence(event) {
  const lines = event && event.evidence ? event.evidence : [];
  const known = Boolean(event && event.evidence);
  byId("evidence-title").hidden = byId("evidence-note").hidden = !known;
  if (known) byId("evidence-title").textContent = "Main properties for and against " + event.acoustic;
  byId("evidence").replaceChildren(
    ...lines.map(([group, weight, measured]) => {
      const line = make("li", null, { class: weight > 0 ? "for" : "against" });
      const times = Math.exp(Math.abs(weight));
      const far = times >= 100 ? "over 100" : times >= 10 ? times.toFixed(0) : times.toFixed(1);
      line.append(make("span", group + (measured ? ": " + measured : "")));
      line.append(make("span", "odds " + far + " times " + (weight > 0 ? "higher" : "lower"), { class: "weight" }));
      return line;
    })
  );
  if (known && !lines.length) byId("evidence").append(make("li", "No property has a notable effect: all are close to the training mean."));
}
