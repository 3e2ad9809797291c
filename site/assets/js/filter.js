// The filter language of the leaderboard: the grammar and the meaning of query/syntax.py and
// query/filters.py, to which tests/data/filters.json holds both.
//
//   parse(text) -> tree; throws FilterError, whose `position` is an index into the text
//   compile(tree, lookup) -> row => boolean
//   lookup(columns, {datasets, read}) -> what names mean in a Map of columns by id and the data of
//     board.js: {type, text(row), number(row)}
//     type: "text", "number" or "time" (milliseconds since 1970); null: missing
//     many(row): the things that the row has, if it is them that text() and number() are asked of
// Which texts of a store are numbers Python has decided (schema.py) and says in the data: a Number,
// or a BigInt from 2^53 on. The same rule is here for what is typed.
(() => {
  "use strict";

  const FAMILIES = new Map([
    ...["attribute", "attributes", "attr", "run"].map((word) => [word, "attribute"]),
    ...["metric", "metrics"].map((word) => [word, "metrics."]),
    ...["param", "params", "parameter", "parameters"].map((word) => [word, "params."]),
    ...["tag", "tags"].map((word) => [word, "tags."]),
    ...["dataset", "datasets"].map((word) => [word, "dataset"]),
  ]);
  const DATASET_KEYS = ["name", "digest", "context"];
  const ALIASES = new Map(Object.entries({
    start_time: "started_at", created: "started_at", end_time: "ended_at", run_name: "name",
    user_id: "user", duration: "duration_s",
  }));
  const KEYWORDS = new Set(["and", "or", "not", "in", "is", "null", "like", "ilike"]);
  const SIGNS = { "==": "=", "<>": "!=" };
  const MAX_LENGTH = 10_000;
  const MAX_DEPTH = 50;
  const EXACT = 2 ** 53;
  const W = "[\\p{L}\\p{N}_]"; // \w of Python
  const TOKEN = new RegExp(
    "\\s*(?:" +
      `(?<number>[+-]?(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?!${W}|\\.)|[+-](?:inf|infinity)(?!${W}|\\.))` +
      `|(?<word>[\\p{L}\\p{Nl}\\p{No}_](?:${W}|[.\\/:@\\-])*)` +
      "|(?<text>'(?:[^']|'')*')|(?<quoted>\"(?:[^\"]|\"\")*\")|(?<backquoted>`(?:[^`]|``)*`)" +
      "|(?<sign><=|>=|<>|!=|==|=|<|>)|(?<mark>[(),.])|(?<end>$))",
    "uy",
  );

  const CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]";
  const TIME = new RegExp(`^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ](${CLOCK})(?:(:[0-5][0-9])(\\.[0-9]{1,6})?)?(Z|[+-]${CLOCK})?)?$`);

  class FilterError extends Error {
    constructor(message, position) {
      super(message);
      this.position = position;
    }
  }

  // The next token from a place on.
  function tokenAt(text, from) {
    TOKEN.lastIndex = from;
    const match = TOKEN.exec(text);
    if (!match) throw unreadable(text, from + text.slice(from).search(/\S/));
    const [kind, part] = Object.entries(match.groups).find(([, one]) => one !== undefined);
    return { kind, text: part, at: TOKEN.lastIndex - part.length };
  }

  function unreadable(text, at) {
    if ("'\"`".includes(text[at])) return new FilterError(`the quote ${text[at]} is never closed; close it, and double a quote inside`, at);
    if (/[\d+-]/.test(text[at])) return new FilterError("this is no number; put text in single quotes and a name in double quotes", at);
    return new FilterError(`“${text[at]}” means nothing here; put text in single quotes and a name in double quotes`, at);
  }

  const unquoted = (text) => text.slice(1, -1).replaceAll(text[0] + text[0], text[0]);

  function asNumber(value) {
    if (typeof value !== "string") return value;
    const infinite = /^([+-]?)inf(inity)?$/i.exec(value);
    if (infinite) return infinite[1] === "-" ? -Infinity : Infinity;
    const parts = /^([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:[eE]([+-]?[0-9]+))?$/.exec(value);
    if (!parts) return null;
    const nearest = Number(value);
    const [, sign, before = "", after = parts[4] ?? "", , exponent = "0"] = parts;
    if (Math.abs(nearest) < EXACT || !Number.isFinite(nearest)) return nearest;
    return whole(before + after, Number(exponent) - after.length, nearest) * (sign === "-" ? -1n : 1n);
  }

  // The whole number `digits` × 10^zeros, or that of the nearest double where it is not whole.
  function whole(digits, zeros, nearest) {
    if (zeros >= 0) return BigInt(digits + "0".repeat(zeros));
    const isWhole = /^0*$/.test(digits.slice(zeros));
    return isWhole ? BigInt(digits.slice(0, zeros)) : BigInt(Math.abs(nearest));
  }

  function parse(text) {
    if (text.length > MAX_LENGTH && [...text].length > MAX_LENGTH) throw new FilterError(`longer than ${MAX_LENGTH} characters`, MAX_LENGTH);
    let token = tokenAt(text, 0);
    const now = () => token;
    const take = () => {
      const taken = token;
      token = tokenAt(text, taken.at + taken.text.length);
      return taken;
    };
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
      const key = token.text.slice(dot + 1);
      const isParam = family === "dataset" && key && !DATASET_KEYS.includes(key); // “dataset.size”
      if (!family || isParam) return { key: token.text, at: token.at };
      return { family, key: key || quotedKey(), at: token.at };
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

  function datasetColumn({ datasets = [], read = [] }, key, at) {
    const place = DATASET_KEYS.indexOf(key);
    if (place < 0) throw new FilterError(`a data set has ${DATASET_KEYS.join(", ")}`, at);
    return { type: "text", text: (set) => datasets[set][place], number: none, many: (row) => read[row] ?? [] };
  }

  const lookup = (columns, data) => ({ family, key, at }) => {
    if (family === "dataset") return datasetColumn(data, key, at);
    const attribute = ALIASES.get(key) ?? key;
    if (family && family !== "attribute") return columns.get(family + key) ?? missing(family);
    const own = columns.get(attribute);
    const others = family ? [] : ["metrics.", "params.", "tags."].map((prefix) => columns.get(prefix + key));
    const found = (own?.kind === "attribute" || !family ? own : undefined) ?? others.find(Boolean);
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

  // Milliseconds since 1970, as `_TIME` of query/filters.py reads them.
  function timeOf(value, at) {
    if (typeof value !== "string") return Number(value);
    const parts = TIME.exec(value);
    const [, day, clock = "00:00", seconds = ":00", fraction = "", zone = "Z"] = parts ?? [];
    const midnight = Date.parse(`${day}T00:00Z`);
    const isDay = parts && day >= "0001" && !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(day);
    if (!isDay) throw new FilterError(`“${value.slice(0, 40)}” is no time; write it as '2026-01-31' or '2026-01-31T10:00:00Z'`, at);
    return Date.parse(`${day}T${clock}${seconds}.${fraction.slice(1, 4).padEnd(3, "0")}${zone}`);
  }

  function numberOf(value, at) {
    const number = asNumber(value);
    if (number === null) throw new FilterError(`“${value.slice(0, 40)}” is no number, and only numbers can be compared here`, at);
    return number;
  }

  // What the numbers of a column are compared with: those of texts exactly, others as doubles.
  function wantedOf(column, value, at) {
    if (column.type === "time") return timeOf(value, at);
    return column.type === "text" ? numberOf(value, at) : Number(numberOf(value, at));
  }

  function equals(column, value, at) {
    if (column.type === "text" && typeof value === "string") {
      const fold = column.id === "status" ? (text) => text?.toLowerCase() : (text) => text;
      const wanted = fold(value);
      return (row) => fold(column.text(row)) === wanted;
    }
    const wanted = wantedOf(column, value, at);
    return (row) => column.number(row) === wanted;
  }

  const present = (column) => (row) => (column.type === "text" ? column.text(row) : column.number(row)) !== null;

  function oneOf({ values, negated, at }, column) {
    const tests = values.map((value) => equals(column, value, at));
    const there = present(column);
    return (row) => there(row) && tests.some((test) => test(row)) !== negated;
  }

  // Whether a text is like a pattern. One expression for all of it would try every way to share a
  // text among its %; those of the parts between them are of fixed length, each found once.
  function matcher(pattern, flags) {
    const escaped = pattern.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replaceAll("_", "[^]");
    const parts = escaped.split("%");
    const last = new RegExp(`${parts.length > 1 ? "" : "^"}${parts.at(-1)}$`, flags);
    const others = parts.slice(0, -1).map((part, n) => new RegExp(n ? part : `^${part}`, flags));
    return (text) => {
      let at = 0;
      for (const part of others) {
        part.lastIndex = at;
        if (!part.test(text)) return false;
        at = part.lastIndex;
      }
      return text.search(last) >= at;
    };
  }

  function like({ name, pattern, ignoreCase, negated }, column) {
    if (column.type !== "text") throw new FilterError(`“${name.key.slice(0, 80)}” is no text; compare it with “<”, “=” or “>”`, name.at);
    const matches = matcher(pattern, ignoreCase ? "giu" : "gu");
    const there = present(column);
    return (row) => there(row) && matches(column.text(row)) !== negated;
  }

  const ORDER = {
    "<": (a, b) => a < b,
    "<=": (a, b) => a <= b,
    ">": (a, b) => a > b,
    ">=": (a, b) => a >= b,
  };

  function compare({ op, value, at }, column) {
    const wanted = wantedOf(column, value, at);
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
    if (column.many) return anyOf(tree, column);
    if (tree.op === "in") return oneOf(tree, column);
    if (tree.op === "like") return like(tree, column);
    if (tree.op !== "null") return compare(tree, column);
    const there = present(column);
    return (row) => there(row) === tree.negated;
  }

  // As in MLflow: whether it holds of one of a run's data sets. All of them is text.
  function anyOf(tree, column) {
    const isText = ["like", "null"].includes(tree.op) || (tree.op === "in" && tree.values.every((value) => typeof value === "string"));
    if (!isText) throw new FilterError("of a data set all is text: compare it with text in single quotes, by “=”", tree.at);
    const there = present(column);
    if (tree.op === "null") return (row) => column.many(row).some(there) === tree.negated;
    const test = tree.op === "in" ? oneOf(tree, column) : like(tree, column);
    return (row) => column.many(row).some((one) => test(one));
  }

  window.tracksiteFilter = { parse, compile, lookup, FilterError };
})();
