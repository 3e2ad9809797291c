// Curves: one uPlot chart per chosen metric, with a shared cursor and one legend. A line is a run,
// or, where runs repeat each other but for the seed, the mean of a setting within its interval.
// The data script (`curves`, as charts/curves.py describes it) and uPlot are loaded when the
// section comes near the screen.
(() => {
  "use strict";

  const library = new URL("../vendor/uPlot.iife.min.js", document.currentScript.src).href;
  const { el, colour, number } = tracksite;
  const { labels, lens, stepLabels, ticks } = tracksiteAxes;
  const FIRST_KEYS = 4;
  const FIRST_LINES = 8; // shown at first: as many as there are colours
  const LISTED_RUNS = 12; // in the legend, besides selected ones
  const HEIGHT = 220;
  const ON_PAPER = 306; // pixels wide: two charts beside each other on A4
  const DASHES = [undefined, [6, 3], [2, 3]];

  const lineColour = (place) => colour(`--c${(place % 8) + 1}`);
  const translucent = (rgb) => rgb.replace("rgb(", "rgba(").replace(")", ", 0.16)");
  // uPlot asks for the browser's language as it is loaded, and some have one that is none ("C").
  function speakable() {
    try {
      new Intl.NumberFormat(navigator.language);
    } catch {
      Object.defineProperty(navigator, "language", { value: "en-US", configurable: true });
    }
  }
  const addScript = (src) =>
    new Promise((done, fail) => {
      const script = el("script", { src });
      script.onload = done;
      script.onerror = () => fail(new Error(`${src.split("/").pop()} could not be loaded`));
      document.head.append(script);
    });

  // Exponential moving average, corrected for its start at zero as in Adam (Kingma and Ba 2015,
  // section 3); gaps stay gaps.
  function smooth(values, weight) {
    let [average, debias] = [0, 0];
    return values.map((value) => {
      if (value === null) return null;
      average = weight * average + (1 - weight) * value;
      debias = weight * debias + (1 - weight);
      return average / debias;
    });
  }

  function start(section) {
    const live = section.querySelector("[data-curves-live]");
    const { board } = tracksiteBoard;
    const state = { keys: null, log: false, weight: 0, means: true, chosen: new Map() };
    let [data, charts, lines] = [null, [], []];

    // ---- lines: {id, place, name, runs, selected, curves: Map of key → {steps, values, low, high, counts}}
    const nameOf = (id) => {
      const row = board.rowOf?.get(id);
      return (row !== undefined && board.columns.get("name")?.text(row)) || id.slice(0, 8);
    };
    const byKey = (list) => new Map(list.map((one) => [one.key, one]));
    const isMeans = () => state.means && data.settings.length > 0;
    function meanLines() {
      const groups = new Set([...board.selected].map((row) => board.data.groups?.[row]));
      return data.settings.map(({ group, label, count }, place) => ({
        id: `setting ${group}`, place, name: label, runs: count, selected: groups.has(group),
        curves: byKey(data.means.filter((one) => one.setting === place)),
      }));
    }
    function runLines() {
      const selected = new Set(board.state.selected);
      const all = data.runs.map((id, place) => ({
        id, place, name: nameOf(id), runs: 1, selected: selected.has(id),
        curves: byKey(data.series.filter((one) => one.run === place)),
      }));
      return all.filter((one) => one.place < LISTED_RUNS || one.selected);
    }
    const isShown = (one) => state.chosen.get(one.id) ?? (one.place < FIRST_LINES || one.selected);
    const anySelected = () => lines.some((one) => one.selected);
    const shownLines = (key) => lines.filter((one) => isShown(one) && one.curves.has(key));
    const isResumed = (one) => [...one.curves.values()].some(({ resumed }) => resumed !== undefined);
    const fullName = (one) => `${one.name}${one.runs > 1 ? ` (${one.runs} runs)` : ""}${isResumed(one) ? " ↻" : ""}`;

    // What is drawn, what is not, and what the shades mean.
    function said() {
      const selected = board.state.selected.length;
      const means = isMeans();
      const missing = means
        ? selected - [...board.selected].filter((row) => data.settings.some(({ group }) => group === board.data.groups[row])).length
        : board.state.selected.filter((id) => !data.runs.includes(id)).length;
      const some = means
        ? "Lines are means over runs with the same params but for the seed, at the steps that all of them under way there have; the shade is the 95 % interval of the mean (Student’s t), of two runs their range."
        : "";
      const kept = !means && data.having > data.runs.length ? ` Curves are kept for the ${number(data.runs.length)} best of ${number(data.having)} runs.` : "";
      const kind = means ? "the best settings" : "them";
      const left = missing ? ` ${number(missing)} of the ${number(selected)} selected ${selected === 1 ? "run is" : "runs are"} not among ${kind}; ${missing === 1 ? "its page shows its" : "their pages show their"} curves.` : "";
      const again = lines.some(isResumed) ? " ↻ marks runs that were resumed from an earlier step: of what was logged twice, the last is drawn." : "";
      return `${some}${kept}${left}${again}`.trim();
    }

    // ---- controls
    const toggle = (text, pressed, act) => {
      const button = el("button", { type: "button", "aria-pressed": String(pressed) }, text);
      button.addEventListener("click", () => button.setAttribute("aria-pressed", String(act())));
      return button;
    };
    function controls() {
      const keys = data.keys.map((name, key) =>
        toggle(name, state.keys.has(key), () => {
          if (!state.keys.delete(key)) state.keys.add(key);
          draw();
          return state.keys.has(key);
        }),
      );
      const log = toggle("Log scale", state.log, () => {
        state.log = !state.log;
        draw();
        return state.log;
      });
      const value = el("output", {}, state.weight.toFixed(2));
      const slider = el("input", { type: "range", min: 0, max: 0.99, step: 0.01, value: state.weight });
      slider.addEventListener("input", () => {
        state.weight = Number(slider.value);
        value.textContent = state.weight.toFixed(2);
        draw();
      });
      const means = el("input", { type: "checkbox", checked: state.means });
      means.addEventListener("change", () => {
        state.means = means.checked;
        draw();
      });
      return [
        el("div", { class: "curve-tools" },
          el("div", { class: "chips", role: "group", "aria-label": "Metrics" }, ...keys),
          data.settings.length ? el("label", { class: "check" }, means, "Mean of repeats") : null,
          log,
          el("label", { class: "check" }, "Smoothing ", slider, value)),
        legend,
        words,
        grid,
        el("p", { class: "note" }, "Drag across a chart to zoom in, double-click to zoom out. Gaps are values that are not finite."),
      ];
    }
    const legend = el("ul", { class: "legend curve-legend", "aria-label": "Lines" });
    const words = el("p", { class: "note curve-words", role: "status" });
    const grid = el("div", { class: "charts curve-charts" });

    function drawLegend() {
      words.textContent = said();
      const focused = legend.contains(document.activeElement) ? document.activeElement.dataset.key : null;
      legend.replaceChildren(...lines.map((one) => {
        const key = el("span", { class: `key k${(one.place % 8) + 1}${one.place > 7 ? " dashed" : ""}`, "aria-hidden": "true" });
        const button = toggle(fullName(one), isShown(one), () => {
          state.chosen.set(one.id, !isShown(one));
          draw();
          return isShown(one);
        });
        button.title = "Show or hide this line";
        button.dataset.key = one.id;
        button.prepend(key);
        return el("li", { class: one.selected ? "selected" : null }, button);
      }));
      if (focused) [...legend.querySelectorAll("button")].find((one) => one.dataset.key === focused)?.focus({ preventScroll: true });
    }

    // ---- charts
    // What uPlot draws of one metric: a series per line, and two more around a mean. `table` holds
    // steps and values; uPlot gets `places` of them, steps from the first and values from 0 to 1.
    function columns(key) {
      const all = [];
      const add = (line, role, values) => all.push({ line, role, steps: line.curves.get(key).steps, values: usable(values, line.curves.get(key), role) });
      const eased = (values) => (state.weight ? smooth(values, state.weight) : values);
      for (const line of shownLines(key)) {
        const { values, low, high } = line.curves.get(key);
        if (state.weight) add(line, "faint", values);
        if (low) {
          add(line, "high", eased(high));
          add(line, "low", eased(low));
        }
        add(line, "line", eased(values));
      }
      const table = all.length ? uPlot.join(all.map((one) => [one.steps, one.values])) : [[0], []];
      const bands = all.flatMap(({ line, role }, n) => (role === "high" ? [{ series: [n + 1, n + 2], fill: translucent(lineColour(line.place)) }] : []));
      const first = table[0].reduce((least, step) => Math.min(least, step), Infinity);
      const eye = lens(table.slice(1).flat(), state.log);
      const place = (value) => (value === null || value === undefined ? value : eye.to(value));
      const places = [table[0].map((step) => step - first), ...table.slice(1).map((values) => values.map(place))];
      return { all, table, bands, first, eye, places };
    }

    // A point with gaps on both sides has no line through it.
    function alone(plot, at, shown) {
      const known = plot.data[at].map((value, idx) => [value, idx]).filter(([value]) => value !== undefined);
      const lone = known.filter(([value], n) => value !== null && !has(known[n - 1]) && !has(known[n + 1]));
      return shown || !lone.length ? null : lone.map(([, idx]) => idx);
    }
    const has = (point) => point !== undefined && point[0] !== null;

    // On a log scale only what is above 0 has a place; an interval that reaches lower is cut off.
    function usable(values, { values: centre }, role) {
      if (!state.log) return values;
      const floor = role === "low" ? Math.min(...centre.filter((value) => value > 0)) / 10 : NaN;
      return values.map((value) => (value > 0 ? value : role === "low" && value !== null && Number.isFinite(floor) ? floor : null));
    }

    function seriesOptions({ line, role, steps }) {
      if (role === "low" || role === "high") return { label: role, stroke: "transparent", width: 0, points: { show: false } };
      const faded = role === "faint" || (anySelected() && !line.selected);
      return {
        label: line.name, stroke: lineColour(line.place), alpha: faded ? 0.3 : 1,
        width: role === "faint" ? 1 : line.selected ? 3 : 1.5, dash: DASHES[Math.floor(line.place / 8) % 3],
        points: { show: steps.length < 2 ? true : undefined, size: 5, filter: alone },
      };
    }

    const axis = (label) => ({
      label, stroke: colour("--muted"), font: `11px ${fontFamily()}`, labelFont: `11px ${fontFamily()}`, labelSize: 18, labelGap: 0,
      grid: { stroke: colour("--grid"), width: 1 }, ticks: { stroke: colour("--grid"), width: 1, size: 4 },
    });
    // A margin around what is shown; a single step or value stands in the middle.
    const room = (low, high, margin, flat) => {
      if (low === null || low === undefined) return [0, 1];
      const space = high > low ? (high - low) * margin : flat;
      return [low - space, high + space];
    };
    const fontFamily = () => getComputedStyle(document.body).fontFamily;

    function chart(key, width) {
      const { all, table, bands, first, eye, places } = columns(key);
      const tip = el("div", { class: "curve-tip", hidden: true });
      const steps = (low, high, room) => ticks(low + first, high + first, Math.max(2, Math.floor(room / 80))).filter(Number.isInteger).map((step) => step - first);
      const options = {
        width, height: HEIGHT, legend: { show: false }, padding: [8, 16, 0, 0],
        cursor: { sync: { key: "curves", setSeries: false }, focus: { prox: 24 }, points: { size: 6 } },
        focus: { alpha: anySelected() ? 1 : 0.35 },
        scales: {
          x: { time: false, range: (_, low, high) => (places[0].at(-1) > 0 ? room(low, high, 0, 0.5) : [-0.5, 0.5]) },
          y: { range: (_, low, high) => room(low, high, 0.05, 0.1) },
        },
        axes: [
          { ...axis(`step${stepLabels(steps(0, places[0].at(-1), width), first).note}`), size: 26, splits: (plot, n, low, high) => steps(low, high, plot.width), values: (_, places) => stepLabels(places, first).texts },
          { ...axis(""), labelSize: 0, size: axisSize, splits: (_, n, low, high) => eye.ticks(low, high), values: (_, places) => labels(places.map(eye.from)) },
        ],
        series: [{ label: "step" }, ...all.map(seriesOptions)],
        bands,
        hooks: { setCursor: [(plot) => readOut(plot, tip, all, key, table)] },
      };
      const holder = el("div", { class: "curve-plot", role: "img", "aria-label": describe(key) });
      const figure = el("figure", { class: "chart" }, el("figcaption", {}, el("span", { class: "chart-title" }, data.keys[key])), holder);
      const plot = new uPlot(options, places, holder);
      plot.over.append(tip);
      return { figure, plot, key, first };
    }

    const axisSize = (_, values) => 14 + 7 * Math.max(2, ...(values ?? []).map((value) => value.length));

    function describe(key) {
      const parts = shownLines(key).map((one) => {
        const known = one.curves.get(key).values.filter((value) => value !== null);
        return `${fullName(one)} from ${number(known[0])} to ${number(known.at(-1))}`;
      });
      return `${data.keys[key]} over steps: ${parts.join("; ") || "nothing shown"}`;
    }

    // What the runs had at the cursor's step; a run without a point there shows its last one before.
    function readOut(plot, tip, all, key, table) {
      const { idx, left, top } = plot.cursor;
      const here = idx !== null && idx !== undefined && left >= 0 && plot.over.matches(":hover");
      tip.hidden = !here;
      if (!here) return;
      const found = all
        .map((one, n) => ({ ...one, values: table[n + 1], at: lastKnown(table[n + 1], idx) }))
        .filter((one) => one.role === "line" && one.at !== null)
        .map((one) => ({ ...one, value: one.values[one.at] }))
        .sort((a, b) => b.value - a.value);
      tip.replaceChildren(
        el("strong", {}, `step ${number(table[0][idx])}`),
        ...found.map(({ line, value, at }) => el("span", {}, el("span", { class: `key k${(line.place % 8) + 1}` }), ` ${number(value)} `, el("span", { class: "muted" }, `${around(line, key, table[0][at])}${line.name}`))),
      );
      const right = left > plot.over.clientWidth / 2;
      tip.style.left = right ? "" : `${left + 12}px`;
      tip.style.right = right ? `${plot.over.clientWidth - left + 12}px` : "";
      tip.style.top = `${Math.max(0, Math.min(top, plot.over.clientHeight - tip.offsetHeight))}px`;
    }

    function lastKnown(values, idx) {
      for (let place = idx; place >= 0; place--) if (Number.isFinite(values[place])) return place;
      return null;
    }

    // The interval of a mean at a step, and of how many of its runs it is, if not of all.
    function around(line, key, step) {
      const { steps, low, high, counts } = line.curves.get(key);
      const place = steps.indexOf(step);
      const count = Array.isArray(counts) ? counts[place] : counts;
      const of = count !== undefined && count < line.runs ? `, ${count} of ${line.runs} runs` : "";
      return low && low[place] !== null ? `(${number(low[place])} to ${number(high[place])}${of}) ` : of ? `(${of.slice(2)}) ` : "";
    }

    function draw() {
      lines = isMeans() ? meanLines() : runLines();
      const zooms = new Map(charts.map(({ plot, key, first }) => [key, zoomOf(plot, first)]));
      charts.forEach(({ plot }) => plot.destroy());
      grid.replaceChildren();
      const width = widthOf(state.keys.size);
      charts = [...state.keys].sort((a, b) => a - b).map((key) => chart(key, width));
      grid.replaceChildren(...charts.map(({ figure }) => figure));
      for (const { plot, key, first } of charts) {
        const zoom = zooms.get(key);
        if (zoom) plot.setScale("x", { min: zoom.min - first, max: zoom.max - first });
      }
      if (!charts.length) grid.append(el("p", { class: "note" }, "Choose a metric above."));
      fit();
      drawLegend();
    }

    function zoomOf(plot, first) {
      const { min, max } = plot.scales.x;
      const steps = plot.data[0];
      if (min === null || max === null || min === undefined) return null;
      return min > steps[0] || max < steps.at(-1) ? { min: min + first, max: max + first } : null;
    }
    const widthOf = () => Math.max(240, grid.clientWidth - 30);
    function fit() {
      for (const { plot, figure } of charts) {
        const width = Math.max(200, figure.querySelector(".curve-plot").clientWidth);
        if (width !== plot.width) plot.setSize({ width, height: HEIGHT });
      }
    }

    function take(newest) {
      const first = !data;
      data = newest;
      const wanted = data.keys.slice(0, FIRST_KEYS).map((_, key) => key);
      state.keys ??= new Set(wanted);
      if (first) {
        live.replaceChildren(...controls());
        new ResizeObserver(fit).observe(grid);
        tracksite.onTheme(draw);
        let chosen = "";
        board.watch(() => {
          const now = board.state.selected.join();
          if (now !== chosen) draw();
          chosen = now;
        });
      }
      draw();
    }

    let newest = null;
    tracksite.use("curves", (value) => (newest = value));
    const refresh = () => newest && newest !== data && window.uPlot && board.data && take(newest);
    document.addEventListener("tracksite:update", refresh);
    let loading = null;
    const load = () => (loading ??= fetchAll());
    function fetchAll() {
      speakable();
      return Promise.all([addScript(library), addScript(section.dataset.src)])
        .then(() => {
          if (!window.uPlot) throw new Error(`the chart library ${library.split("/").pop()} did not start in this browser`);
          tracksiteBoard.view(refresh);
        })
        .catch((error) => {
          live.replaceChildren(el("p", { class: "note" }, `The curves cannot be drawn: ${error.message}.`));
        });
    }
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      load();
    }, { rootMargin: "300px" }).observe(section);
    const show = () => {
      // At once: uPlot draws after the event otherwise, and Firefox has taken its picture by then.
      for (const { plot } of charts) plot.batch(() => plot.setSize({ width: ON_PAPER, height: HEIGHT }));
      return fit;
    };
    tracksite.onPrint({ load, show });
  }

  const started = new WeakSet();
  tracksite.mount((scope) => {
    for (const section of scope.querySelectorAll("[data-curves]")) {
      if (!started.has(section)) start(section);
      started.add(section);
    }
  });
})();
