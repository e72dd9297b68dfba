// The queue of sounds to label, a page of its own in a frame.

const queue = { empty: false }; // opened again once there are sounds

// True if the page in the frame counts the labels as the server does: none was given elsewhere.
function isCurrent(frame) {
  const inside = frame.contentDocument;
  if (frame.hidden || !inside || !inside.getElementById("counts")) return false;
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
  openFrame(frame, byId("label-text"), "label?" + query({ observer: observer }), "Choosing the sounds that help most …");
}

tabWatchers.label = openQueue;
