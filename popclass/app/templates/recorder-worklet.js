// The samples of the microphone in blocks of one second, and its level.

const LEVEL_S = 0.05;

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.begin();
    this.peak = 0;
    this.since = 0;
    this.running = true;
    this.port.onmessage = () => {
      this.send();
      this.port.postMessage({ done: true });
      this.running = false;
    };
  }

  begin() {
    this.block = new Float32Array(sampleRate);
    this.filled = 0;
  }

  send() {
    if (!this.filled) return;
    const samples = this.block.slice(0, this.filled);
    this.port.postMessage({ samples: samples }, [samples.buffer]);
    this.begin();
  }

  process(inputs) {
    const samples = inputs[0][0];
    if (!samples || !this.running) return this.running;
    for (let at = 0; at < samples.length; at += 1) {
      this.block[this.filled] = samples[at];
      this.filled += 1;
      this.peak = Math.max(this.peak, Math.abs(samples[at]));
      if (this.filled === this.block.length) this.send();
    }
    this.since += samples.length;
    if (this.since >= LEVEL_S * sampleRate) {
      this.port.postMessage({ peak: this.peak });
      this.peak = this.since = 0;
    }
    return true;
  }
}

registerProcessor("recorder", Recorder);
