// Life for the static charts of a run page: read-out under the pointer or by arrow keys, and a
// logarithmic scale. The numbers come from the chart itself: data-x, data-y, data-domain, data-box.
(() => {
  "use strict";
  const { svg, el, number, mount } = tracksite;

  const numbers = (text) => text.split(" ").map((word) => ({ nan: NaN, inf: Infinity, "-inf": -Infinity })[word] ?? Number(word));
  // "first+count*stride", or all steps
  const steps = (text) => {
    const even = /^(-?\d+)\+(\d+)\*(\d+)$/.exec(text);
    if (!even) return numbers(text);
    const [first, count, stride] = even.slice(1).map(Number);
    return Array.from({ length: count }, (_, at) => first + at * stride);
  };
  const read = (plot) => {
    const [x0, x1, y0, y1] = numbers(plot.dataset.domain);
    const [left, top, width, height] = numbers(plot.dataset.box);
    const lines = [...plot.querySelectorAll(".line")].map((node) => ({
      node, name: node.dataset.name, x: steps(node.dataset.x), y: numbers(node.dataset.y),
    }));
    return { plot, x0, x1, y0, y1, left, top, width, height, lines };
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
      paths: chart.lines.map((line) => line.node.querySelector("path").getAttribute("d")),
    };
    ticks.querySelectorAll(".y").forEach((node) => node.remove());
    chart.lines.forEach((line, at) => line.node.querySelector("path")
      .setAttribute("d", log ? logPath(chart, line) : chart.linear.paths[at]));
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
    const mark = plot.dataset.domain + (plot.querySelector(".line")?.dataset.y ?? "");
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
