// Life for the static charts of a run page: read-out under the pointer or by arrow keys, and a
// logarithmic scale. A line's path is its data: whole numbers that data-unit (first step, stride,
// lowest value, unit) makes steps and values, and that the path's matrix scales to pixels.
(() => {
  "use strict";
  const { svg, el, number, mount } = tracksite;

  const words = (text) => text.split(" ").map(Number);
  // "M0 5l4-5 3 2M9 7l…" -> [[x, y], …]; what is not finite stands in data-odd: "8 NaN 9 Infinity".
  const points = (path, odd) => {
    const found = [];
    let x = 0, y = 0;
    for (const [, pen, across, up] of path.matchAll(/([Ml ]?)(\d+) ?(-?\d+)/g)) {
      if (pen !== "M" && across === "0" && up === "0") continue; // the dot of a lone point
      x = pen === "M" ? Number(across) : x + Number(across);
      y = pen === "M" ? Number(up) : y + Number(up);
      found.push([x, y]);
    }
    const others = odd ? words(odd) : [];
    for (let at = 0; at < others.length; at += 2) found.push([others[at], others[at + 1]]);
    return others.length ? found.sort((one, other) => one[0] - other[0]) : found;
  };
  const exact = (value) => Number(value.toPrecision(15)); // without the noise of adding floats
  const read = (plot) => {
    const [first, stride, lowest, unit] = words(plot.dataset.unit);
    const [left, top, width, height] = words(plot.dataset.box);
    const lines = [...plot.querySelectorAll(".line")].map((node) => {
      const found = points(node.querySelector("path").getAttribute("d"), node.dataset.odd);
      return {
        node, name: node.dataset.name,
        x: found.map(([x]) => first + x * stride), y: found.map(([, y]) => exact(lowest + y * unit)),
      };
    });
    const [a, , , d, e, f] = words(plot.querySelector(".line path").getAttribute("transform").slice(7, -1));
    const stepOf = (pixel) => first + ((pixel - e) / a) * stride;
    const valueOf = (pixel) => lowest + ((pixel - f) / d) * unit;
    return {
      plot, left, top, width, height, lines,
      x0: stepOf(left), x1: stepOf(left + width), y0: valueOf(top + height), y1: valueOf(top),
    };
  };
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
    return chart.top + chart.height * (1 - (shown - low) / (high - low));
  };
  const toX = (chart, step) => chart.left + chart.width * ((step - chart.x0) / (chart.x1 - chart.x0));
  const logPath = (chart, line) => {
    let path = "", pen = "M";
    line.y.forEach((value, at) => {
      if (!(value > 0) || !Number.isFinite(value)) { pen = "M"; return; }
      path += `${pen}${Math.round(toX(chart, line.x[at]) * 10)} ${Math.round(toY(chart, value) * 10)}`;
      pen = "L";
    });
    return path;
  };
  const logTicks = ([low, high]) => {
    const found = [];
    for (let power = Math.floor(low); power <= Math.ceil(high); power++) {
      for (const digit of high - low > 2 ? [1] : [1, 2, 5]) {
        const at = Math.log10(digit) + power;
        if (at >= low && at <= high) found.push(digit * 10 ** power);
      }
    }
    return found.filter((_, at) => at % Math.ceil(found.length / 6) === 0);
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
    for (const { node } of chart.lines) node.querySelector(".log-path")?.remove();
    if (log) {
      for (const line of chart.lines) {
        line.node.append(svg("path", { class: "log-path", transform: "scale(.1)", d: logPath(chart, line) }));
      }
    }
    if (!log) {
      ticks.prepend(...chart.linear.labels);
      grid.setAttribute("d", chart.linear.grid);
      return;
    }
    const values = logTicks(chart.range);
    ticks.prepend(...values.map((value) => svg("text",
      { class: "y", x: chart.left - 6, y: toY(chart, value) + 3.5 }, number(value))));
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
      el("span", {}, `step ${number(shown)}`),
      chart.lines.map((line, which) => el("span", {},
        chart.lines.length > 1 ? `${line.name} ` : "", el("b", {}, number(line.y[at[which]]))))));
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
      node.querySelector("path").getAttribute("d") + (node.dataset.odd ?? ""))].join();
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
    button.setAttribute("aria-label", `Logarithmic scale for ${figure.querySelector(".chart-title").textContent}`);
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
