// Clips of events: playback, decoding and spectrum.

const DECODED_RATE = 48000;
const decoded = new Map(); // data URL of a clip -> { samples }, null while decoding
let player = null;

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}

// The file of a clip, which is in the page or at a server; the server says where the clip starts.
async function fileOf(event) {
  if (event.clip.startsWith("data:")) return bytesOf(event.clip.slice(event.clip.indexOf(",") + 1)).buffer;
  const answer = await fetch(event.clip);
  if (answer.headers.has("X-Clip-Start")) event.clipStart = Number(answer.headers.get("X-Clip-Start"));
  return answer.arrayBuffer();
}

// Play the clip of an event, then call `done`; a second call stops it.
function play(event, done) {
  if (player) {
    const same = player.of === event.clip;
    player.pause();
    player = null;
    if (same) return;
  }
  player = new Audio(event.clip);
  player.of = event.clip;
  player.addEventListener("playing", () => document.documentElement.setAttribute("data-playing", event.n));
  player.addEventListener("ended", () => {
    document.documentElement.removeAttribute("data-playing");
    document.documentElement.setAttribute("data-played", event.n);
    player = null;
    if (done) done();
  });
  player.play().catch(() => showMessage("This browser cannot play the clip."));
}

// Samples of a clip at the level of the recording; null while they are decoded or if decoding fails.
function samplesOf(event, ready) {
  if (!event.clip) return null;
  const known = decoded.get(event.clip);
  if (known) return known.samples;
  const entry = { samples: null };
  decoded.set(event.clip, entry);
  const context = new OfflineAudioContext(1, 1, DECODED_RATE);
  fileOf(event)
    .then((file) => context.decodeAudioData(file))
    .then((buffer) => {
      const gain = Math.pow(10, -(event.gain || 0) / 20);
      entry.samples = buffer.getChannelData(0).map((sample) => sample * gain);
      ready();
    })
    .catch(() => undefined); // the envelope is shown instead
  return null;
}

// Power spectrum of windowed samples by a radix-2 FFT; `size` is a power of two.
function powers(samples, from, size) {
  const real = new Float32Array(size);
  const imaginary = new Float32Array(size);
  for (let at = 0, swapped = 0; at < size; at += 1) {
    const taper = 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / size);
    real[swapped] = taper * (samples[from + at] || 0);
    let bit = size >> 1;
    for (; swapped & bit; bit >>= 1) swapped ^= bit;
    swapped |= bit;
  }
  for (let half = 1; half < size; half *= 2) {
    for (let turn = 0; turn < half; turn += 1) {
      const cosine = Math.cos((-Math.PI * turn) / half);
      const sine = Math.sin((-Math.PI * turn) / half);
      for (let low = turn; low < size; low += 2 * half) {
        const high = low + half;
        const r = real[high] * cosine - imaginary[high] * sine;
        const i = real[high] * sine + imaginary[high] * cosine;
        real[high] = real[low] - r;
        imaginary[high] = imaginary[low] - i;
        real[low] += r;
        imaginary[low] += i;
      }
    }
  }
  return real.subarray(0, size / 2).map((value, at) => value * value + imaginary[at] * imaginary[at]);
}
