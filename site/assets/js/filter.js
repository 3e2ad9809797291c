// The filter language of the leaderboard: the grammar and the meaning of query/syntax.py and
// query/filters.py, to which tests/data/filters.json holds both.
//
//   parse(text) -> tree; throws FilterError, whose `position` is an index into the text
//   compile(tree, lookup) -> row => boolean
//   lookup(columns) -> what names mean in a Map of columns by id: {type, text(row), number(row)}
//     type: "text", "number" or "time" (milliseconds since 1970); null: missing
(() => {
  "use strict";

  const FAMILIES = new Map([
    ...["attribute", "attributes", "attr", "run"].map((word) => [word, "attribute"]),
    ...["metric", "metrics"].map((word) => [word, "metrics."]),
    ...["param", "params", "parameter", "parameters"].map((word) => [word, "params."]),
    ...["tag", "tags"].map((word) => [word, "tags."]),
  ]);
  const ALIASES = new Map(Object.entries({
    start_time: "started_at", created: "started_at", end_time: "ended_at", run_name: "name",
    user_id: "user", duration: "duration_s",
  }));
  const KEYWORDS = new Set(["and", "or", "not", "in", "is", "null", "like", "ilike"]);
  const SIGNS = { "==": "=", "<>": "!=" };
  const MAX_LENGTH = 10_000;
  const MAX_DEPTH = 50;
  const W = "[\\p{L}\\p{N}_]";
  const TOKEN = new RegExp(
    "\\s*(?:" +
      `(?<number>[+-]?(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?!${W}|\\.)|[+-](?:inf|infinity)(?!${W}|\\.))` +
      `|(?<word>[\\p{L}_](?:${W}|[.\\/:@\\-])*)` +
      "|(?<text>'(?:[^']|'')*')|(?<quoted>\"(?:[^\"]|\"\")*\")|(?<backquoted>`(?:[^`]|``)*`)" +
      "|(?<sign><=|>=|<>|!=|==|=|<|>)|(?<mark>[(),.])|(?<end>$))",
    "uy",
  );

  class FilterError extends Error {
    constructor(message, position) {
      super(message);
      this.position = position;
    }
  }

  function tokens(text) {
    const found = [];
    TOKEN.lastIndex = 0;
    for (;;) {
      const from = TOKEN.lastIndex;
      const match = TOKEN.exec(text);
      if (!match) throw unreadable(text, from + text.slice(from).search(/\S/));
      const [kind, part] = Object.entries(match.groups).find(([, one]) => one !== undefined);
      found.push({ kind, text: part, at: TOKEN.lastIndex - part.length });
      if (kind === "end") return found;
    }
  }

  function unreadable(text, at) {
    if ("'\"`".includes(text[at])) return new FilterError(`the quote ${text[at]} is never closed; close it, and double a quote inside`, at);
    if (/[\d+-]/.test(text[at])) return new FilterError("this is no number; put text in single quotes and a name in double quotes", at);
    return new FilterError(`“${text[at]}” means nothing here; put text in single quotes and a name in double quotes`, at);
  }

  const unquoted = (text) => text.slice(1, -1).replaceAll(text[0] + text[0], text[0]);

  function asNumber(value) {
    const text = String(value).trim();
    const infinite = /^([+-]?)inf(inity)?$/i.exec(text);
    if (infinite) return infinite[1] === "-" ? -Infinity : Infinity;
    return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : null;
  }

  function parse(text) {
    if (text.length > MAX_LENGTH) throw new FilterError(`longer than ${MAX_LENGTH} characters`, MAX_LENGTH);
    const list = tokens(text);
    let next = 0;
    const now = () => list[next];
    const take = () => list[next++];
    const found = () => (now().kind === "end" ? "the end" : `“${now().text.slice(0, 40)}”`);
    const expected = (wanted) => new FilterError(`expected ${wanted}, found ${found()}`, now().at);
    const is = (kind, ...words) => now().kind === kind && words.includes(now().text.toLowerCase());
    const keyword = (word) => is("word", word) && take();
    const mark = (sign, wanted) => {
      if (!is("mark", sign)) throw expected(wanted);
      take();
    };
    const joined = (word, part) => {
      const tests = [part()];
      while (keyword(word)) tests.push(part());
      return tests.length === 1 ? tests[0] : { op: word, tests };
    };
    const any = (depth) => joined("or", () => joined("and", () => unary(depth)));

    function unary(depth) {
      if (depth > MAX_DEPTH) throw new FilterError(`nested deeper than ${MAX_DEPTH}; write it flatter`, now().at);
      if (keyword("not")) return { op: "not", test: unary(depth + 1) };
      if (!is("mark", "(")) return test();
      take();
      const inside = any(depth + 1);
      mark(")", "“)”");
      return inside;
    }

    function test() {
      const named = name();
      if (now().kind === "sign") {
        const sign = SIGNS[now().text] ?? now().text;
        take();
        const { at } = now();
        const found = value();
        if (sign === "=" || sign === "!=") return { op: "in", name: named, values: [found], negated: sign === "!=", at };
        return { op: sign, name: named, value: found, at };
      }
      if (keyword("is")) {
        const negated = Boolean(keyword("not"));
        if (!keyword("null")) throw expected("“null”, as in “name is null”");
        return { op: "null", name: named, negated };
      }
      const negated = Boolean(keyword("not"));
      return keyword("in") ? membership(named, negated) : like(named, negated);
    }

    function membership(named, negated) {
      mark("(", "“(” and the values, as in “name in ('a', 'b')”");
      const { at } = now();
      const values = [value()];
      while (is("mark", ",")) {
        take();
        values.push(value());
      }
      mark(")", "“,” or “)”");
      return { op: "in", name: named, values, negated, at };
    }

    function like(named, negated) {
      const ignoreCase = Boolean(keyword("ilike"));
      if (!ignoreCase && !keyword("like")) throw expected("a comparison such as “>”, “like”, “in” or “is null”");
      const { at } = now();
      const pattern = value();
      if (typeof pattern !== "string") throw new FilterError("a pattern is text: put it in single quotes, as in 'res%'", at);
      return { op: "like", name: named, pattern, ignoreCase, negated };
    }

    const quotedKey = () => {
      if (now().kind !== "quoted" && now().kind !== "backquoted") throw expected("a key after the dot, in double quotes or backquotes if need be");
      return unquoted(take().text);
    };

    function name() {
      const token = now();
      if (token.kind === "quoted" || token.kind === "backquoted") {
        const family = FAMILIES.get(unquoted(take().text).toLowerCase());
        if (!family || !is("mark", ".")) return { key: unquoted(token.text), at: token.at };
        take();
        return { family, key: now().kind === "word" ? take().text : quotedKey(), at: token.at };
      }
      if (token.kind !== "word" || KEYWORDS.has(token.text.toLowerCase())) throw expected("a name such as “f1”, “metrics.f1” or “params.\"learning rate\"”");
      take();
      const dot = token.text.indexOf(".");
      const family = dot < 0 ? undefined : FAMILIES.get(token.text.slice(0, dot).toLowerCase());
      if (!family) return { key: token.text, at: token.at };
      return { family, key: token.text.slice(dot + 1) || quotedKey(), at: token.at };
    }

    function value() {
      const token = now();
      const lower = token.text.toLowerCase();
      if (token.kind === "text" || token.kind === "quoted") return unquoted(take().text);
      if (token.kind === "number" || lower === "inf" || lower === "infinity") return asNumber(take().text);
      if (token.kind === "word" && lower === "null") throw new FilterError("nothing equals null; write “is null” or “is not null”", token.at);
      if (token.kind !== "word" || KEYWORDS.has(lower)) throw expected("a number or text in single quotes");
      return take().text;
    }

    const tree = now().kind === "end" ? { op: "and", tests: [] } : any(0);
    if (now().kind !== "end") throw new FilterError(`${found()} does not belong here; “and” or “or” joins tests, and text with spaces or signs goes in quotes`, now().at);
    return tree;
  }

  // ---- meaning ----

  const none = () => null;
  const missing = (family) => ({ type: family === "metrics." ? "number" : "text", text: none, number: none });

  const lookup = (columns) => ({ family, key, at }) => {
    const attribute = ALIASES.get(key) ?? key;
    if (family && family !== "attribute") return columns.get(family + key) ?? missing(family);
    const isAttribute = columns.get(attribute)?.kind === "attribute";
    const others = family ? [] : ["metrics.", "params.", "tags."].map((prefix) => columns.get(prefix + key));
    const found = (isAttribute && columns.get(attribute)) || others.find(Boolean) || (!family && columns.get(key));
    if (found) return found;
    const known = [...columns.values()].filter((column) => !family || column.kind === "attribute");
    const kinds = family ? "attribute" : "attribute, metric, param or tag";
    throw new FilterError(`no ${kinds} is called “${key.slice(0, 80)}”; ${nearest(key, known.map((column) => column.label))}`, at);
  };

  function nearest(key, labels) {
    const pairs = (text) => new Set(Array.from(text.toLowerCase(), (char, i) => char + (text[i + 1] ?? "").toLowerCase()));
    const wanted = pairs(key);
    const score = (label) => [...pairs(label)].filter((pair) => wanted.has(pair)).length / (wanted.size + label.length);
    const best = labels.toSorted((a, b) => score(b) - score(a))[0];
    return best && score(best) > 0.2 ? `did you mean “${best}”?` : `there are ${labels.slice(0, 8).join(", ")}`;
  }

  function timeOf(value, at) {
    if (typeof value === "number") return value;
    const text = value.trim().replace(" ", "T");
    const zoned = /T/.test(text) && !/(Z|[+-]\d\d:?\d\d)$/i.test(text) ? `${text}Z` : text;
    const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(zoned) : NaN;
    if (Number.isNaN(time)) throw new FilterError(`“${value}” is no time; write it as '2026-01-31' or '2026-01-31T10:00:00Z'`, at);
    return time;
  }

  function numberOf(value, at) {
    const number = asNumber(value);
    if (number === null) throw new FilterError(`“${value}” is no number, and only numbers can be compared here`, at);
    return number;
  }

  function equals(column, value, at) {
    if (column.type === "text" && typeof value === "string") {
      const fold = column.id === "status" ? (text) => text?.toLowerCase() : (text) => text;
      const wanted = fold(value);
      return (row) => fold(column.text(row)) === wanted;
    }
    const wanted = column.type === "time" ? timeOf(value, at) : numberOf(value, at);
    return (row) => column.number(row) === wanted;
  }

  const present = (column) => (row) => (column.type === "text" ? column.text(row) : column.number(row)) !== null;

  function oneOf({ values, negated, at }, column) {
    const tests = values.map((value) => equals(column, value, at));
    const there = present(column);
    return (row) => there(row) && tests.some((test) => test(row)) !== negated;
  }

  function like({ name, pattern, ignoreCase, negated }, column) {
    if (column.type !== "text") throw new FilterError(`“${name.key.slice(0, 80)}” is no text; compare it with “<”, “=” or “>”`, name.at);
    const escaped = pattern.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replaceAll("%", "[^]*").replaceAll("_", "[^]");
    const expression = new RegExp(`^${escaped}$`, ignoreCase ? "iu" : "u");
    const there = present(column);
    return (row) => there(row) && expression.test(column.text(row)) !== negated;
  }

  const ORDER = {
    "<": (a, b) => a < b,
    "<=": (a, b) => a <= b,
    ">": (a, b) => a > b,
    ">=": (a, b) => a >= b,
  };

  function compare({ op, value, at }, column) {
    const wanted = column.type === "time" ? timeOf(value, at) : numberOf(value, at);
    const test = ORDER[op];
    return (row) => {
      const found = column.number(row);
      return found !== null && test(found, wanted);
    };
  }

  function compile(tree, lookUp) {
    if (tree.op === "not") {
      const test = compile(tree.test, lookUp);
      return (row) => !test(row);
    }
    if (tree.tests) {
      const tests = tree.tests.map((test) => compile(test, lookUp));
      return tree.op === "and" ? (row) => tests.every((test) => test(row)) : (row) => tests.some((test) => test(row));
    }
    const column = lookUp(tree.name);
    if (tree.op === "in") return oneOf(tree, column);
    if (tree.op === "like") return like(tree, column);
    if (tree.op !== "null") return compare(tree, column);
    const there = present(column);
    return (row) => there(row) === tree.negated;
  }

  window.tracksiteFilter = { parse, compile, lookup, FilterError };
})();
