// The leaderboard: a table over board.js. Only the rows in view (and some around them) are in the
// document, so a hundred thousand runs scroll like fifty.
(() => {
  "use strict";

  const AROUND = 12;
  const SAMPLE = 1000;
  const MOST_PRINTED = 2000; // rows
  const KINDS = [["metric", "Metrics"], ["param", "Params"], ["attribute", "Attributes"], ["tag", "Tags"]];

  const { el, number } = tracksite;
  const { interval, fixed } = tracksiteBoard;

  const isNumber = (column) => column.numeric && column.type !== "time";

  const start = (section) => {
    const find = (name) => section.querySelector(`[data-board="${name}"]`);
    const { board } = tracksiteBoard;
    const [scroll, table] = [find("scroll"), section.querySelector("table")];
    const [head, body] = [table.tHead, table.tBodies[0]];
    find("tools").hidden = false;
    if (find("rest")) find("rest").hidden = true;
    const runHref = (id) => `${section.dataset.runs}${id}/index.html`;
    let drawn = new Map();
    let rowHeight = 34;
    let ranges = new Map();
    let widths = new Map();
    let printed = false;

    const shown = () => board.state.columns.map((id) => board.columns.get(id));

    // ---- header
    function sortBy(id, add) {
      const { sort } = board.state;
      const now = sort.find(([one]) => one === id);
      const down = now ? !now[1] : board.columns.get(id).better === "maximize"; // the best first
      const rest = add ? sort.filter(([one]) => one !== id) : [];
      board.set({ sort: now && add ? sort.map((one) => (one === now ? [id, down] : one)) : [...rest, [id, down]] });
    }

    function headCell(column) {
      const place = board.state.sort.findIndex(([id]) => id === column.id);
      const down = place >= 0 && board.state.sort[place][1];
      const kind = el("small", {}, column.kind === "attribute" ? "" : column.kind);
      const arrow = el("span", { class: "arrow", "aria-hidden": "true" }, place < 0 ? "" : `${down ? "▼" : "▲"}${board.state.sort.length > 1 ? place + 1 : ""}`);
      const label = [kind, el("span", {}, column.label, arrow)];
      const cell = el("th", { scope: "col", class: isNumber(column) ? "num" : column.id === "name" ? "name" : null }, ...(printed ? label : [sortButton(column, label)]));
      cell.style.setProperty("--least", `${width(column)}ch`);
      if (column.id === `metrics.${board.data.metric}`) cell.classList.add("primary");
      if (place === 0) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      return cell;
    }

    function sortButton(column, label) {
      const button = el("button", { type: "button", title: "Sort; with Shift: sort further by this" }, ...label);
      button.dataset.key = `sort ${column.id}`;
      // A click that Firefox makes of Enter or Space does not tell of Shift: its key does.
      let shift = false;
      button.addEventListener("keydown", (event) => (shift = event.shiftKey));
      button.addEventListener("pointerdown", (event) => (shift = event.shiftKey));
      button.addEventListener("click", (event) => sortBy(column.id, event.shiftKey || (event.detail === 0 && shift)));
      return button;
    }

    function width(column) {
      if (widths.has(column.id)) return widths.get(column.id);
      const step = Math.max(1, Math.floor(board.count / SAMPLE));
      let most = column.label.length + 2;
      for (let row = 0; row < board.count; row += step) most = Math.max(most, (column.text(row) ?? "").length);
      widths.set(column.id, Math.min(most, 26) + 1);
      return widths.get(column.id);
    }

    // ---- rows
    function shownText(column, item) {
      if (!item.rows) return column.text(item.row) ?? "–";
      if (column.kind === "metric" || column.id === "duration_s") return meanText(column, item.rows);
      const counts = new Map();
      for (const row of item.rows) counts.set(column.text(row), (counts.get(column.text(row)) ?? 0) + 1);
      if (counts.size === 1) return [...counts.keys()][0] ?? "–";
      if (column.id === "rank") return "";
      if (column.id === "status") return [...counts].map(([text, count]) => `${count} ${text}`).join(", ");
      return `${counts.size} values`;
    }

    // Mean and half interval with the decimals of the column, so that all rows line up; in a column
    // without any, the mean to the last digit that its interval leaves sure.
    function meanText(column, rows) {
      const { count, mean, half } = interval(column, board.counted(rows));
      if (!count) return "–";
      if (!(half > 0)) return column.format(mean);
      if (column.type !== "number" || column.id === "duration_s") return `${column.format(mean)} ± ${column.format(half)}`;
      const sure = Math.max(0, 1 - Math.floor(Math.log10(half)));
      const digits = column.decimals ?? (sure > 8 || half >= 1e6 ? null : sure);
      return `${fixed(mean, digits)} ± ${fixed(half, digits)}`;
    }

    function cell(column, item) {
      const text = tracksite.visible(shownText(column, item));
      const row = item.rows ? item.rows[0] : item.row;
      if (column.id === "name") return nameCell(item, text);
      const made = el("td", { class: isNumber(column) ? "num" : null });
      if (column.id === "status" && /^[a-z]+$/.test(text)) {
        made.append(el("span", { class: `status status-${text}` }, text));
      } else made.append(text);
      if (text.length > 26) made.title = text;
      if (column.id === `metrics.${board.data.metric}`) bar(made, column, item.rows ? interval(column, board.counted(item.rows)).mean : column.number(row));
      return made;
    }

    function bar(made, column, value) {
      const [low, high] = ranges.get(column.id) ?? [0, 0];
      if (!Number.isFinite(value) || high <= low) return;
      made.classList.add("bar");
      made.style.setProperty("--share", `${(4 + 96 * ((value / 2 - low / 2) / (high / 2 - low / 2))).toFixed(1)}%`);
    }

    function nameCell(item, text) {
      if (!item.rows || item.rows.length === 1) {
        const id = board.runId(item.rows ? item.rows[0] : item.row);
        const name = board.columns.get("name").text(board.rowOf.get(id));
        return el("th", { scope: "row", class: item.member ? "name member" : "name" }, el("a", { href: runHref(id), title: id }, name ?? id));
      }
      const button = el("button", { type: "button", class: "open", "aria-expanded": String(item.open) }, `${item.rows.length} repeats`);
      button.dataset.key = `open ${item.group}`;
      button.addEventListener("click", () => board.open(item.group));
      return el("th", { scope: "row", class: "name" }, button, text.endsWith(" values") ? "" : ` ${text}`);
    }

    function choice(item) {
      const rows = item.rows ?? [item.row];
      const name = board.columns.get("name").text(rows[0]) ?? board.runId(rows[0]);
      const box = el("input", { type: "checkbox", checked: rows.every((row) => board.selected.has(row)), "aria-label": `Select ${item.rows ? `${rows.length} repeats of ` : ""}${name}` });
      box.dataset.key = `select ${board.runId(rows[0])} ${item.rows ? "all" : ""}`;
      box.addEventListener("change", () => board.select(rows, box.checked));
      return el("td", { class: "choice" }, box);
    }

    function rowOf(item, place) {
      const picked = (item.rows ?? [item.row]).some((row) => board.selected.has(row));
      const made = el("tr", { class: picked ? "selected" : null }, choice(item), ...shown().map((column) => cell(column, item)));
      made.setAttribute("aria-rowindex", place + 2);
      return made;
    }

    function spacer(rows) {
      const made = el("tr", { class: "spacer", "aria-hidden": "true" }, el("td", { colspan: shown().length + 1 }));
      made.firstChild.style.height = `${rows * rowHeight}px`;
      return rows > 0 ? [made] : [];
    }

    const remark = (text) => el("tr", { class: "empty-row" }, el("td", { colspan: shown().length + 1 }, text));

    function inView(count) {
      const first = Math.max(0, Math.min(Math.floor(scroll.scrollTop / rowHeight), count - 1) - AROUND);
      return [first, Math.min(count, first + Math.ceil(scroll.clientHeight / rowHeight) + 2 * AROUND + 2)];
    }

    function draw() {
      const { items } = board;
      const [first, last] = printed ? [0, Math.min(items.length, MOST_PRINTED)] : inView(items.length);
      const next = new Map();
      for (let place = first; place < last; place++) next.set(items[place], drawn.get(items[place]) ?? rowOf(items[place], place));
      drawn = next;
      const focused = document.activeElement?.dataset?.key;
      const rest = items.length - last;
      body.replaceChildren(...spacer(first), ...drawn.values(), ...(printed ? [] : spacer(rest)));
      if (!items.length) body.append(remark("No run passes the filter."));
      if (printed && rest) body.append(remark(`and ${number(rest)} more`));
      refocus(focused);
    }

    function refocus(key) {
      if (!key || document.activeElement?.dataset?.key === key) return;
      const again = [...table.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
      again?.focus({ preventScroll: true });
    }

    function drawAll() {
      const focused = document.activeElement?.dataset?.key;
      drawn = new Map();
      head.replaceChildren(el("tr", {}, el("th", { scope: "col", class: "choice" }, el("span", { class: "visually-hidden" }, "Select")), ...shown().map(headCell)));
      table.setAttribute("aria-rowcount", board.items.length + 1);
      draw();
      const tall = body.querySelector("tr:not(.spacer)")?.offsetHeight;
      if (tall && tall !== rowHeight && !printed) {
        rowHeight = tall;
        draw();
      }
      refocus(focused);
    }

    // ---- tools
    const filter = find("filter");
    let waiting = 0;
    filter.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => board.set({ filter: filter.value }), 250);
    });
    filter.form.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(waiting);
      board.set({ filter: filter.value });
    });
    // Browsers fill fields in again after Back, or empty them: what is in force is what they show.
    // WebKit does so after it has told of the page.
    const refill = () => {
      clearTimeout(waiting);
      filter.value = board.state.filter;
      tools();
    };
    addEventListener("pageshow", () => {
      refill();
      setTimeout(refill);
    });
    find("repeats")?.addEventListener("change", (event) => board.set({ repeats: event.target.checked }));
    find("clear").addEventListener("click", () => board.set({ selected: [] }));
    find("reset").addEventListener("click", () => board.set({ ...board.defaults }));
    find("csv").addEventListener("click", () => download(csv(board, shown()), section.dataset.file));

    // A button that goes away hands its focus on.
    const hide = (button, on) => {
      if (on && document.activeElement === button) filter.focus({ preventScroll: true });
      button.hidden = on;
    };
    function tools() {
      const { rows, count, state, error, unsorted } = board;
      if (document.activeElement !== filter) filter.value = state.filter;
      filter.setAttribute("aria-invalid", String(Boolean(error)));
      const lost = unsorted.map((id) => el("span", {}, `Not sorted by “${id.slice(0, 80)}”, which no run here has. `));
      find("error").replaceChildren(...lost, ...(error ? complaint(state.filter, error) : []));
      const text = `${number(rows.length)} of ${number(count)} run${count === 1 ? "" : "s"}`;
      if (find("count").textContent !== text) find("count").textContent = text;
      if (find("repeats")) find("repeats").checked = state.repeats;
      hide(find("clear"), !state.selected.length);
      find("clear").textContent = `Clear selection (${state.selected.length})`;
      hide(find("reset"), board.isDefault());
      for (const box of find("columns").querySelectorAll("input")) box.checked = state.columns.includes(box.value);
    }

    function complaint(text, error) {
      const rest = text.slice(error.position) || "␣";
      return [`${error.message}: `, el("code", {}, text.slice(0, error.position), el("mark", {}, rest))];
    }

    function columnMenu() {
      const groups = KINDS.map(([kind, title]) => {
        const columns = [...board.columns.values()].filter((column) => column.kind === kind && !column.empty && column.id !== "experiment");
        const boxes = columns.map((column) => el("label", {}, el("input", { type: "checkbox", value: column.id }), ` ${column.label}`));
        return columns.length ? el("fieldset", {}, el("legend", {}, title), ...boxes) : null;
      });
      find("columns").replaceChildren(...groups.filter(Boolean));
    }
    find("columns").addEventListener("change", ({ target }) => {
      const ids = [...board.columns.keys()].filter((id) => (id === target.value ? target.checked : board.state.columns.includes(id)));
      board.set({ columns: ids });
    });

    const print = (on) => {
      printed = on;
      drawAll();
    };
    tracksite.onPrint({ show: () => (print(true), () => print(false)) });

    let known = null;
    board.watch(() => {
      if (known !== board.data) {
        known = board.data;
        widths = new Map();
        ranges = new Map([[`metrics.${known.metric}`, range(board.columns.get(`metrics.${known.metric}`))]]);
        columnMenu();
      }
      tools();
      drawAll();
    });
    let pending = false;
    scroll.addEventListener("scroll", () => {
      if (pending) return;
      pending = true;
      requestAnimationFrame(() => {
        pending = false;
        draw();
      });
    });
  };

  function range(column) {
    let [low, high] = [Infinity, -Infinity];
    for (const key of column?.keys ?? []) {
      if (Number.isFinite(key)) [low, high] = [Math.min(low, key), Math.max(high, key)];
    }
    return [low, high];
  }

  // A text that a spreadsheet would take for a formula gets a quote in front.
  function csvField(text) {
    const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  }

  function csv(board, columns) {
    const all = [board.columns.get("run_id"), ...columns];
    const lines = board.rows.map((row) => all.map((column) => csvField(column.raw(row))).join(","));
    return [all.map((column) => csvField(column.id)).join(","), ...lines, ""].join("\r\n");
  }

  function download(text, name) {
    const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    el("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  tracksiteBoard.view(() => document.querySelectorAll("[data-leaderboard]").forEach(start));
})();
