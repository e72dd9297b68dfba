// Files and folders that are dropped or chosen: uploaded one after the other, with a clear line for each that is refused.

const MOST_REFUSED = 200;
const places = new WeakMap();
const uploads = { queue: [], failed: [], done: 0, added: 0, total: 0, running: false, request: null, skipped: 0 };

// Files of a folder count if their name is that of a recording; a file that was chosen by itself is always sent.
function isRecording(name) {
  return data.suffixes.some((suffix) => name.toLowerCase().endsWith(suffix));
}

// The name of a recording: with its folders, from the one that was dropped or chosen on.
function nameOf(file) {
  return places.get(file) || file.webkitRelativePath || file.name;
}

function addFiles(files) {
  if (!uploads.running) uploads.failed = []; // those of an earlier drop were told
  const about = readAbout();
  uploads.queue.push(...files.map((file) => ({ file: file, about: about })));
  uploads.total += files.length;
  if (!uploads.running) uploadAll();
  else drawUpload();
}

async function uploadAll() {
  uploads.running = true;
  while (uploads.queue.length) {
    const next = uploads.queue[0];
    drawUpload(nameOf(next.file), 0);
    try {
      await upload(next.file, next.about, (share) => drawUpload(nameOf(next.file), share));
      uploads.added += 1;
    } catch (error) {
      if (error) uploads.failed.push({ ...next, reason: error.message });
    }
    uploads.queue.shift();
    uploads.done += 1;
  }
  const skipped = uploads.skipped ? "; " + count(uploads.skipped, "other file", "other files") + " of the folder left out" : "";
  byId("upload-done").replaceChildren(count(uploads.added, "recording", "recordings") + " added" + skipped + ". ", make("a", "See the results", { href: "#results" }));
  Object.assign(uploads, { running: false, done: 0, added: 0, total: 0, skipped: 0 });
  drawUpload();
  drawRefused();
  refresh();
}

function upload(file, about, progress) {
  return new Promise((resolve, reject) => {
    const sender = new XMLHttpRequest();
    uploads.request = sender;
    sender.open("POST", "api/recordings?" + query({ name: nameOf(file), ...about, symptoms: about.symptoms.join(",") }));
    sender.upload.addEventListener("progress", (event) => event.total && progress(event.loaded / event.total));
    sender.addEventListener("load", () => {
      if (sender.status < 300) return resolve();
      let reason = "the answer was " + sender.status;
      try {
        reason = JSON.parse(sender.responseText).error || reason;
      } catch (error) { /* the status is all there is */ }
      reject(new Error(reason));
    });
    sender.addEventListener("error", () => reject(new Error("the file cannot be read, or popclass does not answer")));
    sender.addEventListener("abort", () => reject(new Error("stopped")));
    sender.send(file);
  });
}

function stopUploads() {
  const [, ...left] = uploads.queue;
  uploads.queue.length = Math.min(uploads.queue.length, 1);
  uploads.failed.push(...left.map((each) => ({ ...each, reason: "stopped" })));
  if (uploads.request) uploads.request.abort();
}

function drawUpload(name, share) {
  byId("upload").hidden = !uploads.running;
  if (uploads.running) byId("upload-done").textContent = "";
  if (name === undefined) return;
  byId("upload-text").textContent = uploads.done + 1 + " of " + uploads.total + ": " + name;
  byId("upload-bar").value = share;
}

function drawRefused() {
  byId("refused").hidden = !uploads.failed.length;
  byId("refused-title").textContent = count(uploads.failed.length, "file was", "files were") + " not added:";
  const lines = uploads.failed.slice(0, MOST_REFUSED).map((each) => make("li", each.reason.includes(nameOf(each.file)) ? each.reason : nameOf(each.file) + ": " + each.reason));
  if (uploads.failed.length > MOST_REFUSED) lines.push(make("li", "and " + (uploads.failed.length - MOST_REFUSED) + " more"));
  byId("refused-list").replaceChildren(...lines);
}

function uploadAgain() {
  const again = uploads.failed.splice(0);
  drawRefused();
  uploads.queue.push(...again);
  uploads.total += again.length;
  if (!uploads.running) uploadAll();
}

function addFolder(files) {
  const hidden = (file) => nameOf(file).split("/").some((part) => part.startsWith("."));
  const chosen = files.filter((file) => !hidden(file) && isRecording(file.name));
  uploads.skipped += files.length - chosen.length;
  if (chosen.length) return addFiles(chosen);
  uploads.skipped = 0;
  byId("upload-done").textContent = "There is no recording in this folder.";
}

// All files below a dropped folder. Only a chosen folder tells by itself where in it a file lies.
async function filesOf(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    places.set(file, entry.fullPath.slice(1));
    return [file];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const each of some) found.push(...await filesOf(each));
  }
}

async function onDrop(event) {
  event.preventDefault();
  byId("drop").classList.remove("over");
  // The entries are gone after the first pause, so they are all taken here.
  const entries = [...event.dataTransfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry());
  for (const entry of entries.filter(Boolean)) {
    try {
      const files = await filesOf(entry);
      if (entry.isDirectory) addFolder(files);
      else addFiles(files);
    } catch (error) {
      showMessage(entry.name + ": cannot be read.");
    }
  }
}

function beginDrop() {
  byId("choose-files").addEventListener("click", () => byId("files").click());
  byId("choose-folder").addEventListener("click", () => byId("folder").click());
  for (const [id, add] of [["files", addFiles], ["folder", addFolder]]) {
    byId(id).addEventListener("change", () => {
      const files = [...byId(id).files];
      byId(id).value = "";
      if (files.length) add(files);
    });
  }
  byId("upload-stop").addEventListener("click", stopUploads);
  byId("again").addEventListener("click", uploadAgain);
  // A file dropped beside the zone must not replace the page.
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    byId("drop").classList.add("over");
  });
  window.addEventListener("dragleave", (event) => event.relatedTarget || byId("drop").classList.remove("over"));
  window.addEventListener("drop", (event) => {
    if (!isOpen("record")) location.hash = "#record";
    onDrop(event);
  });
  window.addEventListener("beforeunload", (event) => uploads.running && event.preventDefault());
}
