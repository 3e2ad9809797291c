// Life for the static charts of a run page: read-out under the pointer or by arrow keys, and a
// logarithmic scale. A line's path is its data: whole numbers that data-unit (first step, stride,
// lowest value, unit, strides per number) makes steps and values, and that the path's matrix scales
// to pixels. Where the path is too coarse, data-steps and data-values tell its points.
(() => {
  "use strict";
  const { svg, el, number, mount } = tracksite;
  const { labels, logTicks } = tracksiteAxes;

  const words = (text) => (text ? text.split(" ").map(Number) : null);
  // "M0 5l4-5 3 2M9 7l…" -> [[x, y], …]
  const points = (path) => {
    const found = [];
    let x = 0, y = 0;
    for (const [, pen, across, up] of path.matchAll(/([Ml ]?)(\d+) ?(-?\d+)/g)) {
      x = pen === "M" ? Number(across) : x + Number(across);
      y = pen === "M" ? Number(up) : y + Number(up);
      found.push([x, y]);
    }
    return found;
  };
  // Without the noise of adding floats, where that is not all there is.
  const exact = (value, unit) => (Math.abs(value) < unit * 1e13 ? Number(value.toPrecision(15)) : value);
  // Steps are kept as distances from the first one, which may be beyond exact floats.
  const readLine = (node, [, stride, lowest, unit, coarse]) => {
    const { steps, values, odd } = Object.fromEntries(["steps", "values", "odd"].map((name) => [name, words(node.dataset[name])]));
    const found = points(node.querySelector("path").getAttribute("d")).map(([x, y], at) =>
      [(steps?.[at] ?? x * coarse) * stride, values?.[at] ?? exact(lowest + y * unit, unit)]);
    for (let at = 0; at < (odd?.length ?? 0); at += 2) found.push([odd[at] * stride, odd[at + 1]]);
    if (odd) found.sort((one, other) => one[0] - other[0]);
    return { node, name: node.dataset.name, x: found.map(([x]) => x), y: found.map(([, y]) => y) };
  };
  const read = (plot) => {
    const units = words(plot.dataset.unit);
    const [, stride, lowest, unit, coarse] = units;
    const [left, top, width, height] = words(plot.dataset.box);
    const lines = [...plot.querySelectorAll(".line")].map((node) => readLine(node, units));
    const [a, , , d, e, f] = words(plot.querySelector(".line path").getAttribute("transform").slice(7, -1));
    const stepOf = (pixel) => ((pixel - e) / a) * stride * coarse;
    const valueOf = (pixel) => lowest + ((pixel - f) / d) * unit;
    return {
      plot, left, top, width, height, lines, first: plot.dataset.unit.split(" ")[0],
      x0: stepOf(left), x1: stepOf(left + width), y0: valueOf(top + height), y1: valueOf(top),
      digits: Math.min(17, Math.ceil(Math.log10(Math.max(Math.abs(lowest), unit) / unit)) + 1),
    };
  };
  const stepText = (chart, offset) => {
    const step = Number(chart.first) + offset;
    return Number.isSafeInteger(step) ? number(step) : (BigInt(chart.first) + BigInt(offset)).toLocaleString("en-US").replace("-", "−");
  };
  // As elsewhere, unless the values of this chart differ only in later digits.
  const valueText = (chart, value) => (chart.digits <= 8 || !Number.isFinite(value) ? number(value)
    : String(Number(value.toPrecision(chart.digits))).replaceAll("-", "−"));
  const nearest = (values, wanted) => {
    let low = 0, high = values.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (values[middle] < wanted) low = middle; else high = middle;
    }
    return Math.abs(values[low] - wanted) <= Math.abs(values[high] - wanted) ? low : high;
  };

  // ---- scale -----------------------------------------------------------------------------------
  const logRange = (chart) => {
    const positive = chart.lines.flatMap((line) => line.y.filter((value) => value > 0 && Number.isFinite(value)));
    return [Math.log10(Math.min(...positive)) - 0.04, Math.log10(Math.max(...positive)) + 0.04];
  };
  const toY = (chart, value) => {
    const [low, high] = chart.range;
    const shown = chart.log ? Math.log10(value) : value;
    return chart.top + chart.height * (1 - (shown / 2 - low / 2) / (high / 2 - low / 2));
  };
  const toX = (chart, step) => chart.left + chart.width * ((step - chart.x0) / (chart.x1 - chart.x0));
  const at = (chart, line, place) => `${Math.round(toX(chart, line.x[place]) * 10)} ${Math.round(toY(chart, line.y[place]) * 10)}`;
  // The path through what has a logarithm, and the dots of points that stand alone.
  const logPaths = (chart, line) => {
    let [path, lone] = ["", ""];
    const has = (place) => line.y[place] > 0 && Number.isFinite(line.y[place]);
    line.y.forEach((_, place) => {
      if (!has(place)) return;
      const alone = !has(place - 1) && !has(place + 1);
      if (alone) lone += `M${at(chart, line, place)}h0`;
      path += `${has(place - 1) ? "L" : "M"}${at(chart, line, place)}${alone ? "h0" : ""}`;
    });
    return [["log-path", path], ...(lone ? [["log-path lone", lone]] : [])];
  };
  const rescale = (chart, log) => {
    chart.log = log;
    chart.range = log ? logRange(chart) : [chart.y0, chart.y1];
    const ticks = chart.plot.querySelector(".ticks");
    const grid = chart.plot.querySelector(".grid");
    chart.linear ??= {
      labels: [...ticks.querySelectorAll(".y")], grid: grid.getAttribute("d"),
    };
    ticks.querySelectorAll(".y").forEach((node) => node.remove());
    for (const { node } of chart.lines) node.querySelectorAll(".log-path").forEach((path) => path.remove());
    if (log) {
      for (const line of chart.lines) {
        line.node.append(...logPaths(chart, line).map(([kind, d]) => svg("path", { class: kind, transform: "scale(.1)", d })));
      }
    }
    if (!log) {
      ticks.prepend(...chart.linear.labels);
      grid.setAttribute("d", chart.linear.grid);
      return;
    }
    const values = logTicks(...chart.range);
    const texts = labels(values);
    ticks.prepend(...values.map((value, place) => svg("text",
      { class: "y", x: chart.left - 6, y: toY(chart, value) + 3.5 }, texts[place])));
    grid.setAttribute("d", values.map((value) => `M${chart.left} ${toY(chart, value)}h${chart.width}`).join("")
      + chart.linear.grid.slice(chart.linear.grid.search(/M[\d.]+ [\d.]+v/)));
  };

  // ---- read-out --------------------------------------------------------------------------------
  const clear = (figure, chart) => {
    figure.querySelector(".readout")?.remove();
    chart.plot.querySelectorAll(".cross, .dot").forEach((node) => node.remove());
  };
  const show = (figure, chart, step) => {
    clear(figure, chart);
    const at = chart.lines.map((line) => nearest(line.x, step));
    const shown = chart.lines[0].x[at[0]];
    chart.at = at[0];
    const x = toX(chart, shown);
    chart.plot.append(svg("path", { class: "cross", d: `M${x} ${chart.top}v${chart.height}` }));
    chart.lines.forEach((line, which) => {
      const value = line.y[at[which]];
      if (!Number.isFinite(value) || (chart.log && value <= 0)) return;
      chart.plot.append(svg("circle", {
        class: `dot k${(which % 8) + 1}`, r: 3.5, cx: toX(chart, line.x[at[which]]), cy: toY(chart, value),
      }));
    });
    figure.append(el("div", { class: "readout", "data-keep": true },
      el("span", {}, `step ${stepText(chart, shown)}`),
      chart.lines.map((line, which) => el("span", {},
        chart.lines.length > 1 ? `${line.name} ` : "", el("b", {}, valueText(chart, line.y[at[which]]))))));
  };
  const stepAt = (chart, event) => {
    const box = chart.plot.getBoundingClientRect();
    const scale = box.width / chart.plot.viewBox.baseVal.width;
    const share = ((event.clientX - box.left) / scale - chart.left) / chart.width;
    return chart.x0 + Math.min(1, Math.max(0, share)) * (chart.x1 - chart.x0);
  };
  const keys = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };

  const enliven = (figure) => {
    const plot = figure.querySelector("svg.plot");
    if (!plot) return;
    const mark = [plot.dataset.unit, ...[...plot.querySelectorAll(".line")].map((node) =>
      node.querySelector("path").getAttribute("d") + ["odd", "steps", "values"].map((name) => node.dataset[name]))].join();
    if (figure.tracksiteMark === mark && figure.querySelector(".scale, figcaption")) {
      if (!figure.hasAttribute("data-log") || figure.querySelector(".scale")) return;
    }
    figure.tracksiteMark = mark;
    const chart = read(plot);
    rescaleTo(figure, chart);
    plot.setAttribute("tabindex", "0");
    plot.onpointermove = (event) => show(figure, chart, stepAt(chart, event));
    plot.onpointerdown = plot.onpointermove;
    plot.onpointerleave = () => clear(figure, chart);
    plot.onblur = () => clear(figure, chart);
    plot.onkeydown = (event) => {
      const move = keys[event.key];
      if (move === undefined) return;
      event.preventDefault();
      const last = chart.lines[0].x.length - 1;
      const next = Math.min(last, Math.max(0, (chart.at ?? (move > 0 ? -1 : last + 1)) + move));
      show(figure, chart, chart.lines[0].x[next]);
    };
  };
  const rescaleTo = (figure, chart) => {
    chart.range = [chart.y0, chart.y1];
    if (!figure.hasAttribute("data-log")) return;
    figure.querySelector(".scale")?.remove();
    const button = el("button", { type: "button", class: "scale", "aria-pressed": String(figure.classList.contains("log")) }, "log");
    button.setAttribute("aria-label", `log scale for ${figure.querySelector(".chart-title").textContent}`);
    button.onclick = () => {
      const log = figure.classList.toggle("log");
      button.setAttribute("aria-pressed", String(log));
      clear(figure, chart);
      rescale(chart, log);
    };
    figure.querySelector("figcaption").append(button);
    if (figure.classList.contains("log")) rescale(chart, true);
  };

  mount((scope) => scope.querySelectorAll("figure.metric").forEach(enliven));
})();
