// Session timelines: recordings, their events, and the refractory period after each cavitation.

const MANY = 1000;
const MARGIN = 4;
const BURST_GAP_S = 0.25;
const SVG = "http://www.w3.org/2000/svg";

function shape(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// Events of a session with their session times; recordings of this page include corrections.
function eventsOfSession(session) {
  return session.recordings
    .flatMap((recording) =>
      recording.place === null
        ? recording.events.map(([start, label, burst]) => ({ time: recording.offset + start, label: label, burst: recording.name + burst }))
        : eventsOf(recording.place)
            .filter((item) => !item.removed)
            .map((item) => ({ time: recording.offset + item.start, label: item.label, id: item.id, place: recording.place,
              burst: item.event ? recording.name + item.event.burst : null }))
    )
    .sort((a, b) => a.time - b.time);
}

// Assign cavitations to the fewest rows: each to the first row that is no longer refractory. Returns the row count.
// Where a burst is one joint cavity, only its first cavitation counts; an added event joins the burst just before it.
function lanesOf(events, session) {
  const lanes = [];
  const period = session.period;
  const counted = new Set();
  let before = null;
  for (const event of events) {
    if (event.burst === null) event.burst = before && event.time - before.time <= BURST_GAP_S ? before.burst : "added" + event.time;
    before = event;
    if (event.label !== "cavitation") continue;
    if (session.countBy === "burst" && counted.has(event.burst)) continue;
    counted.add(event.burst);
    let lane = lanes.findIndex((last) => event.time >= last + period - 1e-6);
    if (lane < 0) lane = lanes.length;
    lanes[lane] = event.time;
    event.lane = lane;
  }
  return lanes.length;
}

function drawTimelines() {
  byId("timelines").replaceChildren(...data.sessions.map(figureOf));
}

function figureOf(session) {
  const events = eventsOfSession(session);
  const needed = lanesOf(events, session);
  const figure = make("figure");
  figure.append(make("figcaption", captionOf(session, events, needed)), pictureOf(session, events, needed));
  return figure;
}

function captionOf(session, events, needed) {
  const who = [session.subject ? "subject " + session.subject : null, session.site ? "site " + session.site : null,
    session.side ? session.side + " side" : null];
  const recordings = session.recordings.length === 1 ? session.recordings[0].name : session.recordings.length + " recordings";
  const began = session.began ? ", started " + session.began : "";
  const cavities = session.cavities === null ? "unknown number of joints" : count(session.cavities, "joint", "joints");
  const needs = needed ? "; at least " + count(needed, "joint", "joints") + " must have popped" +
    (session.cavities !== null && needed > session.cavities ? ", more than there are" : "") + (needed > 1 ? ", if each " + session.countBy + " is one joint cavity" : "") : "";
  return [recordings, ...who.filter(Boolean)].join(", ") + began + ": " + count(events.length, "event", "events") + ", " + cavities +
    ", refractory period " + Math.round(session.period / 6) / 10 + " min" + needs + ".";
}

function pictureOf(session, events, needed) {
  const place = placeOf(session, events, needed);
  const svg = shape("svg", { viewBox: "0 0 " + place.width + " " + (place.top + 22), role: "img" });
  svg.append(shape("title", {}, captionOf(session, events, needed)));
  svg.append(...session.recordings.map((recording) => recordingBand(recording, place)));
  svg.append(...events.filter((event) => event.lane !== undefined).flatMap((event) => refractoryBar(event, session.period, place)));
  svg.append(...eventMarks(events, place));
  svg.append(...ticks(place));
  return svg;
}

// Layout of a timeline: sizes and the position of a time.
function placeOf(session, events, needed) {
  const width = Math.max(Math.min(byId("timelines").clientWidth || 900, 1200), 280);
  const lane = Math.max(5, Math.min(12, 160 / Math.max(needed, 1)));
  const last = Math.max(...session.recordings.map((recording) => recording.offset + recording.duration));
  const refractoryEnd = events.reduce((most, event) => (event.lane === undefined ? most : Math.max(most, event.time + session.period)), 0);
  const end = Math.max(last, refractoryEnd, 1);
  return { width: width, lane: lane, end: end, top: 40 + needed * lane, at: (time) => MARGIN + (time / end) * (width - 2 * MARGIN) };
}

function recordingBand(recording, place) {
  const x = place.at(recording.offset);
  const wide = Math.max(place.at(recording.offset + recording.duration) - x, 2);
  const band = shape("rect", { x: x, y: 16, width: wide, height: 14, rx: 2, fill: colour("--line") });
  band.append(shape("title", {}, recording.name));
  return band;
}

function refractoryBar(event, period, place) {
  const box = { x: place.at(event.time), y: 36 + event.lane * place.lane, height: place.lane - 2, fill: colourOf("cavitation") };
  const wide = place.at(Math.min(event.time + period, place.end)) - box.x;
  return [
    shape("rect", { ...box, class: "refractory", width: Math.max(wide, 1), rx: 2, "fill-opacity": 0.28 }),
    shape("rect", { ...box, width: 1.5 }),
  ];
}

function eventMarks(events, place) {
  const drawn = new Set();
  const marks = [];
  const ordered = events.slice().sort((a, b) => (a.label !== OTHER) - (b.label !== OTHER)); // joint sounds on top
  for (const event of ordered) {
    // With many events, marks of one label at one position are drawn once.
    const spot = Math.round(place.at(event.time)) + event.label;
    if (events.length > MANY && drawn.has(spot)) continue;
    drawn.add(spot);
    const attributes = { class: "event", x: place.at(event.time), y: 27, "text-anchor": "middle", fill: colourOf(event.label) };
    const mark = shape("text", attributes, shapeOf(event.label));
    mark.append(shape("title", {}, event.label + " at " + clock(event.time, 1)));
    if (event.id !== undefined) {
      mark.style.cursor = "pointer";
      mark.addEventListener("click", () => open(event.place, event.id));
    }
    marks.push(mark);
  }
  return marks;
}

function ticks(place) {
  const found = [];
  const tick = niceStep((place.end / place.width) * 100);
  for (let time = 0; time <= place.end; time += tick) {
    const x = place.at(time);
    const anchor = time === 0 ? "start" : x > place.width - 30 ? "end" : "middle";
    found.push(shape("text", { x: x, y: place.top + 14, "text-anchor": anchor, fill: colour("--soft") }, clock(time, tick)));
    found.push(shape("rect", { x: x, y: place.top, width: 1, height: 4, fill: colour("--soft") }));
  }
  return found;
}
