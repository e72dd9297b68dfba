// The session: recordings on one line of time, their events, and for each cavitation the time its joint cavity rests.

const MANY = 1000;
const MARGIN = 4;
const SVG = "http://www.w3.org/2000/svg";

function shape(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// Events of a session with their times on it; those of recordings on this page as they are corrected.
function eventsOfSession(session) {
  return session.takes
    .flatMap((take) =>
      take.place === null
        ? take.events.map(([start, label]) => ({ time: take.offset + start, label: label }))
        : eventsOf(take.place)
            .filter((item) => !item.removed)
            .map((item) => ({ time: take.offset + item.start, label: item.label, id: item.id, place: take.place }))
    )
    .sort((a, b) => a.time - b.time);
}

// Cavitations in as few rows as there would have to be cavities: each goes to the first that rests no more.
function lanesOf(events, period) {
  const lanes = [];
  for (const event of events) {
    if (event.label !== "cavitation") continue;
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
  const needed = lanesOf(events, session.period);
  const figure = make("figure");
  figure.append(make("figcaption", captionOf(session, events, needed)), pictureOf(session, events, needed));
  return figure;
}

function captionOf(session, events, needed) {
  const who = [session.subject ? "subject " + session.subject : null, session.site ? "site " + session.site : null];
  const takes = session.takes.length === 1 ? session.takes[0].name : session.takes.length + " recordings";
  const began = session.began ? ", beginning " + session.began : "";
  const cavities = session.cavities === null ? "an unknown number of joint cavities" : count(session.cavities, "joint cavity", "joint cavities");
  const needs = needed ? "; the cavitations need " + count(needed, "cavity", "cavities") +
    (session.cavities !== null && needed > session.cavities ? ", more than there are" : "") : "";
  return [takes, ...who.filter(Boolean)].join(", ") + began + ": " + count(events.length, "event", "events") + ", " + cavities +
    ", each rests " + Math.round(session.period / 6) / 10 + " min" + needs + ".";
}

function count(number, one, many) {
  return number + " " + (number === 1 ? one : many);
}

function pictureOf(session, events, needed) {
  const place = placeOf(session, events, needed);
  const svg = shape("svg", { viewBox: "0 0 " + place.width + " " + (place.top + 22), role: "img" });
  svg.append(shape("title", {}, captionOf(session, events, needed)));
  svg.append(...session.takes.map((take) => takeBand(take, place)));
  svg.append(...events.filter((event) => event.lane !== undefined).flatMap((event) => restingBar(event, session.period, place)));
  svg.append(...eventMarks(events, place));
  svg.append(...ticks(place));
  return svg;
}

// Sizes of a picture, and where a time lies in it.
function placeOf(session, events, needed) {
  const width = Math.max(Math.min(byId("timelines").clientWidth || 900, 1200), 280);
  const lane = Math.max(5, Math.min(12, 160 / Math.max(needed, 1)));
  const last = Math.max(...session.takes.map((take) => take.offset + take.duration));
  const rested = events.reduce((most, event) => (event.lane === undefined ? most : Math.max(most, event.time + session.period)), 0);
  const end = Math.max(last, rested, 1);
  return { width: width, lane: lane, end: end, top: 40 + needed * lane, at: (time) => MARGIN + (time / end) * (width - 2 * MARGIN) };
}

function takeBand(take, place) {
  const x = place.at(take.offset);
  const wide = Math.max(place.at(take.offset + take.duration) - x, 2);
  const band = shape("rect", { x: x, y: 16, width: wide, height: 14, rx: 2, fill: colour("--line") });
  band.append(shape("title", {}, take.name));
  return band;
}

function restingBar(event, period, place) {
  const box = { x: place.at(event.time), y: 36 + event.lane * place.lane, height: place.lane - 2, fill: colourOf("cavitation") };
  const wide = place.at(Math.min(event.time + period, place.end)) - box.x;
  return [
    shape("rect", { ...box, class: "rests", width: Math.max(wide, 1), rx: 2, "fill-opacity": 0.28 }),
    shape("rect", { ...box, width: 1.5 }),
  ];
}

function eventMarks(events, place) {
  const drawn = new Set();
  const marks = [];
  for (const event of events) {
    // Among thousands, marks of one label on one spot are one mark.
    const spot = Math.round(place.at(event.time)) + event.label;
    if (events.length > MANY && drawn.has(spot)) continue;
    drawn.add(spot);
    const look = { class: "event", x: place.at(event.time), y: 27, "text-anchor": "middle", fill: colourOf(event.label) };
    const mark = shape("text", look, shapeOf(event.label));
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
