// The leaderboard's model: columns, filter, order, repeats, selection and the URL hash, without
// any DOM. leaderboard.js, curves.js and parallel.js are views of it: `tracksiteBoard.view(start)`.
//
// Data (`leaderboard`): {count, metric, direction, groups, shown, columns: [{id, label, kind, …}]}.
// kind: attribute, metric, param or tag. A column has either `values` (numbers, null: missing, or
// "NaN", "Infinity", "-Infinity"), a `format` and its `decimals` (null: as each number needs), or `texts` and `codes` (null: missing), or
// `same`: the one text of all runs, or null if none has any. `numbers`: what the texts spell (null: no number; a string: a whole number
// that needs a BigInt); left out if none spells any. `datasets`: [name, digest, context] of each that a run read; `read`: for each run
// the places of its own, or null; both are left out if there are none. `groups`: the number of each run's setting, for repeats.
// `better` of a metric: "maximize" or "minimize"; it lacks where neither is known.
(() => {
  "use strict";

  // 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom.
  const T95 = [
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281, 2.201, 2.1788, 2.1604, 2.1448, 2.1314,
    2.1199, 2.1098, 2.1009, 2.093, 2.086, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
  ];
  const FORMATS = {
    duration: tracksite.duration,
    time: (value) => new Date(value).toISOString().slice(0, 16).replace("T", " "),
  };
  // A number with so many decimals, as `pages.board.fixed` writes it.
  function fixed(value, decimals) {
    const size = Math.abs(value);
    if (value === null || decimals === null || !Number.isFinite(value)) return tracksite.number(value);
    if (size >= 1e6 || (size > 0 && size < 10 ** -decimals)) return tracksite.number(value);
    const text = value.toFixed(decimals);
    return (decimals ? text : text.replace(/\B(?=(\d{3})+$)/g, ",")).replace("-", "−");
  }
  const collator = new Intl.Collator("en", { numeric: true });

  function numberColumn(spec) {
    const values = spec.values.map((value) => (typeof value === "string" ? Number(value) : value));
    const keys = Float64Array.from(values, (value) => value ?? NaN);
    const format = spec.format === "number" ? (value) => fixed(value, spec.decimals) : FORMATS[spec.format];
    const type = spec.format === "time" ? "time" : "number";
    const number = (row) => values[row];
    const sortKeys = keys;
    const text = (row) => (values[row] === null ? null : format(values[row]));
    const iso = (value) => (type === "time" ? new Date(value).toISOString() : String(value));
    const raw = (row) => (values[row] === null ? "" : iso(values[row]));
    return { ...spec, type, numeric: true, keys, sortKeys, format, number, text, raw };
  }

  const exact = (number) => (typeof number === "string" ? BigInt(number) : number);

  function placesOf(order) {
    const places = new Float64Array(order.length);
    order.forEach((code, place) => (places[code] = place));
    return places;
  }

  // Equal numbers have the same place.
  function exactPlaces(numbers) {
    const sorted = [...new Set(numbers)].sort((a, b) => (a < b ? -1 : Number(a > b)));
    const places = new Map(sorted.map((number, place) => [number, place]));
    return numbers.map((number) => places.get(number));
  }

  const once = (make) => {
    let made;
    return () => (made ??= make());
  };

  function textColumn(spec, count) {
    const empty = spec.same === null;
    const texts = empty ? [] : (spec.texts ?? [spec.same]);
    const codes = spec.codes ?? new Array(count).fill(empty ? null : 0);
    const numbers = texts.map((_, code) => exact(spec.numbers?.[code] ?? null));
    const numeric = spec.kind === "param" && numbers.every((number) => number !== null);
    const large = numbers.some((number) => typeof number === "bigint");
    const text = (row) => (codes[row] === null ? null : texts[codes[row]]);
    const number = (row) => (codes[row] === null ? null : numbers[codes[row]]);
    // Places in alphabetical order are worked out only for columns that are sorted or drawn.
    const order = once(() => Array.from(texts.keys()).sort((a, b) => collator.compare(texts[a], texts[b])));
    const byCode = (places) => Float64Array.from(codes, (code) => (code === null ? NaN : places[code]));
    const keys = once(() => byCode(numeric ? numbers.map(Number) : placesOf(order())));
    // Doubles tie where whole numbers are large: those are sorted by their places.
    const sortKeys = once(() => (numeric && large ? byCode(exactPlaces(numbers)) : keys()));
    const column = { ...spec, type: "text", empty, texts, numeric, number, text, raw: (row) => text(row) ?? "" };
    return Object.defineProperties(column, { order: { get: order }, keys: { get: keys }, sortKeys: { get: sortKeys } });
  }

  // Mean and the half width of its 95 % t interval over the finite values of some rows.
  function interval(column, rows) {
    const values = rows.map((row) => column.number(row)).filter(Number.isFinite);
    const count = values.length;
    const mean = values.reduce((sum, value) => sum + value, 0) / count;
    const sum = values.reduce((total, value) => total + (value - mean) ** 2, 0);
    const t = T95[count - 2] ?? 1.96 + 2.5 / (count - 1);
    return { count, mean, half: count > 1 ? t * Math.sqrt(sum / (count - 1) / count) : NaN };
  }

  function makeBoard() {
    const board = { state: {}, items: [], rows: [], selected: new Set(), error: null, unsorted: [] };
    const watchers = [];
    const opened = new Set();
    let defaults = {};
    let passing = () => true;

    board.load = (data) => {
      const { count } = data;
      const ranked = data.metric ? [[`metrics.${data.metric}`, data.direction === "maximize"]] : [];
      defaults = { sort: ranked, filter: "", columns: data.shown, selected: [], repeats: false, brush: [] };
      const make = (spec) => [spec.id, spec.values ? numberColumn(spec) : textColumn(spec, count)];
      writeNow(); // before it is read again
      Object.assign(board, { data, count, columns: new Map(data.columns.map(make)), defaults });
      const ids = board.columns.get("run_id");
      board.runId = (row) => ids.text(row);
      board.rowOf = new Map(Array.from({ length: count }, (_, row) => [ids.text(row), row]));
      board.restore();
    };

    function filtered() {
      const tests = board.state.brush.map(([id, ...wanted]) => {
        const column = board.columns.get(id);
        if (column.numeric) return (row) => column.keys[row] >= wanted[0] && column.keys[row] <= wanted[1];
        return (row) => wanted.includes(column.text(row));
      });
      const rows = [];
      for (let row = 0; row < board.count; row++) {
        if (passing(row) && tests.every((test) => test(row))) rows.push(row);
      }
      return rows;
    }

    // Missing values and NaN come last in both directions, and what has no rank comes last by the
    // primary metric; ties keep the order of the data.
    function ordered(items, keysOf) {
      const ranks = board.columns.get("rank");
      const hasNone = (item) => [item].flat().every((row) => ranks.number(row) === null);
      const specs = board.state.sort.flatMap(([id, down]) => {
        const spec = [keysOf(board.columns.get(id)), down ? -1 : 1];
        return id === `metrics.${board.data.metric}` ? [[Float64Array.from(items, hasNone), 1], spec] : [spec];
      });
      const places = Uint32Array.from(items, (_, place) => place);
      places.sort((a, b) => {
        for (const [keys, sign] of specs) {
          const x = keys[a];
          const y = keys[b];
          if (x < y) return -sign;
          if (x > y) return sign;
          if (x !== y && (x === x || y === y)) return x === x ? -1 : 1;
        }
        return a - b;
      });
      return Array.from(places, (place) => items[place]);
    }

    const singles = (rows) => ordered(rows, (column) => Float64Array.from(rows, (row) => column.sortKeys[row]));

    // Those runs of a setting that count; all of them where none does.
    board.counted = (rows) => {
      const status = board.columns.get("status");
      const finished = rows.filter((row) => status.text(row) === "finished");
      return finished.length ? finished : rows;
    };

    function grouped(rows) {
      const groups = new Map();
      for (const row of rows) {
        const group = board.data.groups[row];
        if (!groups.has(group)) groups.set(group, []);
        groups.get(group).push(row);
      }
      const lists = [...groups.values()];
      return ordered(lists, (column) =>
        Float64Array.from(lists, (list) => (column.kind === "metric" ? interval(column, board.counted(list)).mean : column.sortKeys[list[0]])),
      );
    }

    function flatten(lists) {
      return lists.flatMap((rows) => {
        const group = board.data.groups[rows[0]];
        const head = { group, rows, open: opened.has(group) };
        return head.open ? [head, ...rows.map((row) => ({ row, member: true }))] : [head];
      });
    }

    function refresh() {
      board.rows = singles(filtered());
      board.items = board.state.repeats ? flatten(grouped(board.rows)) : board.rows.map((row) => ({ row }));
    }

    function tell() {
      board.selected = new Set(board.state.selected.map((id) => board.rowOf.get(id)));
      watchers.forEach((watcher) => watcher(board));
    }

    // A filter that cannot be read leaves the last good one in force and sets `error`.
    function adopt(filter) {
      board.error = null;
      try {
        passing = tracksiteFilter.compile(tracksiteFilter.parse(filter), tracksiteFilter.lookup(board.columns, board.data));
      } catch (error) {
        if (!(error instanceof tracksiteFilter.FilterError)) throw error;
        board.error = error;
      }
    }

    board.set = (change) => {
      Object.assign(board.state, change);
      if ("filter" in change) adopt(change.filter);
      if ("sort" in change) board.unsorted = [];
      if (["filter", "sort", "repeats", "brush"].some((name) => name in change)) refresh();
      writeSoon(board.state, defaults);
      tell();
    };
    board.select = (rows, on) => {
      const ids = new Set(board.state.selected);
      for (const row of rows) ids[on ? "add" : "delete"](board.runId(row));
      board.set({ selected: [...ids] });
    };
    board.open = (group) => {
      if (!opened.delete(group)) opened.add(group);
      refresh();
      tell();
    };
    board.watch = (watcher) => {
      watchers.push(watcher);
      watcher(board);
    };
    board.isDefault = () => Object.keys(defaults).every((name) => JSON.stringify(board.state[name]) === JSON.stringify(defaults[name]));
    board.restore = () => {
      pending = null;
      const { unsorted, ...state } = readHash(board);
      board.unsorted = unsorted;
      Object.assign(board.state, defaults, state);
      adopt(board.state.filter);
      refresh();
      linkHeadings(stateText(board.state, defaults));
      tell();
      const section = new URLSearchParams(location.hash.slice(1)).get(SECTION);
      if (section) tracksite.land(section);
    };
    globalThis.addEventListener("hashchange", () => isState(location.hash) && board.restore());
    return board;
  }

  const isState = (hash) => hash === "" || hash.includes("=");

  const WRITE = {
    sort: (sort) => sort.map(([id, down]) => (down ? "-" : "") + id),
    columns: (ids) => ids,
    selected: (ids) => ids,
    brush: (list) => list.map((brush) => JSON.stringify(brush)),
  };

  // Browsers end `replaceState` after some hundred calls, as a brush makes in seconds, so the
  // address is written once the hand rests, or the page is left.
  const REST = 200; // milliseconds
  let pending = null;
  let timer = 0;
  function writeSoon(...given) {
    pending = given;
    clearTimeout(timer);
    timer = setTimeout(writeNow, REST);
  }
  function writeNow() {
    clearTimeout(timer);
    if (pending) writeHash(...pending);
    pending = null;
  }
  addEventListener("pagehide", writeNow);
  document.addEventListener("click", writeNow, { capture: true }); // a link may lead away

  // A heading's link keeps what the address says: "#filter=…&section=curves".
  const SECTION = "section";
  function linkHeadings(text) {
    for (const link of document.querySelectorAll("a.anchor")) {
      const { id } = link.closest("section");
      link.setAttribute("href", text ? `#${text}&${SECTION}=${id}` : `#${id}`);
    }
  }

  function stateText(state, defaults) {
    const hash = new URLSearchParams();
    for (const [name, list] of Object.entries(WRITE)) {
      if (JSON.stringify(state[name]) === JSON.stringify(defaults[name])) continue;
      for (const item of state[name].length ? list(state[name]) : [""]) hash.append(name, item);
    }
    if (state.filter) hash.set("filter", state.filter);
    if (state.repeats) hash.set("repeats", "1");
    return hash.toString();
  }

  function writeHash(state, defaults) {
    const text = stateText(state, defaults);
    linkHeadings(text);
    const place = text ? `#${text}` : location.href.split("#")[0];
    if (place !== (text ? location.hash : location.href)) history.replaceState(null, "", place);
  }

  function readHash({ columns, rowOf }) {
    const hash = new URLSearchParams(isState(location.hash) ? location.hash.slice(1) : "");
    const state = {};
    const list = (name, read, known) => {
      if (hash.has(name)) state[name] = hash.getAll(name).filter(Boolean).map(read).filter(known);
    };
    list("sort", (text) => [text.replace(/^-/, ""), text.startsWith("-")], () => true);
    state.unsorted = (state.sort ?? []).map(([id]) => id).filter((id) => !columns.has(id));
    state.sort = state.sort?.filter(([id]) => columns.has(id));
    // What no run has sorts nothing: without anything else the order of the page holds.
    if (!state.sort || (state.unsorted.length && !state.sort.length)) delete state.sort;
    list("columns", (id) => id, (id) => columns.has(id));
    list("selected", (id) => id, (id) => rowOf.has(id));
    list("brush", parseBrush, (brush) => Array.isArray(brush) && columns.has(brush[0]));
    if (hash.has("filter")) state.filter = hash.get("filter");
    if (hash.has("repeats")) state.repeats = true;
    return state;
  }

  function parseBrush(text) {
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  }

  const board = makeBoard();
  const views = [];
  let newest = null;
  const load = () => {
    if (!newest || newest === board.data) return;
    const first = !board.data;
    board.load(newest);
    if (first) views.forEach((view) => view(board));
  };
  // `view(board)` is called once, when the page is read and the data is there.
  window.tracksiteBoard = { interval, fixed, board, view: (view) => (board.data ? view(board) : views.push(view)) };
  tracksite.use("leaderboard", (data) => (newest = data));
  tracksite.mount(load);
  document.addEventListener("tracksite:update", load);
})();
