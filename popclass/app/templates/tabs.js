// The parts of the page, opened by the address after `#`; `#results=NAME` opens a recording.

const TABS = ["record", "results", "label", "map", "train"];
const FRAME_MARGIN_PX = 20; // below a frame
const LEAST_FRAME_PX = 540;
const tabWatchers = {}; // called when a part is opened, with what follows `=`

function place() {
  const [tab, ...rest] = location.hash.slice(1).split("=");
  if (!TABS.includes(tab)) return { tab: state && state.recordings.length ? "results" : "record", detail: "" };
  try {
    return { tab: tab, detail: decodeURIComponent(rest.join("=")) };
  } catch (error) {
    return { tab: tab, detail: "" };
  }
}

function isOpen(tab) {
  return place().tab === tab;
}

function showTab() {
  const { tab, detail } = place();
  for (const each of TABS) byId("tab-" + each).hidden = each !== tab;
  for (const link of byId("tabs").children) {
    if (link.getAttribute("href") === "#" + tab) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (tabWatchers[tab]) tabWatchers[tab](detail);
  fitFrames();
}

function beginTabs() {
  window.addEventListener("hashchange", () => {
    if (location.hash === "#main") return;
    showMessage("");
    showTab();
    const open = byId("tab-" + place().tab);
    const title = open.querySelector("section:not([hidden]) h2");
    if (title && !open.querySelector("iframe:not([hidden])")) title.focus({ preventScroll: true });
  });
  showTab();
}

// Open a page of the server in a frame; a refusal is shown as text. `done` is called once it is there.
function openFrame(frame, text, address, waiting) {
  text.textContent = waiting;
  frame.hidden = true;
  frame.onload = () => {
    const inside = frame.contentDocument;
    if (!inside || inside.URL === "about:blank") return;
    const page = inside.contentType === "text/html" && inside.getElementById("data");
    frame.hidden = !page;
    if (page) {
      text.textContent = "";
      fitFrames();
      if (!frame.closest(".tab").hidden) frame.contentWindow.focus();
      return;
    }
    try {
      text.textContent = JSON.parse(inside.body.textContent).error;
    } catch (error) {
      text.textContent = inside.body ? inside.body.textContent.slice(0, 400) : "popclass does not answer.";
    }
  };
  frame.src = address;
}

// A frame ends where the window does, so that only one of them scrolls.
function fitFrames() {
  for (const frame of document.querySelectorAll("iframe:not([hidden])")) {
    const top = frame.getBoundingClientRect().top + window.scrollY;
    frame.style.height = Math.max(window.innerHeight - top - FRAME_MARGIN_PX, LEAST_FRAME_PX) + "px";
  }
}

function closeFrame(frame) {
  frame.onload = null;
  frame.hidden = true;
  frame.src = "about:blank";
}
