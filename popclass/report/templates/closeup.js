// Close-up of one sound: waveform and spectrogram of its clip.

const CLOSEUP = { size: 256, columns: 260, rows: 64, before: 0.03, after: 0.12 };

// Waveform and spectrogram of the clip.
function drawCloseup(item) {
  const canvas = byId("closeup");
  const samples = item.event ? samplesOf(item.event, () => current.selected === item.id && drawCloseup(item)) : null;
  canvas.hidden = !(item.event && item.event.clip);
  if (canvas.hidden) return;
  const [context, width, height] = prepare(canvas);
  context.fillStyle = colour("--wash");
  context.fillRect(0, 0, width, height);
  if (!samples) return;
  const begin = Math.round((item.start - item.event.clipStart - CLOSEUP.before) * DECODED_RATE);
  const length = Math.round((CLOSEUP.before + CLOSEUP.after) * DECODED_RATE);
  const half = height * 0.46;
  drawSamples(context, samples, begin, length, width, half);
  drawBands(context, samples, begin, length, { left: 0, width: width, top: half + 4, height: height - half - 4, columns: CLOSEUP.columns, lowest: 100, highest: 18000 });
  const x = (CLOSEUP.before / (CLOSEUP.before + CLOSEUP.after)) * width;
  context.fillStyle = colourOf(item.label);
  context.fillRect(x, 0, 1.5, height);
  context.fillStyle = colour("--soft");
  context.font = "11px system-ui, sans-serif";
  for (let ms = 0; ms <= 100; ms += 20) {
    const at = x + (ms / 1000 / (CLOSEUP.before + CLOSEUP.after)) * width;
    context.fillText(ms + (ms ? "" : " ms"), at + 4, half + 1);
  }
  canvas.dataset.drawn = item.id;
}

function drawSamples(context, samples, begin, length, width, height) {
  let loudest = 1e-9;
  for (let at = 0; at < length; at += 1) loudest = Math.max(loudest, Math.abs(samples[begin + at] || 0));
  context.strokeStyle = colour("--ink");
  context.lineWidth = 1;
  context.beginPath();
  for (let at = 0; at < length; at += 1) {
    const y = (height / 2) * (1 - (0.92 * (samples[begin + at] || 0)) / loudest);
    context.lineTo((at / length) * width, y);
  }
  context.stroke();
}

// Draw a spectrogram of samples in a box of the canvas.
function drawBands(context, samples, begin, length, box) {
  const { size, rows } = CLOSEUP;
  const levels = [];
  for (let column = 0; column < box.columns; column += 1) {
    const spectrum = powers(samples, Math.round(begin + (column / box.columns) * length - size / 2), size);
    for (let row = 0; row < rows; row += 1) {
      const hertz = box.lowest * Math.pow(box.highest / box.lowest, (row + 0.5) / rows);
      const bin = Math.min(Math.round((hertz * size) / DECODED_RATE), size / 2 - 1);
      levels.push(10 * Math.log10(spectrum[bin] + 1e-14));
    }
  }
  subtractMedians(levels, rows);
  const loudest = Math.max(levels.reduce((most, level) => Math.max(most, level), 0), 20);
  const faintest = Math.max(loudest - 55, 4);
  context.fillStyle = colour("--tint");
  levels.forEach((level, place) => {
    const shade = (level - faintest) / (loudest - faintest);
    if (shade <= 0.03) return;
    const x = box.left + (Math.floor(place / rows) / box.columns) * box.width;
    const y = box.top + box.height * (1 - ((place % rows) + 1) / rows);
    context.globalAlpha = shade;
    context.fillRect(x, y, box.width / box.columns + 0.5, box.height / rows + 0.5);
  });
  context.globalAlpha = 1;
}

// Subtract the median of each row, as in the spectrogram of the whole recording, to remove stationary noise.
function subtractMedians(levels, rows) {
  for (let row = 0; row < rows; row += 1) {
    const all = levels.filter((level, place) => place % rows === row).sort((a, b) => a - b);
    const median = all[Math.floor(all.length / 2)];
    for (let place = row; place < levels.length; place += rows) levels[place] -= median;
  }
}
