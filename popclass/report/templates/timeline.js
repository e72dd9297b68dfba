// The session: recordings on one line of time, their events, and for each cavitation the time its joint cavity rests.

const MANY = 1000;
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
  const width = Math.max(Math.min(byId("timelines").clientWidth || 900, 1200), 280);
  const left = 4;
  const lane = Math.max(5, Math.min(12, 160 / Math.max(needed, 1)));
  const last = Math.max(...session.takes.map((take) => take.offset + take.duration));
  const resting = events.filter((event) => event.lane !== undefined).map((event) => event.time + session.period);
  const end = Math.max(last, Math.min(Math.max(0, ...resting), last + session.period), 1);
  const at = (time) => left + (time / end) * (width - 2 * left);
  const top = 40 + needed * lane;
  const svg = shape("svg", { viewBox: "0 0 " + width + " " + (top + 22), role: "img" });
  svg.append(shape("title", {}, captionOf(session, events, needed)));
  for (const take of session.takes) {
    const band = shape("rect", { x: at(take.offset), y: 16, width: Math.max(at(take.offset + take.duration) - at(take.offset), 2), height: 14, rx: 2, fill: colour("--line") });
    band.append(shape("title", {}, take.name));
    svg.append(band);
  }
  for (const event of events) {
    if (event.lane === undefined) continue;
    const until = Math.min(event.time + session.period, end);
    svg.append(shape("rect", { class: "rests", x: at(event.time), y: 36 + event.lane * lane, width: Math.max(at(until) - at(event.time), 1), height: lane - 2, rx: 2, fill: colourOf("cavitation"), "fill-opacity": 0.28 }));
    svg.append(shape("rect", { x: at(event.time), y: 36 + event.lane * lane, width: 1.5, height: lane - 2, fill: colourOf("cavitation") }));
  }
  const drawn = new Set();
  for (const event of events) {
    // Among thousands, marks of one label on one spot are one mark.
    const spot = Math.round(at(event.time)) + event.label;
    if (events.length > MANY && drawn.has(spot)) continue;
    drawn.add(spot);
    const mark = shape("text", { x: at(event.time), y: 27, "text-anchor": "middle", fill: colourOf(event.label) }, shapeOf(event.label));
    mark.append(shape("title", {}, event.label + " at " + clock(event.time, 1)));
    if (event.id !== undefined) {
      mark.style.cursor = "pointer";
      mark.addEventListener("click", () => open(event.place, event.id));
    }
    svg.append(mark);
  }
  const tick = niceStep((end / width) * 100);
  for (let time = 0; time <= end; time += tick) {
    const anchor = time === 0 ? "start" : at(time) > width - 30 ? "end" : "middle";
    svg.append(shape("text", { x: at(time), y: top + 14, "text-anchor": anchor, fill: colour("--soft") }, clock(time, tick)));
    svg.append(shape("rect", { x: at(time), y: top, width: 1, height: 4, fill: colour("--soft") }));
  }
  return svg;
}
