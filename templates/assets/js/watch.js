// Keeps an open page up to date while `tracksite watch` serves it; no part of the built site.
//
// One tab of the browser leads: it holds a Web Lock and the only connection to the server, and
// passes its news on through a BroadcastChannel, because a browser allows six connections to a
// host. When it closes, the lock goes to another tab. A tab that learns of a newer epoch loads
// the data scripts that changed, morphs its <body>, and fires `tracksite:update`.
(() => {
  "use strict";
  const own = document.currentScript.dataset;
  const CHANNEL = "tracksite-watch";
  const KEPT = new Set([
    "value", "checked", "selected", "open",
    "aria-checked", "aria-expanded", "aria-pressed", "aria-selected", "aria-sort",
  ]);
  const root = new URL("/", location.href);
  const page = { session: own.session, epoch: Number(own.epoch) };
  const channel = new BroadcastChannel(CHANNEL);
  let wanted = null; // the newest news that this page has not taken in
  let working = false;

  // --- news -----------------------------------------------------------------------------------

  function lead() {
    return new Promise(() => { // never settles: the lock is held until the tab closes
      let latest = null;
      let lost = 0;
      const events = new EventSource("/-/events");
      const tell = (message) => {
        latest = message;
        channel.postMessage(message);
        hear(message);
      };
      events.onmessage = (event) => {
        clearTimeout(lost);
        lost = 0;
        tell({ ...JSON.parse(event.data), connected: true });
      };
      events.onerror = () => { // the browser tries again by itself
        lost ||= setTimeout(() => tell({ ...latest, connected: false }), 1500);
      };
      channel.addEventListener("message", (event) => {
        if (event.data === "hello" && latest) channel.postMessage(latest);
      });
    });
  }

  function hear(message) {
    if (!message.connected) {
      banner("lost", "tracksite watch has stopped: this page no longer updates.");
      return;
    }
    banner("lost", null);
    banner("error", message.error && `The last build failed, so this is the site before it. ${message.error}`);
    if (message.session !== page.session || message.epoch > page.epoch) {
      wanted = message;
      work();
    }
  }

  channel.addEventListener("message", (event) => {
    if (event.data !== "hello") hear(event.data);
  });
  document.addEventListener("visibilitychange", work);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) channel.postMessage("hello"); // back from history: what was missed?
  });
  if (navigator.locks) {
    navigator.locks.request(CHANNEL, lead);
    channel.postMessage("hello");
  } else {
    lead();
  }

  // --- update ---------------------------------------------------------------------------------

  async function work() {
    if (working || document.hidden) return; // a hidden tab catches up when it is looked at
    working = true;
    try {
      while (wanted) {
        const news = wanted;
        wanted = null;
        await update(news);
        Object.assign(page, { session: news.session, epoch: news.epoch });
      }
    } catch (error) {
      console.warn("tracksite watch: the page could not be updated", error);
    } finally {
      working = false;
    }
  }

  async function update(news) {
    const next = news.session === page.session && news.epoch === page.epoch + 1;
    const paths = next && news.paths ? new Set(news.paths) : null; // null: all may have changed
    const here = sitePath(location.href);
    const files = here === "" || here.endsWith("/") ? [`${here}index.html`] : [here, `${here}/index.html`];
    const moved = !paths || files.some((file) => paths.has(file));
    const fresh = moved ? await read() : null;
    if (moved && !fresh) return;
    if (fresh && assetsDiffer(fresh)) {
      location.reload();
      return;
    }
    const loaded = await loadChanged(fresh, paths);
    if (!fresh && !loaded) return;
    const scroll = [window.scrollX, window.scrollY];
    if (fresh) morph(fresh);
    document.dispatchEvent(
      new CustomEvent("tracksite:update", { detail: { paths: paths && [...paths] } }),
    );
    if (window.scrollY < scroll[1]) window.scrollTo(...scroll); // it was short for a moment
  }

  async function read() {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    if (answer.status === 404 && !document.body.classList.contains("watch-notice")) {
      banner("gone", "This page is no longer part of the site: its run may have been deleted.", true);
      return null;
    }
    banner("gone", null);
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  }

  function sitePath(url) {
    const { origin, pathname } = new URL(url, location.href);
    return origin === root.origin ? decodeURIComponent(pathname).slice(1) : null;
  }

  const isAsset = (path) => path.startsWith("assets/");
  const sourceOf = (tag) => tag.dataset.src ?? tag.getAttribute(tag.localName === "link" ? "href" : "src");

  // Path below the site → the script or style sheet as the page's HTML has it; not watch's own.
  const linkedBy = (tree) =>
    new Map([...tree.querySelectorAll('script[src], link[rel="stylesheet"]')]
      .map((tag) => [sitePath(sourceOf(tag)), tag])
      .filter(([path]) => path !== null && !path.startsWith("-/")));

  // Code that runs already cannot be replaced by newer code.
  function assetsDiffer(fresh) {
    const old = linkedBy(document);
    return [...linkedBy(fresh)].some(([path, tag]) =>
      isAsset(path) && old.has(path) && sourceOf(old.get(path)) !== sourceOf(tag));
  }

  // Load the data scripts that changed and the assets that are new here; returns how many.
  async function loadChanged(fresh, paths) {
    const old = linkedBy(document);
    const all = new Map([...old, ...(fresh ? linkedBy(fresh) : [])]);
    const changed = [...all].filter(([path, tag]) => !old.has(path) || (!isAsset(path)
      && (!paths || paths.has(path) || sourceOf(old.get(path)) !== sourceOf(tag))));
    await Promise.all(changed.map(([path, tag]) => load(path, tag)));
    return changed.length;
  }

  function load(path, like) {
    for (const old of document.head.querySelectorAll("script[src]")) {
      if (sitePath(sourceOf(old)) === path) old.remove();
    }
    return new Promise((done) => {
      const tag = document.createElement(like.localName);
      for (const { name, value } of like.attributes) tag.setAttribute(name, value);
      const source = sourceOf(like);
      if (like.localName === "script") {
        tag.dataset.src = source;
        tag.src = isAsset(path) ? source : `${source}${source.includes("?") ? "&" : "?"}watch=${Date.now()}`;
        tag.async = false; // in their order
      }
      tag.onload = tag.onerror = done;
      document.head.append(tag);
    });
  }

  function morph(fresh) {
    const focused = document.activeElement;
    document.title = fresh.title;
    Idiomorph.morph(document.body, fresh.body, {
      morphStyle: "outerHTML",
      callbacks: {
        beforeNodeMorphed: (old) => !isKept(old),
        beforeNodeRemoved: (old) => !isKept(old),
        beforeAttributeUpdated: (name, element) => !keepsAttribute(name, element),
      },
    });
    if (focused && focused.id && !focused.isConnected) {
      document.getElementById(focused.id)?.focus({ preventScroll: true });
    }
  }

  const isKept = (node) => node.nodeType === Node.ELEMENT_NODE && node.hasAttribute("data-keep");

  const keepsAttribute = (name, element) =>
    KEPT.has(name) || (element.getAttribute("data-keep-attributes") ?? "").split(" ").includes(name);

  // --- banner ---------------------------------------------------------------------------------

  function banner(kind, text, home = false) {
    const id = `watch-banner-${kind}`;
    const shown = document.getElementById(id);
    if (!text || shown?.dataset.text === text) {
      if (!text) shown?.remove();
      return;
    }
    const box = shown ?? document.createElement("div");
    Object.assign(box, { id, className: "watch-banner", textContent: text });
    box.setAttribute("role", "alert");
    box.setAttribute("data-keep", "");
    box.dataset.text = text;
    if (home) {
      const link = Object.assign(document.createElement("a"), { href: "/", textContent: "Home" });
      box.append(" ", link);
    }
    if (!shown) document.body.prepend(box);
  }
})();
