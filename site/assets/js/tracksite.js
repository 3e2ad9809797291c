// Loaded first on every page (in <head>, before anything is painted): the theme, the registry of
// data scripts, and small builders of DOM that never parse HTML. Everything hangs on `tracksite`.
(() => {
  "use strict";
  const root = document.documentElement;
  const stored = new Map(); // name of a data script -> its value
  const waiting = new Map(); // name -> functions that use it
  const mounts = []; // functions that bring a page to life
  const themed = []; // functions to call when the colours change
  const prints = []; // {load, show}: how parts of the page get ready for paper

  // ---- data scripts: tracksite.data("name", JSON.parse('…')) --------------------------------
  const data = (name, value) => {
    stored.set(name, value);
    for (const use of waiting.get(name) ?? []) use(value);
  };
  // Call `use(value)` now if the data is there, and each time that it comes (again).
  const use = (name, fn) => {
    waiting.set(name, [...(waiting.get(name) ?? []), fn]);
    if (stored.has(name)) fn(stored.get(name));
  };

  // ---- texts: what nobody would see is shown, as visible.py does -----------------------------
  const EMOJI = "\\u2190-\\u27bf\\u2900-\\u2bff\\u{1f000}-\\u{1faff}";
  const SCRIPTS = "\\u0620-\\u06ff\\u0750-\\u077f\\u08a0-\\u0dff\\u1000-\\u109f\\u1780-\\u17b3";
  const IDEOGRAPHS = "\\u3400-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{3fffd}";
  const PLANES = Array.from({ length: 16 }, (_, at) => `\\u{${(at + 1).toString(16)}fffe}\\u{${(at + 1).toString(16)}ffff}`);
  const HIDDEN = new RegExp([
    `(?<=[${EMOJI}#*0-9©®‼⁉™ℹ〰〽㊗㊙])[\\ufe0e\\ufe0f]`,
    `(?<=[${EMOJI}\\ufe0f])\\u200d(?=[${EMOJI}])`,
    `(?<=[${SCRIPTS}])[\\u200c\\u200d](?=[${SCRIPTS}])`,
    `(?<=[${IDEOGRAPHS}])[\\ufe00-\\ufe0f\\u{e0100}-\\u{e01ef}]`,
    "([\\0-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f"
    + "\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u2800\\u3164\\ud800-\\udfff\\ufdd0-\\ufdef\\ufe00-\\ufe0f"
    + "\\ufeff\\uffa0\\ufff0-\\ufffb\\ufffe\\uffff\\u{13430}-\\u{1343f}\\u{1bca0}-\\u{1bca3}"
    + `\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}${PLANES.join("")}])`,
  ].join("|"), "gu");
  const visible = (text) => text.replace(HIDDEN, (needed, hidden) => (hidden === undefined
    ? needed : `[U+${hidden.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`));

  // ---- DOM ----------------------------------------------------------------------------------
  const READ = new Set(["title", "aria-label", "alt", "placeholder"]); // attributes that people read
  const shown = (child) => (typeof child === "string" ? visible(child) : child);
  const SVG = "http://www.w3.org/2000/svg";
  const fill = (node, attributes, children) => {
    for (const [key, value] of Object.entries(attributes ?? {})) {
      if (value === null || value === undefined || value === false) continue;
      if (key.startsWith("on") && typeof value === "function") {
        node.addEventListener(key.slice(2), value);
      } else {
        node.setAttribute(key, value === true ? "" : READ.has(key) ? visible(String(value)) : String(value));
      }
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined).map(shown));
    return node;
  };
  // el("td", {class: "num"}, "text", node, …): texts become text nodes, never HTML.
  const el = (tag, attributes, ...children) =>
    fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes, ...children) =>
    fill(document.createElementNS(SVG, tag), attributes, children);

  // ---- numbers, as render.number writes them -------------------------------------------------
  const trim = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  const signed = (text) => text.replaceAll("-", "−");
  const number = (value) => {
    if (value === null || value === undefined) return "–";
    if (Number.isNaN(value)) return "NaN";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
    if (Number.isSafeInteger(value)) return signed(value.toLocaleString("en-US"));
    const size = Math.abs(value);
    if (size >= 1e-4 && size < 1e6) {
      return signed(trim(value.toFixed(Math.max(0, 4 - Math.floor(Math.log10(size))))));
    }
    const [mantissa, exponent] = value.toExponential(4).split("e");
    return signed(`${trim(mantissa)}e${Number(exponent)}`);
  };
  const duration = (seconds) => {
    if (!(seconds >= 0) || seconds === Infinity) return "–";
    const two = (value) => String(value).padStart(2, "0");
    if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
    if (seconds < 60) return `${seconds.toFixed(1)} s`;
    const minutes = Math.floor(Math.round(seconds) / 60);
    if (minutes < 60) return `${minutes} min ${two(Math.round(seconds) % 60)} s`;
    const hours = Math.floor(minutes / 60);
    if (hours < 24) return `${hours} h ${two(minutes % 60)} min`;
    return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
  };
  const ago = (then, now) => {
    const steps = [[60, "second"], [60, "minute"], [24, "hour"], [30.44, "day"], [12, "month"]];
    let amount = (now - then) / 1000;
    if (!(amount >= 0)) return "";
    if (amount < 45) return "just now";
    let unit = "year";
    for (const [many, name] of steps) {
      if (amount < many) { unit = name; break; }
      amount /= many;
    }
    const whole = Math.max(1, Math.round(amount));
    return `${whole} ${unit}${whole === 1 ? "" : "s"} ago`;
  };

  // ---- memory of the browser; file:// and private windows may refuse it ----------------------
  const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const remember = (key, value) => {
    try { if (value) localStorage.setItem(key, value); else localStorage.removeItem(key); } catch { /* refused */ }
  };

  // ---- theme ---------------------------------------------------------------------------------
  const THEMES = ["", "light", "dark"];
  const THEME_KEY = "tracksite.theme";
  const paint = (theme) => {
    if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
  };
  let theme = THEMES.includes(recall(THEME_KEY)) ? recall(THEME_KEY) : "";
  paint(theme);
  let onPaper = false;
  const repaint = () => themed.forEach((fn) => fn(onPaper));
  // Paper is light: what a canvas draws too. Returns what brings the colours back.
  const paper = () => {
    onPaper = true;
    paint("light");
    repaint();
    return () => {
      onPaper = false;
      paint(theme);
      repaint();
    };
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => onPaper || repaint());
  const themeButton = (button) => {
    const say = () => {
      button.textContent = theme ? theme[0].toUpperCase() + theme.slice(1) : "Auto";
      button.setAttribute("aria-label", `${button.textContent}: colour theme`);
    };
    button.hidden = false;
    say();
    button.onclick = () => {
      theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
      remember(THEME_KEY, theme);
      paint(theme);
      say();
      repaint();
    };
  };
  // The colour of a token ("--c1") as the browser computes it now: for canvas and chart libraries.
  const colour = (token) => {
    const probe = el("span", { class: "probe", hidden: true });
    root.append(probe);
    probe.style.color = `var(${token})`;
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  };
  const onTheme = (fn) => themed.push(fn);
  const onPrint = (part) => prints.push(part);
  const isDark = () =>
    theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

  // ---- small life of every page ---------------------------------------------------------------
  const copyButton = (box) => {
    if (box.querySelector(":scope > button")) return;
    const label = box.dataset.copy;
    const button = el("button", { type: "button" }, label);
    const say = (text) => {
      button.textContent = text;
      setTimeout(() => { button.textContent = label; }, 1500);
    };
    const select = () => {
      getSelection().selectAllChildren(box.querySelector("pre"));
      return document.execCommand("copy");
    };
    button.onclick = async () => {
      try {
        await navigator.clipboard.writeText(box.querySelector("pre").textContent);
        say("Copied");
      } catch {
        say(select() ? "Copied" : "Press Ctrl+C");
      }
    };
    box.append(button);
  };
  // The address keeps what it says: of a filter, say.
  const skipLink = (link) => {
    link.onclick = (event) => {
      const main = document.getElementById("main");
      if (!main) return;
      event.preventDefault();
      main.scrollIntoView();
      main.focus({ preventScroll: true });
    };
  };
  const relativeTimes = (scope) => {
    const now = Date.now();
    for (const node of scope.querySelectorAll("time[datetime]")) {
      const text = ago(Date.parse(node.dateTime), now);
      if (text) node.title = text;
      const beside = node.closest(".stat, p")?.querySelector("[data-ago]");
      if (beside && text) beside.textContent = text;
    }
  };
  const everyPage = (scope) => {
    scope.querySelectorAll("[data-theme-toggle]").forEach(themeButton);
    scope.querySelectorAll("[data-copy]").forEach(copyButton);
    scope.querySelectorAll(".skip").forEach(skipLink);
    relativeTimes(scope);
  };

  // Scroll to a part of the page, and stay there while what stands above it fills, until the
  // reader moves.
  const MOVES = ["wheel", "touchstart", "keydown", "pointerdown"];
  const SETTLED = 10_000; // milliseconds; a scroll bar tells of no move
  let leave = () => {};
  const land = (id) => {
    leave();
    const target = document.getElementById(id);
    if (!target) return;
    const observer = new ResizeObserver(() => target.scrollIntoView());
    leave = () => observer.disconnect();
    observer.observe(document.body);
    for (const move of MOVES) addEventListener(move, leave, { once: true, passive: true, capture: true });
    setTimeout(leave, SETTLED);
  };
  const landAtFragment = () => {
    let id = location.hash.slice(1);
    try { id = decodeURIComponent(id); } catch { /* as it is */ }
    if (id) land(id);
  };
  addEventListener("DOMContentLoaded", landAtFragment, { once: true });
  addEventListener("hashchange", landAtFragment);

  // `fn(document)` brings a part of the page to life. It is called once the page is read, and
  // again by `refresh` after the page was replaced in place, so it must do no harm when repeated.
  const mount = (fn) => {
    mounts.push(fn);
    if (document.readyState !== "loading") fn(document);
  };
  const refresh = () => mounts.forEach((fn) => fn(document));
  addEventListener("DOMContentLoaded", refresh, { once: true });
  document.addEventListener("tracksite:update", refresh);
  mounts.push(everyPage);

  window.tracksite = Object.freeze({
    data, use, el, svg, visible, number, duration, ago, colour, isDark, onTheme, onPrint, prints, paper, recall, remember, land, mount,
    refresh,
  });
})();
