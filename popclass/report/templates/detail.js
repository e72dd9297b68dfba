// Details of one event: clip, close-up, probabilities, timing, and contributions to the label.

const CLOSEUP = { size: 256, columns: 260, rows: 64, before: 0.03, after: 0.12 };

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
    ...data.classes.map((label, place) => {
      const button = make("button", null, { type: "button", "aria-pressed": String(item.label === label && !item.removed), "data-label": label });
      button.append(markOf(label), " " + label + " ", make("kbd", String(place + 1)));
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
  const flag = event.timing === "consistent" ? "Timing: possible" : "Timing: within the refractory period";
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

// Waveform and spectrogram of the clip.
function drawCloseup(item) {
  const canvas = byId("closeup");
  const samples = item.event ? samplesOf(item.event, () => current.selected === item.id && drawCloseup(item)) : null;
  canvas.hidden = !(item.event && item.event.clip);
  if (canvas.hidden) return;
  const [context, width, height] = prepare(canvas);
  context.fillStyle = colour("--wash");
  context.fillRect(0, 0, width, height);
  if (!samples) return;
  const begin = Math.round((item.start - item.event.clipStart - CLOSEUP.before) * DECODED_RATE);
  const length = Math.round((CLOSEUP.before + CLOSEUP.after) * DECODED_RATE);
  const half = height * 0.46;
  drawSamples(context, samples, begin, length, width, half);
  drawBands(context, samples, begin, length, { left: 0, width: width, top: half + 4, height: height - half - 4, columns: CLOSEUP.columns, lowest: 100, highest: 18000 });
  const x = (CLOSEUP.before / (CLOSEUP.before + CLOSEUP.after)) * width;
  context.fillStyle = colourOf(item.label);
  context.fillRect(x, 0, 1.5, height);
  context.fillStyle = colour("--soft");
  context.font = "11px system-ui, sans-serif";
  for (let ms = 0; ms <= 100; ms += 20) {
    const at = x + (ms / 1000 / (CLOSEUP.before + CLOSEUP.after)) * width;
    context.fillText(ms + (ms ? "" : " ms"), at + 4, half + 1);
  }
  canvas.dataset.drawn = item.id;
}

function drawSamples(context, samples, begin, length, width, height) {
  let loudest = 1e-9;
  for (let at = 0; at < length; at += 1) loudest = Math.max(loudest, Math.abs(samples[begin + at] || 0));
  context.strokeStyle = colour("--ink");
  context.lineWidth = 1;
  context.beginPath();
  for (let at = 0; at < length; at += 1) {
    const y = (height / 2) * (1 - (0.92 * (samples[begin + at] || 0)) / loudest);
    context.lineTo((at / length) * width, y);
  }
  context.stroke();
}

// Draw a spectrogram of samples in a box of the canvas.
function drawBands(context, samples, begin, length, box) {
  const { size, rows } = CLOSEUP;
  const levels = [];
  for (let column = 0; column < box.columns; column += 1) {
    const spectrum = powers(samples, Math.round(begin + (column / box.columns) * length - size / 2), size);
    for (let row = 0; row < rows; row += 1) {
      const hertz = box.lowest * Math.pow(box.highest / box.lowest, (row + 0.5) / rows);
      const bin = Math.min(Math.round((hertz * size) / DECODED_RATE), size / 2 - 1);
      levels.push(10 * Math.log10(spectrum[bin] + 1e-14));
    }
  }
  subtractMedians(levels, rows);
  const loudest = Math.max(levels.reduce((most, level) => Math.max(most, level), 0), 20);
  const faintest = Math.max(loudest - 55, 4);
  context.fillStyle = colour("--tint");
  levels.forEach((level, place) => {
    const shade = (level - faintest) / (loudest - faintest);
    if (shade <= 0.03) return;
    const x = box.left + (Math.floor(place / rows) / box.columns) * box.width;
    const y = box.top + box.height * (1 - ((place % rows) + 1) / rows);
    context.globalAlpha = shade;
    context.fillRect(x, y, box.width / box.columns + 0.5, box.height / rows + 0.5);
  });
  context.globalAlpha = 1;
}

// Subtract the median of each row, as in the spectrogram of the whole recording, to remove stationary noise.
function subtractMedians(levels, rows) {
  for (let row = 0; row < rows; row += 1) {
    const all = levels.filter((level, place) => place % rows === row).sort((a, b) => a - b);
    const median = all[Math.floor(all.length / 2)];
    for (let place = row; place < levels.length; place += rows) levels[place] -= median;
  }
}
