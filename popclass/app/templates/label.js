// The queue of sounds to label, a page of its own in a frame.

function openQueue() {
  const frame = byId("label-frame");
  if (!frame.hidden && frame.contentDocument && frame.contentDocument.getElementById("data")) {
    frame.contentWindow.focus(); // its labels and its place stay
    return;
  }
  openFrame(frame, byId("label-text"), "label?" + query({ observer: observer }), "Choosing the sounds that help most …");
}

tabWatchers.label = openQueue;
