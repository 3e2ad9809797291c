// Axes of drawn charts: round numbers, labels that differ, and places from 0 to 1 for values of any
// size, so that no chart computes with numbers near the ends of floats. charts/axes.py is its twin.
(() => {
  "use strict";
  const LEAST = 1e-300; // half of a range: what is smaller is drawn flat
  const NOISE = 1e-12; // of the largest value
  const MOST = Number.MAX_VALUE;

  const signed = (text) => text.replaceAll("-", "−");
  const trim = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

  // A number to a few digits, in little room: large ones in k, M, G, others with 10^n.
  function short(value, digits = 4) {
    const rounded = Number(value.toPrecision(digits));
    const size = Math.abs(rounded);
    if (size >= 1e12 || (size > 0 && size < 1e-4)) {
      const [mantissa, exponent] = rounded.toExponential(digits - 1).split("e");
      return signed(`${trim(mantissa)}e${Number(exponent)}`);
    }
    const [limit, unit] = [[1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([least]) => size >= Math.max(least, 1e4)) ?? [1, ""];
    const [whole, rest] = String(Number((rounded / limit).toPrecision(digits))).split(".");
    return signed(whole.replace(/\B(?=(\d{3})+$)/g, ",") + (rest ? `.${rest}` : "") + unit);
  }

  const gapOf = (values) => values.slice(1).reduce((gap, value, at) => Math.min(gap, value - values[at]), MOST);
  const tell = (values, digits) => values.every((value) => Math.abs(Number(value.toPrecision(digits)) - value) <= gapOf(values) / 50);

  // Labels of ticks (ascending numbers): as few digits as tell each where it stands.
  function labels(values) {
    let digits = 3;
    while (digits < 17 && !tell(values, digits)) digits++;
    return values.map((value) => short(value, digits));
  }
  // Labels of any numbers: as few digits, but at least three, as tell them apart.
  function apart(values) {
    let digits = 3;
    const texts = () => values.map((value) => short(value, digits));
    while (digits < 17 && new Set(texts()).size < values.length) digits++;
    return texts();
  }
  // Labels of steps, in little room: {texts, note}, where the note says from where "+5" counts.
  function stepLabels(values, first) {
    const steps = values.map((value) => first + value);
    const plain = labels(steps);
    if (Math.max(0, ...plain.map((text) => text.length)) <= 9) return { texts: plain, note: "" };
    return { texts: values.map((value) => `+${short(value)}`), note: ` +0 is ${signed(first.toLocaleString("en-US"))}` };
  }

  // Round numbers between two limits.
  function ticks(low, high, most) {
    const span = high / most - low / most;
    if (!(span > 0)) return [low];
    const power = 10 ** Math.floor(Math.log10(span));
    for (const step of [1, 2, 2.5, 5, 10].map((one) => one * power)) {
      const [first, last] = [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
      if (step > 0 && last - first < most) return Array.from({ length: last - first + 1 }, (_, at) => (first + at) * step);
    }
    return [low];
  }
  // Round numbers between 10^low and 10^high.
  function logTicks(low, high) {
    const found = [];
    for (let power = Math.floor(low); power <= Math.ceil(high); power++) {
      for (const digit of high - low > 2 ? [1] : [1, 2, 5]) {
        const place = Math.log10(digit) + power;
        if (place >= low && place <= high) found.push(Number(`${digit}e${power}`));
      }
    }
    if (found.length < 2) return ticks(10 ** low, Math.min(10 ** high, MOST), 4);
    return found.filter((_, place) => place % Math.ceil(found.length / 6) === 0);
  }

  // {to, from, ticks}: values, or on a log scale their logarithms, as places from 0 (the smallest
  // of `values`) to 1 (the largest), and back; and the ticks between two places.
  function lens(values, log) {
    const shown = log ? (value) => Math.log10(value) : (value) => value;
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) {
      const at = shown(value);
      if (Number.isFinite(at)) [low, high] = [Math.min(low, at), Math.max(high, at)];
    }
    if (low > high) [low, high] = [0, 1];
    const size = Math.max(Math.abs(low), Math.abs(high));
    const least = Math.max(size * NOISE, LEAST);
    if (high / 2 - low / 2 < least) {
      const margin = size === 0 ? 1 : log ? 0.5 : Math.max(size * 0.1, least);
      [low, high] = [Math.max(low - margin, -MOST), Math.min(high + margin, MOST)];
    }
    const half = high / 2 - low / 2;
    const to = (value) => (shown(value) / 2 - low / 2) / half;
    const raw = (place) => Math.max(-MOST, Math.min(MOST, (low / 2 + place * half) * 2));
    const from = log ? (place) => 10 ** raw(place) : raw;
    const between = (bottom, top) => (log ? logTicks(raw(bottom), raw(top)) : ticks(raw(bottom), raw(top), 6));
    return { to, from, ticks: (bottom, top) => between(bottom, top).map(to) };
  }

  window.tracksiteAxes = Object.freeze({ short, labels, apart, stepLabels, ticks, logTicks, lens });
})();
