// Pictures of a recording: overview strip, waveform and spectrogram of the view, and event marks.

const FLAG = 14; // pixels above the waveform for event marks
const CLOSE = 22; // pixels between two shapes
const SHORTEST_S = 0.004; // shortest view

// The envelope of a recording at steps of 1, 2, 4, ..., so that any view needs only a few values per pixel.
function pyramidOf(overview) {
  const levels = [new Int8Array(bytesOf(overview.envelope).buffer)];
  while (levels[levels.length - 1].length > 2048) {
    const fine = levels[levels.length - 1];
    const coarse = new Int8Array(2 * Math.ceil(fine.length / 4));
    for (let at = 0; at < coarse.length; at += 2) {
      const next = Math.min(2 * at + 2, fine.length - 2);
      coarse[at] = Math.min(fine[2 * at], fine[next]);
      coarse[at + 1] = Math.max(fine[2 * at + 1], fine[next + 1]);
    }
    levels.push(coarse);
  }
  return levels;
}

class Picture {
  constructor(recording) {
    this.recording = recording;
    this.known = data.recordings[recording];
    this.levels = pyramidOf(this.known.overview);
    this.tiles = this.known.overview.images.map((address) => {
      const image = new Image();
      image.addEventListener("load", () => redraw());
      image.src = address;
      return image;
    });
    this.from = 0;
    this.to = Math.max(this.known.duration, SHORTEST_S);
    this.cursor = 0;
  }

  // Set the view, limited to the recording.
  setView(from, to) {
    const whole = Math.max(this.known.duration, SHORTEST_S);
    const span = Math.min(Math.max(to - from, SHORTEST_S), whole);
    this.from = Math.min(Math.max(from, 0), whole - span);
    this.to = this.from + span;
    redraw();
  }

  zoom(factor, time) {
    const centre = time === undefined ? (this.from + this.to) / 2 : time;
    this.setView(centre - (centre - this.from) / factor, centre + (this.to - centre) / factor);
  }

  scroll(share) {
    const by = share * (this.to - this.from);
    this.setView(this.from + by, this.to + by);
  }

  show(time) {
    const span = this.to - this.from;
    if (time < this.from || time > this.to) this.setView(time - span / 2, time + span / 2);
  }

  // Minimum and maximum between two times relative to the peak, from the envelope.
  extremes(from, to) {
    const step = this.known.overview.step;
    const level = Math.min(Math.max(Math.floor(Math.log2((to - from) / step)), 0), this.levels.length - 1);
    const values = this.levels[level];
    const width = step * Math.pow(2, level);
    const last = Math.min(Math.max(Math.ceil(to / width), Math.floor(from / width) + 1), values.length / 2);
    let low = 127;
    let high = -127;
    for (let at = Math.max(Math.floor(from / width), 0); at < last; at += 1) {
      low = Math.min(low, values[2 * at]);
      high = Math.max(high, values[2 * at + 1]);
    }
    const share = (value) => (Math.sign(value) * value * value) / 16129;
    return low > high ? [0, 0] : [share(low), share(high)];
  }

  draw(selected) {
    const items = eventsOf(this.recording).filter(isShown);
    this.drawStrip(items);
    this.drawWave(items, selected);
    this.drawSpectrum(items, selected);
    byId("position").textContent =
      clock(this.from) + " to " + clock(this.to) + (this.cursor ? ", cursor at " + clock(this.cursor) : "");
  }

  drawStrip(items) {
    const [context, width, height] = prepare(byId("strip"));
    const whole = this.known.duration || SHORTEST_S;
    context.fillStyle = colour("--wave");
    for (let x = 0; x < width; x += 1) {
      const [low, high] = this.extremes((x / width) * whole, ((x + 1) / width) * whole);
      const reach = Math.sqrt(Math.max(-low, high)) * (height / 2 - 3);
      context.fillRect(x, height / 2 - reach, 1, Math.max(2 * reach, 0.5));
    }
    for (const item of items) {
      if (item.removed) continue;
      context.fillStyle = colourOf(item.label);
      context.fillRect((item.start / whole) * width - 1, height - 6, 2, 6);
    }
    context.fillStyle = colour("--accent");
    context.globalAlpha = 0.18;
    const left = (this.from / whole) * width;
    const right = Math.max((this.to / whole) * width, left + 3);
    context.fillRect(left, 0, right - left, height);
    context.globalAlpha = 1;
    context.strokeStyle = colour("--accent");
    context.strokeRect(left + 0.5, 0.5, Math.max(right - left - 1, 2), height - 1);
  }

  drawWave(items, selected) {
    const [context, width, height] = prepare(byId("wave"));
    const span = this.to - this.from;
    const pixel = span / width;
    const top = FLAG + 4;
    const middle = top + (height - 18 - top) / 2;
    const pairs = [];
    for (let x = 0; x < width; x += 1) pairs.push(this.extremes(this.from + x * pixel, this.from + (x + 1) * pixel));
    if (pixel < this.known.overview.step) this.refine(items, pairs, pixel);
    const loudest = Math.max(1e-6, ...pairs.map(([low, high]) => Math.max(-low, high)));
    const scale = (middle - top) / loudest;
    context.fillStyle = colour("--wave");
    pairs.forEach(([low, high], x) => {
      context.fillRect(x, middle - high * scale, 1, Math.max((high - low) * scale, 1));
    });
    byId("level").textContent =
      "Of everything in view" + (this.known.channels > 1 ? " and all channels" : "") + ", the loudest sample is at " + dbfs(loudest * this.known.overview.peak);
    this.drawAxis(context, width, height);
    this.drawMarks(context, width, height - 18, items, selected, true);
  }

  // Replace the envelope by samples of the clips in view.
  refine(items, pairs, pixel) {
    for (const item of items) {
      if (!item.event || !item.event.clip) continue;
      if (item.start + 0.25 < this.from || item.start - 0.1 > this.to) continue;
      const samples = samplesOf(item.event, redraw);
      if (!samples) continue;
      const begin = item.event.clipStart;
      const first = Math.max(Math.floor((begin + 0.005 - this.from) / pixel), 0);
      const last = Math.min(Math.ceil((begin - 0.005 + samples.length / DECODED_RATE - this.from) / pixel), pairs.length);
      for (let x = first; x < last; x += 1) {
        const from = (this.from + x * pixel - begin) * DECODED_RATE;
        const to = Math.max(Math.ceil(from + pixel * DECODED_RATE), Math.floor(from) + 2);
        let low = 1;
        let high = -1;
        for (let at = Math.max(Math.floor(from), 0); at < Math.min(to, samples.length); at += 1) {
          low = Math.min(low, samples[at]);
          high = Math.max(high, samples[at]);
        }
        const peak = this.known.overview.peak || 1;
        if (low <= high) pairs[x] = [low / peak, high / peak];
      }
    }
  }

  drawSpectrum(items, selected) {
    const [context, width, height] = prepare(byId("spectrum"));
    const { imageStep, tile, lowest, highest } = this.known.overview;
    const scale = width / (this.to - this.from);
    context.fillStyle = colour("--wash");
    context.fillRect(0, 0, width, height);
    this.tiles.forEach((image, place) => {
      if (!image.complete || !image.naturalWidth) return;
      const begin = place * tile * imageStep;
      const end = begin + image.naturalWidth * imageStep;
      if (end < this.from || begin > this.to) return;
      const first = Math.max(Math.floor((this.from - begin) / imageStep), 0);
      const last = Math.min(Math.ceil((this.to - begin) / imageStep), image.naturalWidth);
      const x = (begin + first * imageStep - this.from) * scale;
      const wide = (last - first) * imageStep * scale;
      context.drawImage(tinted(image), first, 0, last - first, image.naturalHeight, x, 0, wide, height);
    });
    if (8 / scale < imageStep) this.refineSpectrum(context, items, scale, height);
    this.drawMarks(context, width, height, items, selected, false);
    context.font = "11px system-ui, sans-serif";
    for (const hertz of [100, 1000, 10000]) {
      if (hertz < lowest || hertz > highest) continue;
      const y = height * (1 - Math.log(hertz / lowest) / Math.log(highest / lowest));
      const text = hertz < 1000 ? hertz + " Hz" : hertz / 1000 + " kHz";
      context.fillStyle = colour("--wash");
      context.fillRect(0, y - 8, 12 + context.measureText(text).width, 16);
      context.fillStyle = colour("--soft");
      context.fillRect(0, y, 5, 1);
      context.fillText(text, 8, y + 4);
    }
  }

  // Beyond the resolution of the image, compute the spectrogram from the clips in view.
  refineSpectrum(context, items, scale, height) {
    const { lowest, highest } = this.known.overview;
    for (const item of items) {
      if (!item.event || !item.event.clip || item.start < this.from - 0.25 || item.start > this.to + 0.1) continue;
      const samples = samplesOf(item.event, redraw);
      if (!samples) continue;
      const from = Math.max(item.event.clipStart + 0.005, this.from);
      const to = Math.min(item.event.clipStart + samples.length / DECODED_RATE - 0.005, this.to);
      const box = { left: (from - this.from) * scale, width: (to - from) * scale, top: 0, height: height, lowest: lowest, highest: highest };
      box.columns = Math.min(Math.ceil(box.width / 2), 500);
      if (box.columns < 1) continue;
      context.fillStyle = colour("--wash");
      context.fillRect(box.left, 0, box.width, height);
      drawBands(context, samples, (from - item.event.clipStart) * DECODED_RATE, (to - from) * DECODED_RATE, box);
    }
  }

  drawAxis(context, width, height) {
    const span = this.to - this.from;
    const step = niceStep((span / width) * 110);
    context.fillStyle = colour("--soft");
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "center";
    for (let time = Math.ceil(this.from / step) * step; time <= this.to + 1e-9; time += step) {
      const x = ((time - this.from) / span) * width;
      context.fillRect(x, height - 17, 1, 4);
      if (x > 20 && x < width - 24) context.fillText(clock(time, step), x, height - 3);
    }
    context.textAlign = "start";
  }

  // A line at each event and, above the waveform, the shape of its label.
  drawMarks(context, width, height, items, selected, flags) {
    const span = this.to - this.from;
    const at = (time) => ((time - this.from) / span) * width;
    let drawn = 0;
    let group = { x: -Infinity, number: 0 }; // shapes that would cover each other: one with their number
    const close = () => {
      if (group.number < 2) return;
      context.globalAlpha = 1;
      context.fillStyle = colour("--ink"); // the events of a group may have several labels
      context.fillText(group.number, group.x + 11, FLAG - 3);
    };
    const top = flags ? FLAG : 0;
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "center";
    for (const item of items) {
      const x = at(item.start);
      if (x < -8 || x > width + 8) continue;
      const chosen = item.id === selected;
      if (flags && x - group.x >= CLOSE) close();
      context.globalAlpha = item.removed ? 0.25 : chosen ? 1 : 0.55;
      context.fillStyle = colourOf(item.label);
      context.fillRect(x - (chosen ? 1 : 0.5), top, chosen ? 2 : 1, height - top);
      if (chosen) {
        context.globalAlpha = 0.14;
        context.fillRect(x, top, Math.max(at(item.end) - x, 2), height - top);
        context.globalAlpha = 1;
      }
      context.globalAlpha = item.removed ? 0.4 : 1;
      if (flags && x - group.x < CLOSE) group.number += 1;
      else if (flags) {
        group = { x: x, number: 1 };
        context.fillText(shapeOf(item.label), x, FLAG - 3);
      }
      drawn += 1;
    }
    close();
    context.globalAlpha = 1;
    if (this.cursor >= this.from && this.cursor <= this.to && this.cursor > 0) {
      context.strokeStyle = colour("--ink");
      context.setLineDash([3, 3]);
      context.beginPath();
      context.moveTo(at(this.cursor), top);
      context.lineTo(at(this.cursor), height);
      context.stroke();
      context.setLineDash([]);
    }
    context.textAlign = "start";
    if (flags) byId("wave").dataset.drawn = drawn;
  }
}

// Recolour a spectrogram image, which is black with varying opacity, in the colour of the page.
function tinted(image) {
  const tint = colour("--tint");
  if (image.tint !== tint) {
    image.tint = tint;
    image.inked = make("canvas");
    image.inked.width = image.naturalWidth;
    image.inked.height = image.naturalHeight;
    const context = image.inked.getContext("2d");
    context.drawImage(image, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = tint;
    context.fillRect(0, 0, image.naturalWidth, image.naturalHeight);
  }
  return image.inked;
}

function niceStep(least) {
  for (const step of [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600]) {
    if (step >= least) return step;
  }
  return 7200;
}
