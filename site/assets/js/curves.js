// Curves of the best runs: one uPlot chart per chosen metric, with a shared cursor and one legend.
// The data script (`curves`: {runs, keys, series: [{run, key, steps, values}]}) and uPlot are
// loaded when the section comes near the screen.
(() => {
  "use strict";

  const library = new URL("../vendor/uPlot.iife.min.js", document.currentScript.src).href;
  const { el, colour, number } = tracksite;
  const FIRST_KEYS = 4;
  const FIRST_RUNS = 8; // as many as there are colours
  const HEIGHT = 220;
  const DASHES = [undefined, [6, 3], [2, 3]];

  const lineColour = (run) => colour(`--c${(run % 8) + 1}`);
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
    const state = { keys: null, log: false, weight: 0, hidden: new Set() };
    let [data, charts] = [null, []];

    const nameOf = (run) => {
      const row = board.rowOf?.get(data.runs[run]);
      return (row !== undefined && board.columns.get("name")?.text(row)) || data.runs[run].slice(0, 8);
    };
    const isSelected = (run) => board.state.selected?.includes(data.runs[run]);
    const anySelected = () => data.runs.some((_, run) => isSelected(run));
    const shownSeries = (key) => data.series.filter((one) => one.key === key && !state.hidden.has(one.run));

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
      return [
        el("div", { class: "curve-tools" },
          el("div", { class: "chips", role: "group", "aria-label": "Metrics" }, ...keys),
          log,
          el("label", { class: "check" }, "Smoothing ", slider, value)),
        legend,
        grid,
        el("p", { class: "note" }, "Drag across a chart to zoom in, double-click to zoom out. Gaps are values that are not finite."),
      ];
    }
    const legend = el("ul", { class: "legend curve-legend", "aria-label": "Runs" });
    const grid = el("div", { class: "charts curve-charts" });

    function drawLegend() {
      legend.replaceChildren(...data.runs.map((id, run) => {
        const key = el("span", { class: `key k${(run % 8) + 1}${run > 7 ? " dashed" : ""}`, "aria-hidden": "true" });
        const button = toggle(nameOf(run), !state.hidden.has(run), () => {
          if (!state.hidden.delete(run)) state.hidden.add(run);
          draw();
          return !state.hidden.has(run);
        });
        button.title = "Show or hide this run";
        button.prepend(key);
        return el("li", { class: isSelected(run) ? "selected" : null }, button);
      }));
    }

    // ---- charts
    function columns(key) {
      const list = shownSeries(key).map((one) => ({ ...one, values: state.weight ? smooth(one.values, state.weight) : one.values }));
      const raw = state.weight ? shownSeries(key) : [];
      const all = [...raw.map((one) => ({ ...one, faint: true })), ...list];
      const usable = all.map(({ values }) => (state.log ? values.map((value) => (value > 0 ? value : null)) : values));
      const table = all.length ? uPlot.join(all.map((one, i) => [one.steps, usable[i]])) : [[0], []];
      return { all, table };
    }

    function seriesOptions(one) {
      const faded = one.faint || (anySelected() && !isSelected(one.run));
      return {
        label: nameOf(one.run), stroke: lineColour(one.run), alpha: faded ? 0.3 : 1,
        width: one.faint ? 1 : isSelected(one.run) ? 3 : 1.5, dash: DASHES[Math.floor(one.run / 8)],
        points: { show: one.steps.length < 2 ? true : undefined, size: 5 },
      };
    }

    const axis = (label) => ({
      label, stroke: colour("--muted"), font: `11px ${fontFamily()}`, labelFont: `11px ${fontFamily()}`, labelSize: 18, labelGap: 0,
      grid: { stroke: colour("--grid"), width: 1 }, ticks: { stroke: colour("--grid"), width: 1, size: 4 },
      values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : number(tick))),
    });
    const fontFamily = () => getComputedStyle(document.body).fontFamily;

    function chart(key, width) {
      const { all, table } = columns(key);
      const tip = el("div", { class: "curve-tip", hidden: true });
      const options = {
        width, height: HEIGHT, legend: { show: false }, padding: [8, 8, 0, 0],
        cursor: { sync: { key: "curves", setSeries: false }, focus: { prox: 24 }, points: { size: 6 } },
        focus: { alpha: anySelected() ? 1 : 0.35 },
        scales: { x: { time: false }, y: { distr: state.log ? 3 : 1 } },
        axes: [{ ...axis("step"), space: 60, size: 26 }, { ...axis(""), labelSize: 0, size: axisSize }],
        series: [{ label: "step" }, ...all.map(seriesOptions)],
        hooks: { setCursor: [(plot) => readOut(plot, tip, all)] },
      };
      const holder = el("div", { class: "curve-plot", role: "img", "aria-label": describe(key) });
      const figure = el("figure", { class: "chart" }, el("figcaption", {}, el("span", { class: "chart-title" }, data.keys[key])), holder);
      const plot = new uPlot(options, table, holder);
      plot.over.append(tip);
      return { figure, plot, key };
    }

    const axisSize = (_, values) => 14 + 7 * Math.max(2, ...(values ?? []).map((value) => value.length));

    function describe(key) {
      const parts = shownSeries(key).map(({ run, values }) => {
        const known = values.filter((value) => value !== null);
        return `${nameOf(run)} from ${number(known[0])} to ${number(known.at(-1))}`;
      });
      return `${data.keys[key]} over steps: ${parts.join("; ") || "no run shown"}`;
    }

    // What the runs had at the cursor's step; a run without a point there shows its last one before.
    function readOut(plot, tip, all) {
      const { idx, left, top } = plot.cursor;
      const here = idx !== null && idx !== undefined && left >= 0 && plot.over.matches(":hover");
      tip.hidden = !here;
      if (!here) return;
      const lines = all
        .map((one, place) => ({ ...one, at: lastKnown(plot.data[place + 1], idx) }))
        .filter((one) => !one.faint && one.at !== null)
        .sort((a, b) => b.at - a.at);
      tip.replaceChildren(
        el("strong", {}, `step ${number(plot.data[0][idx])}`),
        ...lines.map((one) => el("span", {}, el("span", { class: `key k${(one.run % 8) + 1}` }), ` ${number(one.at)} `, el("span", { class: "muted" }, nameOf(one.run)))),
      );
      const right = left > plot.over.clientWidth / 2;
      tip.style.left = right ? "" : `${left + 12}px`;
      tip.style.right = right ? `${plot.over.clientWidth - left + 12}px` : "";
      tip.style.top = `${Math.max(0, Math.min(top, plot.over.clientHeight - tip.offsetHeight))}px`;
    }

    function lastKnown(values, idx) {
      for (let place = idx; place >= 0; place--) if (Number.isFinite(values[place])) return values[place];
      return null;
    }

    function draw() {
      const zooms = new Map(charts.map(({ plot, key }) => [key, zoomOf(plot)]));
      charts.forEach(({ plot }) => plot.destroy());
      grid.replaceChildren();
      const width = widthOf(state.keys.size);
      charts = [...state.keys].sort((a, b) => a - b).map((key) => chart(key, width));
      grid.replaceChildren(...charts.map(({ figure }) => figure));
      for (const { plot, key } of charts) if (zooms.get(key)) plot.setScale("x", zooms.get(key));
      if (!charts.length) grid.append(el("p", { class: "note" }, "Choose a metric above."));
      fit();
      drawLegend();
    }

    function zoomOf(plot) {
      const { min, max } = plot.scales.x;
      const steps = plot.data[0];
      if (min === null || max === null || min === undefined) return null;
    return min > steps[0] || max < steps.at(-1) ? { min, max } : null;
    }
    const widthOf = () => Math.max(240, grid.clientWidth - 30);
    function fit() {
      for (const { plot, figure } of charts) {
        const width = Math.max(200, figure.querySelector(".curve-plot").clientWidth);
        if (width !== plot.width) plot.setSize({ width, height: HEIGHT });
      }
    }

    function show(newest) {
      const first = !data;
      data = newest;
      const wanted = data.keys.slice(0, FIRST_KEYS).map((_, key) => key);
      state.keys ??= new Set(wanted);
      if (first) data.runs.slice(FIRST_RUNS).forEach((_, place) => state.hidden.add(FIRST_RUNS + place));
      if (first) {
        live.hidden = false;
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
    const refresh = () => newest && newest !== data && window.uPlot && board.data && show(newest);
    document.addEventListener("tracksite:update", refresh);
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      Promise.all([addScript(library), addScript(section.dataset.src)])
        .then(() => tracksiteBoard.view(refresh))
        .catch((error) => {
          live.hidden = false;
          live.replaceChildren(el("p", { class: "note" }, `The curves cannot be drawn: ${error.message}.`));
        });
    }, { rootMargin: "300px" }).observe(section);
  }

  const started = new WeakSet();
  tracksite.mount((scope) => {
    for (const section of scope.querySelectorAll("[data-curves]")) {
      if (!started.has(section)) start(section);
      started.add(section);
    }
  });
})();
