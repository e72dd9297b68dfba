// The queue of sounds to label, a page of its own in a frame.

const queue = { empty: false, sounds: 0 }; // opened again once there are sounds, or other ones

// True if the page in the frame has the present sounds, and counts the labels as the server does: none was given elsewhere.
function isCurrent(frame) {
  const inside = frame.contentDocument;
  if (frame.hidden || queue.sounds !== state.sounds || !inside || !inside.getElementById("counts")) return false;
  const counts = [...inside.getElementById("counts").querySelectorAll("dd")].map((each) => [each.dataset.count, Number(each.textContent)]);
  const labels = Object.entries((state || {}).labels || {}).filter(([label, number]) => label && number);
  const shown = counts.filter(([, number]) => number);
  return shown.length === labels.length && shown.every(([label, number]) => state.labels[label] === number);
}

function openQueue() {
  const frame = byId("label-frame");
  if (isCurrent(frame)) return frame.contentWindow.focus(); // its place and what can be undone stay
  if (!hasSounds()) {
    if (!queue.empty) closeFrame(frame);
    queue.empty = true;
    return sayNoSounds(byId("label-text"));
  }
  queue.empty = false;
  queue.sounds = state.sounds;
  openFrame(frame, byId("label-text"), "label?" + query({ observer: observer }), "Choosing the sounds that help most …");
}

// Show the keys of the page in the frame; `false` if there is none.
function showQueueKeys() {
  const help = byId("label-frame").hidden ? null : byId("label-frame").contentDocument.getElementById("help");
  if (help) help.click();
  return Boolean(help);
}

// Keys belong to the page in the frame, also after a click beside it.
function focusQueue(event) {
  if (!isOpen("label") || byId("label-frame").hidden || event.target.closest("a, button, input, select, label, dialog")) return;
  byId("label-frame").contentWindow.focus();
}

function beginQueue() {
  document.addEventListener("click", focusQueue);
  tabWatchers.label = openQueue;
}
