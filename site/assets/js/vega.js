// Vega-Lite figures: `<div data-vega="NAME" data-vega-src="URL …">`. When the figure comes near the
// screen, the data scripts in data-vega-src and the vendored libraries are loaded, and the figure
// is drawn in the colours of the page. The page has no network: a spec that asks for it is refused.
//
// The data NAME is a Vega-Lite or Vega spec. With data-vega-figure="KEY" it is {figures: {KEY:
// {chart, data, fill}}}: the spec is then `chart` of the data "charts", `data` are its named data
// sets, and each text in it that is a key of `fill` ("$metric") becomes that value.
(() => {
  "use strict";

  const vendor = new URL("../vendor/", document.currentScript.src);
  const LIBRARIES = ["vega.min.js", "vega-lite.min.js", "vega-embed.min.js"];
  const CATEGORIES = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"];
  const loaded = new Map(); // URL -> promise of its script
  const known = new Map(); // name -> newest data
  const drawn = new Map(); // element -> {data, view}
  const { el, colour } = tracksite;

  function load(url) {
    if (loaded.has(url)) return loaded.get(url);
    const promise = new Promise((resolve, reject) => {
      const script = el("script", { src: url });
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${url.split("/").pop()} could not be loaded`));
      document.head.append(script);
    });
    loaded.set(url, promise);
    return promise;
  }

  async function libraries() {
    for (const name of LIBRARIES) await load(new URL(name, vendor).href);
  }

  const used = new Set();
  function track(name) {
    if (used.has(name)) return;
    used.add(name);
    tracksite.use(name, (data) => known.set(name, data));
  }

  const fillIn = (value, fill) => {
    if (typeof value === "string") return Object.hasOwn(fill, value) ? fill[value] : value;
    if (Array.isArray(value)) return value.map((item) => fillIn(item, fill));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillIn(item, fill)]));
  };

  function specOf(place) {
    const data = known.get(place.dataset.vega);
    if (!data) throw new Error("its data is missing");
    const key = place.dataset.vegaFigure;
    if (!key) return structuredClone(data);
    const figure = data.figures[key];
    const spec = fillIn(known.get("charts")[figure.chart], figure.fill);
    return { ...spec, datasets: figure.data };
  }

  function config() {
    const text = colour("--text");
    const muted = colour("--muted");
    const axis = { labelColor: muted, titleColor: muted, gridColor: colour("--grid"), domainColor: colour("--line-strong"), tickColor: colour("--line-strong") };
    const font = getComputedStyle(document.body).fontFamily;
    return {
      aria: false, // the box is one image with a name
      background: "transparent",
      font,
      view: { stroke: null },
      axis: { ...axis, labelFontSize: 11, titleFontSize: 11, titleFontWeight: "normal", titlePadding: 8 },
      axisX: { grid: false },
      legend: { labelColor: text, titleColor: muted },
      header: { labelColor: text, titleColor: muted },
      title: { color: text, subtitleColor: muted },
      text: { color: text },
      mark: { color: colour("--c1") },
      rule: { color: colour("--c1") },
      range: { category: CATEGORIES.map(colour) },
    };
  }

  // No file, no network: every load is refused before the browser is asked.
  const refuse = (uri) => Promise.reject(new Error(`its data is at ${String(uri).slice(0, 120)}, and a page of this site loads nothing from elsewhere; log the figure with its data inside`));
  const LOADER = { load: refuse, sanitize: refuse, http: refuse, file: refuse };

  function say(place, error) {
    place.replaceChildren(el("p", { class: "note vega-problem" }, `This figure cannot be drawn: ${error.message || error}.`));
  }

  function nameOf(place, spec) {
    const caption = place.closest("figure")?.querySelector("figcaption")?.textContent.trim().replace(/\s+/g, " ");
    return [spec.description, spec.title?.text ?? spec.title, caption].find((text) => text && typeof text === "string") ?? "Figure";
  }

  // Vega catches what goes wrong in its data flow and tells its logger alone.
  function listener(fail) {
    const logger = { level: () => logger, info: () => logger, debug: () => logger };
    logger.warn = (what, _, error) => {
      if (what === "Loading failed") fail(error ?? new Error("its data is elsewhere"));
      return logger;
    };
    logger.error = (error) => {
      fail(error instanceof Error ? error : new Error(String(error)));
      return logger;
    };
    return logger;
  }

  async function draw(place) {
    const { data: shown, view } = drawn.get(place) ?? {};
    const isNow = (data, theme) => data === known.get(place.dataset.vega) && theme === colour("--text");
    if (view && isNow(shown, place.dataset.theme)) return;
    let problem = null;
    try {
      await libraries();
      await Promise.all((place.dataset.vegaSrc ?? "").split(/\s+/).filter(Boolean).map(load));
      const box = el("div", { class: "vega-box", "data-keep": "", role: "img" });
      const fail = (error) => (problem ??= error);
      const [data, theme] = [known.get(place.dataset.vega), colour("--text")];
      noteColours();
      place.dataset.theme = theme;
      const spec = specOf(place);
      view?.finalize();
      box.setAttribute("aria-label", nameOf(place, spec));
      place.replaceChildren(box);
      const result = await vegaEmbed(box, spec, {
        ast: true, defaultStyle: false, tooltip: { disableDefaultStyle: true, theme: "tracksite" },
        actions: false, renderer: "svg", config: config(), loader: LOADER, logger: listener(fail),
      });
      if (problem) throw problem;
      box.querySelector("svg")?.setAttribute("aria-hidden", "true");
      drawn.set(place, { data, view: result.view });
      if (!isNow(data, theme)) soon(place); // they changed meanwhile
    } catch (error) {
      drawn.set(place, { data: known.get(place.dataset.vega) });
      say(place, error);
    }
  }

  let queue = Promise.resolve();
  const soon = (place) => (queue = queue.then(() => draw(place)));
  const near = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        soon(target);
      }
    },
    { rootMargin: "300px" },
  );

  // On paper the colours of the page are the light ones: those that a figure took from it are
  // exchanged in place, since drawing it again takes longer than browsers wait.
  const TOKENS = ["--text", "--muted", "--grid", "--line-strong", ...CATEGORIES];
  let onScreen = new Map();
  const noteColours = () => (onScreen = new Map(TOKENS.map((token) => [colour(token), token])));
  function onPaper() {
    const changed = [];
    for (const node of document.querySelectorAll(".vega-box svg *")) {
      for (const name of ["fill", "stroke"]) {
        const token = onScreen.get(node.getAttribute(name));
        if (!token) continue;
        changed.push([node, name, node.getAttribute(name)]);
        node.setAttribute(name, colour(token));
      }
    }
    return () => changed.forEach(([node, name, value]) => node.setAttribute(name, value));
  }
  tracksite.onPrint({
    load: () => {
      const places = [...document.querySelectorAll("[data-vega]")].filter((place) => !drawn.has(place));
      for (const place of places) near.unobserve(place), soon(place);
      return queue;
    },
    show: onPaper,
  });

  tracksite.mount((scope) => {
    for (const place of scope.querySelectorAll("[data-vega]")) {
      track(place.dataset.vega);
      track("charts");
      if (drawn.has(place)) soon(place);
      else near.observe(place);
    }
    for (const [place, { view }] of drawn) {
      if (place.isConnected) continue;
      view?.finalize();
      drawn.delete(place);
    }
  });
  tracksite.onTheme((onPaper) => onPaper || [...drawn.keys()].forEach(soon));
})();
