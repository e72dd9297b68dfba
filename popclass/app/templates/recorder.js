// Recording with the microphone: blocks go to the server in order, and are kept only until it has them.

const PROCESSING = { autoGainControl: "automatic gain control", noiseSuppression: "noise suppression", echoCancellation: "echo cancellation" };
const MOST_WAITING_S = 300; // recorded but not sent; then the recording stops, so that the memory does not fill
const BLOCK_RETRY_MS = 1000;
const LOUD = 0.98;
const LISTED = 12;

let recording = null; // { stream, context, node, id, rate, frames, sent, waiting, ended, ... }

// Say in one line what the browser does to the sound.
function settingsLine(settings) {
  const kept = Object.keys(PROCESSING).filter((name) => settings[name] === true).map((name) => PROCESSING[name]);
  const unknown = Object.keys(PROCESSING).some((name) => settings[name] === undefined);
  if (kept.length) return ["This browser keeps " + kept.join(" and ") + " on, which changes or removes short sounds: use another browser or microphone, or record with another program and drop the file.", true];
  return unknown ? ["This browser does not say whether it changes the sound.", false] : ["The sound is recorded as it is, without gain control, noise suppression or echo cancellation.", false];
}

function reasonOfMicrophone(error) {
  if (error.name === "NotAllowedError") return "The browser may not use the microphone: allow it for this page, then press Record again.";
  if (error.name === "NotFoundError") return "There is no microphone: connect one, then press Record again.";
  if (error.name === "NotReadableError") return "The microphone is in use by another program, or does not answer.";
  return "The microphone cannot be used: " + error.message;
}

async function openMicrophone() {
  if (!navigator.mediaDevices) throw new Error("this browser gives pages no microphone");
  const wanted = byId("microphone").value;
  const off = Object.fromEntries(Object.keys(PROCESSING).map((name) => [name, false]));
  return navigator.mediaDevices.getUserMedia({ audio: { ...off, channelCount: 1, ...(wanted ? { deviceId: { exact: wanted } } : {}) } });
}

async function openContext(stream) {
  const rate = stream.getAudioTracks()[0].getSettings().sampleRate;
  let context = new AudioContext(rate ? { sampleRate: rate } : {});
  try {
    context.createMediaStreamSource(stream);
  } catch (error) { // this browser does not convert sample rates
    context.close();
    context = new AudioContext();
  }
  await context.audioWorklet.addModule("static/recorder-worklet.js");
  await context.resume();
  return context;
}

async function startRecording() {
  byId("record-button").disabled = true;
  showMessage("");
  byId("recorded").replaceChildren();
  try {
    const stream = await openMicrophone();
    try {
      recording = await beginTake(stream);
    } catch (error) {
      stream.getTracks().forEach((track) => track.stop());
      throw error;
    }
    listMicrophones();
    drawTake({ events: [] });
  } catch (error) {
    showMessage(error instanceof DOMException ? reasonOfMicrophone(error) : error.message);
  }
  byId("record-button").disabled = false;
  drawRecorder();
}

async function beginTake(stream) {
  const context = await openContext(stream);
  const track = stream.getAudioTracks()[0];
  const { id } = await postJson("api/takes", { sample_rate: context.sampleRate, ...knownAbout() });
  const take = { stream, context, id, rate: context.sampleRate, frames: 0, sent: 0, waiting: [], line: settingsLine(track.getSettings()), ended: false, sending: false, loud: false };
  take.node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
  take.node.port.onmessage = (event) => onRecorder(take, event.data);
  take.node.onprocessorerror = () => stopRecording("Recording failed.");
  track.addEventListener("ended", () => stopRecording("The microphone was disconnected."));
  context.createMediaStreamSource(stream).connect(take.node);
  return take;
}

function onRecorder(take, message) {
  if (message.peak !== undefined) drawLevel(take, message.peak);
  if (message.samples) {
    take.waiting.push({ at: take.frames, samples: message.samples });
    take.frames += message.samples.length;
    byId("elapsed").textContent = clock(take.frames / take.rate, 1);
    byId("recording-time").textContent = "● " + byId("elapsed").textContent;
    if (take.waiting.length > MOST_WAITING_S && !take.ended) stopRecording("Recording stopped, since popclass does not answer.");
    sendBlocks(take);
  }
  if (message.done) {
    take.ended = true;
    take.stream.getTracks().forEach((track) => track.stop());
    take.context.close();
    sendBlocks(take);
  }
}

// Send the blocks that wait, one after the other, then end the recording.
async function sendBlocks(take) {
  if (take.sending) return;
  take.sending = true;
  while (take.waiting.length) {
    const block = take.waiting[0];
    const done = await untilDone(take, () => request("api/takes/" + encodeURIComponent(take.id) + "?at=" + block.at, { method: "POST", body: block.samples }));
    if (!done) return;
    take.waiting.shift();
  }
  take.sending = false;
  if (!take.ended || take.closed) return;
  take.closed = take.sending = true;
  const answer = await untilDone(take, () => postJson("api/takes/" + encodeURIComponent(take.id) + "/end"), "It is kept, and appears once that is mended.");
  if (recording === take) recording = null;
  drawRecorder();
  if (answer) {
    const link = make("a", answer.name, { href: "#results=" + encodeURIComponent(answer.name) });
    byId("so-far").textContent = byId("so-far").textContent.replace("So far", "Found");
    byId("recorded").replaceChildren("Recorded " + clock(take.frames / take.rate, 1) + " as ", link, ".");
  }
  refresh();
}

// Repeat a request until it succeeds. A refusal is final: it ends the recording, and the result is null.
async function untilDone(take, action, hint) {
  for (;;) {
    try {
      const answer = await action();
      showLate("");
      return answer;
    } catch (error) {
      if (error instanceof Refused) {
        showMessage(["The recording ended: " + error.message, hint].filter(Boolean).join(". "));
        take.waiting = [];
        take.stream.getTracks().forEach((track) => track.stop());
        if (take.context.state !== "closed") take.context.close();
        if (recording === take) recording = null;
        drawRecorder();
        return null;
      }
      const seconds = take.waiting.reduce((sum, block) => sum + block.samples.length, 0) / take.rate;
      showLate("The last " + clock(seconds, 1) + " are not saved yet, since " + error.message + " Trying again; keep this page open.");
      await new Promise((resolve) => setTimeout(resolve, BLOCK_RETRY_MS));
    }
  }
}

function showLate(text) {
  byId("recorded").className = text ? "flag emergency" : "";
  if (text) byId("recorded").textContent = text;
  else if (byId("recorded").textContent.startsWith("The last")) byId("recorded").textContent = "";
}

function stopRecording(reason) {
  if (!recording || recording.stopping) return;
  recording.stopping = true;
  recording.node.port.postMessage("stop");
  if (typeof reason === "string") showMessage(reason);
  drawRecorder();
}

function drawRecorder() {
  const on = Boolean(recording && !recording.stopping);
  const mark = make("span", on ? "■" : "●", { "aria-hidden": "true" });
  byId("record-button").replaceChildren(mark, on ? " Stop" : " Record");
  byId("record-button").classList.toggle("recording", on);
  byId("record-button").disabled = Boolean(recording && recording.stopping);
  byId("elapsed").hidden = byId("meter-box").hidden = !on;
  byId("settings").hidden = !recording;
  if (!on) byId("recording-time").textContent = "";
  byId("microphone").disabled = Boolean(recording);
  if (!recording) return;
  byId("settings").textContent = recording.line[0];
  byId("settings").className = recording.line[1] ? "flag emergency" : "small";
  if (!recording.frames) byId("elapsed").textContent = clock(0, 1);
}

function drawLevel(take, peak) {
  const level = Math.max(20 * Math.log10(Math.max(peak, 1e-6)), -60);
  byId("level").style.width = (100 * (level + 60)) / 60 + "%";
  byId("meter").setAttribute("aria-valuenow", Math.round(level));
  take.loud = take.loud || peak >= LOUD;
  byId("level").classList.toggle("loud", peak >= LOUD);
  byId("level-text").textContent = dbfs(peak) + (take.loud ? ". Too loud at least once: move the microphone away, or turn it down." : "");
}

// The events found so far in the recording that is being made.
function drawTake(take) {
  if (take.take && (!recording || take.take !== recording.id)) return;
  const counts = countLabels(take.events);
  byId("so-far").textContent = recording ? "So far: " + (counts.length ? counts.map(([label, number]) => number + " " + label).join(", ") : "no sound found") + "." : "";
  byId("so-far-list").replaceChildren(...take.events.slice(-LISTED).reverse().map((event) => {
    const line = make("li");
    line.append(markOf(event.label), " " + clock(event.start_s) + " " + event.label);
    return line;
  }));
}

function countLabels(events) {
  const counts = new Map();
  for (const event of events) counts.set(event.label, (counts.get(event.label) || 0) + 1);
  return [...counts];
}

// Name the microphones, once the browser tells them.
async function listMicrophones() {
  const devices = navigator.mediaDevices ? await navigator.mediaDevices.enumerateDevices() : [];
  const known = devices.filter((device) => device.kind === "audioinput" && device.deviceId && device.label);
  byId("microphone-box").hidden = known.length < 2;
  setOptions(byId("microphone"), known.map((device) => [device.deviceId, device.label]), byId("microphone").value || (known[0] || {}).deviceId);
}

function beginRecorder() {
  byId("record-button").addEventListener("click", () => (recording ? stopRecording() : startRecording()));
  takeWatchers.push(drawTake);
  listMicrophones().catch(() => undefined);
  window.addEventListener("beforeunload", (event) => recording && event.preventDefault());
}
