// The page's data: a header of JSON and quantised arrays, as residyn/explorer/pack.py writes them.

const byId = id => document.getElementById(id);

async function unpacked(text) {
  const packed = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const whole = await new Response(stream).arrayBuffer();
  const length = new DataView(whole).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(whole, 4, length)));
  return { header, arrays: new Uint8Array(whole, 4 + length) };
}

/** An array as numbers: `row(i)` has the n numbers of a row, NaN where one is not defined. */
class Quantised {
  constructor(described, arrays) {
    this.shape = described.shape;
    this.n = this.shape[this.shape.length - 1];
    this.rows = this.shape.slice(0, -1).reduce((product, size) => product * size, 1);
    this.codes = Quantised.codes(described, arrays, this.rows, this.n);
    const at = arrays.byteOffset + described.reading;
    this.reading = new Float32Array(arrays.buffer.slice(at, at + 16 * this.rows));
    this.found = [];
  }

  /** Codes from what each row adds to the row before, low bytes first. */
  static codes(described, arrays, rows, n) {
    const total = rows * n, low = arrays.subarray(described.at, described.at + total);
    const wide = described.bits === 16, codes = wide ? new Uint16Array(total) : new Uint8Array(total);
    const high = wide ? arrays.subarray(described.at + total, described.at + 2 * total) : null;
    for (let i = 0; i < total; i++) {
      const step = wide ? low[i] + 256 * high[i] : low[i];
      codes[i] = i < n ? step : codes[i - n] + step;
    }
    return codes;
  }

  row(i) {
    if (!this.found[i]) {
      const [centre, scale, low, step] = this.reading.subarray(4 * i, 4 * i + 4);
      const values = new Float64Array(this.n);
      for (let k = 0; k < this.n; k++) {
        const code = this.codes[i * this.n + k];
        values[k] = code ? centre + scale * Math.sinh(low + step * (code - 1)) : NaN;
      }
      this.found[i] = values;
    }
    return this.found[i];
  }
}

/** The header with its descriptions of arrays replaced by these. */
function withArrays(value, arrays) {
  if (Array.isArray(value)) return value.map(one => withArrays(one, arrays));
  if (value && typeof value === "object") {
    if ("reading" in value && "at" in value) return new Quantised(value, arrays);
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withArrays(one, arrays)]));
  }
  return value === null ? NaN : value;
}

async function read() {
  const element = byId("data");
  const { header, arrays } = await unpacked(element.textContent);
  element.textContent = "";
  // A missing part is null; a number that is not defined is NaN.
  const parts = Object.entries(header).map(([name, one]) => [name, one === null ? null : withArrays(one, arrays)]);
  const run = Object.fromEntries(parts);
  for (const curve of run.curves) if (!(curve.samples instanceof Quantised)) curve.samples = null;
  return run;
}

const meanOf = values => {
  let total = 0, count = 0;
  for (const value of values) if (Number.isFinite(value)) { total += value; count++; }
  return count ? total / count : NaN;
};
