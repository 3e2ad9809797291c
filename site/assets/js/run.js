// How a run stands among the others of its experiment, from standing.js: rank, the primary metric
// beside the best one, and the best run's params beside this one's. The page reads well without it.
(() => {
  "use strict";
  const { el, number, visible, mount, use } = tracksite;
  let standing = null;

  // `values` is sorted, best first, and has for each run the best value of those that tie with it:
  // the rank is one more than the number of those that are better than the last that is no worse.
  const rankOf = (values, own, sign) => {
    const place = values.findLast((value) => sign * value >= sign * own) ?? own;
    return 1 + values.filter((value) => sign * value > sign * place).length;
  };
  const tile = (name, label, value, note) => {
    const node = document.querySelector(`[data-standing="${name}"]`);
    if (!node) return;
    const [title, shown, below] = node.children;
    title.textContent = visible(label);
    shown.textContent = value;
    below.replaceChildren(...[note].flat().map((it) => (typeof it === "string" ? visible(it) : it)));
    node.hidden = false;
  };
  const ownValue = (metric) => {
    const value = document.querySelector("[data-run]")?.dataset;
    const row = [...document.querySelectorAll("[data-metric]")].find((node) => node.dataset.metric === metric);
    return value && row ? Number(row.dataset.last) : NaN;
  };
  const link = (best) => el("a", { href: `../${best.run_id}/index.html` }, best.name || best.run_id.slice(0, 8));

  const place = () => {
    const { goal, best, values } = standing;
    const own = ownValue(goal.metric);
    const runId = document.querySelector("[data-run]").dataset.run;
    const sign = goal.direction === "minimize" ? -1 : 1;
    const arrow = sign > 0 ? "↑" : "↓";
    if (!Number.isFinite(own)) {
      tile("value", `${goal.metric} ${arrow}`, "–", ["best ", el("b", {}, number(best.value)), " by ", link(best)]);
      return;
    }
    if (document.querySelector("[data-counts]")) tile("rank", "Rank", `${number(rankOf(values, own, sign))} of ${number(values.length)}`, `by ${goal.metric}`);
    else tile("rank", "Rank", "–", "only finished runs are ranked");
    tile("value", `${goal.metric} ${arrow}`, number(own), best.run_id === runId
      ? el("span", { class: "good" }, "the best of this experiment")
      : ["best ", el("b", {}, number(best.value)), " by ", link(best)]);
  };

  const besideBest = () => {
    const { best } = standing;
    const table = document.querySelector("table.params");
    const runId = document.querySelector("[data-run]").dataset.run;
    if (!table || best.run_id === runId || table.querySelector("[data-best]")) return;
    table.tHead.rows[0].append(el("th", { scope: "col", "data-best": true }, "Best run (", link(best), ")"));
    const known = new Set();
    for (const row of table.tBodies[0].rows) {
      const theirs = Object.hasOwn(best.params, row.dataset.param) ? best.params[row.dataset.param] : null;
      const own = row.cells[1];
      known.add(row.dataset.param);
      row.append(el("td", { class: own.className, "data-best": true }, theirs ?? "–"));
      row.classList.toggle("differs", visible(theirs ?? "–") !== own.textContent);
    }
    for (const key of Object.keys(best.params).filter((name) => !known.has(name)).sort()) {
      table.tBodies[0].append(el("tr", { class: "differs" },
        el("th", { scope: "row" }, key), el("td", {}, "–"), el("td", { class: "wide", "data-best": true }, best.params[key])));
    }
  };

  const draw = () => {
    if (!standing || !document.querySelector("[data-run]")) return;
    place();
    besideBest();
  };
  use("standing", (value) => { standing = value; });
  mount(draw);
})();
