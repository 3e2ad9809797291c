// Parallel coordinates on a canvas: an axis for each param that varies and for the primary metric.
// A brush on an axis filters the leaderboard; lines are coloured by the metric.
(() => {
  "use strict";

  const { el, colour, number } = tracksite;
  const { apart, lens } = tracksiteAxes;
  const HEIGHT = 320;
  const TOP = 52;
  const BOTTOM = 20;
  const GAP = 8; // between an axis and its labels
  const MOST_LABEL = 84; // pixels of a label; longer ones end in …
  const STEP = 104; // least distance of two axes
  const ON_PAPER = 690; // pixels across A4
  const MOST_LINES = 4000;
  const MOST_AXES = 10;
  const MOST_TICKS = 12;
  const MOST_TEXTS = 60;

  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

  // Returns a function that does the latest thing it was given, once in the next frame.
  function inNextFrame() {
    let next = null;
    return (act) => {
      if (!next) requestAnimationFrame(() => {
        const now = next;
        next = null;
        now();
      });
      next = act;
    };
  }

  // ---- axes: position(row) is 0 at the bottom to 1 at the top, null for what is missing
  function numberAxis(column) {
    const known = column.keys.filter(Number.isFinite);
    let [low, high] = [Infinity, -Infinity];
    for (const key of known) [low, high] = [Math.min(low, key), Math.max(high, key)];
    const log = low > 0 && high / low >= 50;
    const eye = lens(known, log);
    const position = (row) => (Number.isFinite(column.keys[row]) ? eye.to(column.keys[row]) : null);
    const distinct = [...new Set(known)].sort((a, b) => a - b);
    const ticks = distinct.length <= 6 ? distinct : [0, 0.25, 0.5, 0.75, 1].map(eye.from);
    const texts = distinct.length <= 6 ? ticks.map(number) : apart(ticks);
    const value = (at) => (at <= 0 ? low : at >= 1 ? high : eye.from(at)); // the ends exactly
    return { column, log, position, value, place: eye.to, ticks: ticks.map((tick, n) => [eye.to(tick), texts[n]]) };
  }

  function textAxis(column) {
    const places = new Map(column.order.map((code, place) => [column.texts[code], place]));
    const last = Math.max(1, places.size - 1);
    const place = (text) => (places.size > 1 ? places.get(text) / last : 0.5);
    const position = (row) => (column.text(row) === null ? null : place(column.text(row)));
    const step = Math.ceil(places.size / MOST_TICKS);
    const ticks = [...places.keys()].filter((_, n) => n % step === 0).map((text) => [place(text), text]);
    const within = (low, high) => [...places.keys()].filter((text) => place(text) >= low - 1e-9 && place(text) <= high + 1e-9);
    return { column, position, place, ticks, within };
  }

  function varies(column) {
    if (column.texts) return column.texts.length > 1;
    const first = column.keys.find(Number.isFinite);
    return column.keys.some((key) => Number.isFinite(key) && key !== first);
  }

  function axesOf(board) {
    const { data, columns } = board;
    const usable = [...columns.values()].filter((column) => varies(column) && (column.numeric || column.texts.length <= MOST_TEXTS));
    const shown = new Set(data.shown);
    const params = usable.filter((column) => column.kind === "param" && !data.seeds.includes(column.id));
    params.sort((a, b) => shown.has(b.id) - shown.has(a.id));
    const metric = usable.filter((column) => column.id === `metrics.${data.metric}`);
    return [...params.slice(0, MOST_AXES - metric.length), ...metric].map((column) => (column.numeric ? numberAxis(column) : textAxis(column)));
  }

  // ---- colours: from the faint end to the strong one, as the metric goes from worst to best
  function ramp() {
    const parts = (text) => text.match(/[\d.]+/g).slice(0, 3).map(Number);
    const canvas = el("canvas", { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
    const rgb = (token) => {
      canvas.fillStyle = colour(token);
      canvas.fillRect(0, 0, 1, 1);
      return parts(canvas.getImageData(0, 0, 1, 1).data.join(" "));
    };
    const stops = [rgb("--c8"), rgb("--c1"), rgb("--c4")];
    return (share) => {
      const at = clamp(share, 0, 1) * (stops.length - 1);
      const low = Math.min(Math.floor(at), stops.length - 2);
      const mix = stops[low].map((value, i) => Math.round(value + (stops[low + 1][i] - value) * (at - low)));
      return `rgb(${mix.join(" ")})`;
    };
  }

  function start(place) {
    const { board } = tracksiteBoard;
    const canvas = el("canvas", { role: "img" });
    const handles = el("div", { class: "parallel-handles" });
    const box = el("div", { class: "parallel-box" }, canvas, handles);
    const scroll = el("div", { class: "parallel-scroll" }, box);
    const brushes = el("div", { class: "chips parallel-brushes", role: "group", "aria-label": "Brushes" });
    const note = el("p", { class: "note" });
    place.replaceChildren(scroll, brushes, note);
    let [axes, known, width, sides] = [[], null, 0, [0, 0]];
    let onPaper = false;
    const [drawSoon, brushSoon] = [inNextFrame(), inNextFrame()];

    const xOf = (n) => sides[0] + (n * (width - sides[0] - sides[1])) / Math.max(1, axes.length - 1);
    const yOf = (at) => TOP + (1 - at) * (HEIGHT - TOP - BOTTOM);
    const brushOf = (axis) => board.state.brush.find(([id]) => id === axis.column.id);

    function sampled(rows) {
      if (rows.length <= MOST_LINES) return rows;
      const step = rows.length / MOST_LINES;
      return Array.from({ length: MOST_LINES }, (_, n) => rows[Math.floor(n * step)]);
    }

    function line(context, row) {
      context.beginPath();
      let pen = false;
      axes.forEach((axis, n) => {
        const at = axis.position(row);
        if (at === null) pen = false;
        else if (pen) context.lineTo(xOf(n), yOf(at));
        else context.moveTo(xOf(n), yOf(at));
        if (at !== null) pen = true;
      });
      context.stroke();
    }

    function lines(context) {
      const passing = new Set(board.rows);
      const last = axes.at(-1);
      const better = board.data.direction === "minimize" ? (at) => 1 - at : (at) => at;
      const hue = ramp();
      const rest = sampled(Array.from({ length: board.count }, (_, row) => row).filter((row) => !passing.has(row)));
      context.lineWidth = 1;
      context.globalAlpha = 0.35;
      context.strokeStyle = colour("--line");
      rest.forEach((row) => line(context, row));
      const shown = sampled(board.rows).toSorted((a, b) => better(last.position(a) ?? 0) - better(last.position(b) ?? 0));
      const selected = shown.filter((row) => board.selected.has(row));
      context.globalAlpha = selected.length ? 0.25 : clamp(60 / shown.length, 0.15, 0.85);
      context.lineWidth = 1.25;
      for (const row of shown) {
        const at = last.position(row);
        context.strokeStyle = at === null ? colour("--line-strong") : hue(better(at));
        line(context, row);
      }
      context.globalAlpha = 1;
      context.lineWidth = 3;
      for (const row of board.selected) {
        const at = last.position(row);
        context.strokeStyle = at === null ? colour("--text") : hue(better(at));
        line(context, row);
      }
    }

    const font = () => `11px ${getComputedStyle(document.body).fontFamily}`;

    // Labels stand left of their axis, those of the last one right of it, where no line crosses
    // them; elsewhere they have the page's colour behind them. Each side has room for its labels.
    function margins(context) {
      context.font = font();
      const widest = (axis) => Math.max(...axis.ticks.map(([, label]) => Math.min(MOST_LABEL, context.measureText(label).width)));
      const title = (axis) => Math.max(...titleLines(context, axis).map((text) => context.measureText(text).width)) / 2;
      return [axes[0], axes.at(-1)].map((axis) => Math.ceil(Math.max(widest(axis) + GAP + 4, title(axis) + 2, 24)));
    }

    // A long name breaks in two after a separator, as near to its middle as it can.
    function titleLines(context, { column }) {
      const label = tracksite.visible(column.label);
      const most = STEP - 12;
      if (context.measureText(label).width <= most) return [label];
      const breaks = [...label.matchAll(/[/_.:\s-]+/g)].map((found) => found.index + found[0].length).filter((at) => at < label.length);
      const middle = label.length / 2;
      const at = breaks.sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle))[0];
      const lines = at ? [label.slice(0, at).trim(), label.slice(at).trim()] : [label];
      return lines.map((text) => shorten(context, text, most));
    }

    function scales(context) {
      context.globalAlpha = 1;
      context.font = font();
      const [text, muted, strong, accent, bg] = ["--text", "--muted", "--line-strong", "--accent", "--bg"].map(colour);
      axes.forEach((axis, n) => {
        const x = xOf(n);
        context.lineWidth = 1;
        context.strokeStyle = strong;
        context.beginPath();
        context.moveTo(x, TOP);
        context.lineTo(x, HEIGHT - BOTTOM);
        context.stroke();
        context.textAlign = "center";
        context.fillStyle = text;
        titleLines(context, axis).forEach((one, row, { length }) => context.fillText(one, x, 24 + 13 * (row - length + 1)));
        if (axis.log) {
          context.fillStyle = muted;
          context.fillText("log scale", x, 38);
        }
        const last = n === axes.length - 1;
        context.textAlign = last ? "left" : "right";
        for (const [at, label] of axis.ticks) {
          const shown = shorten(context, tracksite.visible(label), MOST_LABEL);
          const [from, y, long] = [last ? x + GAP : x - GAP, yOf(at), context.measureText(shown).width];
          context.globalAlpha = 0.88;
          context.fillStyle = bg;
          context.fillRect(last ? from - 3 : from - long - 3, y - 8, long + 6, 16);
          context.globalAlpha = 1;
          context.fillStyle = muted;
          context.fillText(shown, from, y + 4);
          context.strokeRect(last ? x : x - 4, y, 4, 0);
        }
        const brush = brushOf(axis);
        if (!brush) return;
        const [low, high] = extent(axis, brush);
        context.fillStyle = accent;
        context.globalAlpha = 0.3;
        context.fillRect(x - 7, yOf(high) - 4, 14, yOf(low) - yOf(high) + 8);
        context.globalAlpha = 1;
      });
    }

    function shorten(context, text, most) {
      if (context.measureText(text).width <= most) return text;
      let kept = text;
      while (kept && context.measureText(`${kept}…`).width > most) kept = kept.slice(0, -1);
      return `${kept}…`;
    }

    function extent(axis, [, ...wanted]) {
      const places = wanted.map(axis.place).filter((at) => at !== undefined && !Number.isNaN(at));
      return [clamp(Math.min(...places), 0, 1), clamp(Math.max(...places), 0, 1)];
    }

    function brush(axis, low, high) {
      const others = board.state.brush.filter(([id]) => id !== axis.column.id);
      const { id } = axis.column;
      if (low === null) board.set({ brush: others });
      else board.set({ brush: [...others, axis.column.numeric ? [id, axis.value(low), axis.value(high)] : [id, ...axis.within(low, high)]] });
    }

    function draw() {
      if (known !== board.data) {
        known = board.data;
        axes = axesOf(board);
        makeHandles();
      }
      place.closest("section").hidden = axes.length < 2;
      if (axes.length < 2) return;
      sides = margins(canvas.getContext("2d"));
      width = Math.max(onPaper ? ON_PAPER : scroll.clientWidth, sides[0] + sides[1] + (axes.length - 1) * STEP);
      const scale = devicePixelRatio || 1;
      canvas.width = width * scale;
      canvas.height = HEIGHT * scale;
      canvas.style.width = box.style.width = `${width}px`;
      canvas.style.height = `${HEIGHT}px`;
      const context = canvas.getContext("2d");
      context.scale(scale, scale);
      lines(context);
      scales(context);
      handles.childNodes.forEach((handle, n) => placeHandle(handle, axes[n], n));
      drawBrushes();
      const metric = board.data.metric ? ` Strong colours: better ${board.data.metric}.` : "";
      const sample = board.rows.length > MOST_LINES ? ` Shows ${number(MOST_LINES)} of the ${number(board.rows.length)} runs.` : "";
      note.textContent = `Drag along an axis, or use its arrow keys, to keep only the runs in that range.${metric}${sample}`;
      canvas.setAttribute("aria-label", `${number(board.rows.length)} runs as lines over ${axes.map((axis) => axis.column.label).join(", ")}`);
    }

    function drawBrushes() {
      const focused = brushes.contains(document.activeElement);
      brushes.replaceChildren(...board.state.brush.map(([id, ...wanted]) => {
        const column = board.columns.get(id);
        const range = column.numeric ? wanted.map((value) => number(Number(value.toPrecision(4)))).join(" to ") : wanted.join(", ");
        const button = el("button", { type: "button" }, el("span", { class: "visually-hidden" }, "Remove the brush "), `${column.label}: ${range} `, el("span", { "aria-hidden": "true" }, "×"));
        button.addEventListener("click", () => board.set({ brush: board.state.brush.filter(([one]) => one !== id) }));
        return button;
      }));
      if (focused) (brushes.querySelector("button") ?? handles.firstChild)?.focus({ preventScroll: true });
    }

    // ---- a handle over each axis: pointer and keyboard
    function makeHandles() {
      handles.replaceChildren(...axes.map((axis) => {
        const handle = el("div", { class: "parallel-handle", tabindex: "0", role: "slider", "aria-orientation": "vertical", "aria-valuemin": 0, "aria-valuemax": 100 });
        handle.addEventListener("pointerdown", (event) => drag(handle, axis, event));
        handle.addEventListener("keydown", (event) => keys(axis, event));
        handle.addEventListener("dblclick", () => brush(axis, null));
        return handle;
      }));
    }

    function placeHandle(handle, axis, n) {
      handle.style.left = `${xOf(n) - 14}px`;
      handle.style.top = `${TOP - 6}px`;
      handle.style.height = `${HEIGHT - TOP - BOTTOM + 12}px`;
      const now = brushOf(axis);
      const [low, high] = now ? extent(axis, now) : [0, 1];
      const label = (at) => (axis.column.numeric ? number(Number(axis.value(at).toPrecision(4))) : (axis.within(at, 1)[0] ?? ""));
      handle.setAttribute("aria-label", `Brush on ${axis.column.label}`);
      handle.setAttribute("aria-valuenow", Math.round(low * 100));
      handle.setAttribute("aria-valuetext", now ? (axis.column.numeric ? `${label(low)} to ${label(high)}` : now.slice(1).join(", ")) : "all values");
    }

    function drag(handle, axis, event) {
      if (event.button) return;
      event.preventDefault(); // of text that the drag would select
      handle.focus({ preventScroll: true });
      const at = ({ clientY }) => clamp(1 - (clientY - canvas.getBoundingClientRect().top - TOP) / (HEIGHT - TOP - BOTTOM), 0, 1);
      const from = at(event);
      let moved = false;
      handle.setPointerCapture(event.pointerId);
      const move = (next) => {
        const to = at(next);
        moved ||= Math.abs(to - from) > 0.01;
        if (moved) brushSoon(() => brush(axis, Math.min(from, to), Math.max(from, to)));
      };
      const stop = () => {
        handle.removeEventListener("pointermove", move);
        if (!moved && brushOf(axis)) brush(axis, null);
      };
      handle.addEventListener("pointermove", move);
      handle.addEventListener("pointerup", stop, { once: true });
      handle.addEventListener("pointercancel", stop, { once: true });
    }

    // Up and down move the lower end, with Shift the upper one; Escape takes the brush away.
    function keys(axis, event) {
      if (event.key === "Escape" && brushOf(axis)) return brush(axis, null);
      const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!way) return undefined;
      event.preventDefault();
      const now = brushOf(axis);
      let [low, high] = now ? extent(axis, now) : [0, 1];
      const size = axis.within ? 1 / Math.max(1, axis.column.order.length - 1) : 0.05;
      if (event.shiftKey) high = clamp(high + way * size, low, 1);
      else low = clamp(low + way * size, 0, high);
      return low <= 0 && high >= 1 ? brush(axis, null) : brush(axis, low, high);
    }

    const print = (on) => {
      onPaper = on;
      draw();
    };
    tracksite.onPrint({ show: () => (print(true), () => print(false)) });
    board.watch(() => drawSoon(draw));
    tracksite.onTheme(draw);
    new ResizeObserver(() => drawSoon(draw)).observe(scroll);
  }

  tracksiteBoard.view(() => document.querySelectorAll("[data-parallel]").forEach(start));
})();
