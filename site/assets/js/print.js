// Paper: light colours whatever the theme, all rows, all figures. A part of the page says with
// `tracksite.onPrint` how it gets ready: `load()` fetches what it draws with, which takes a while,
// and `show()` draws for paper at once and returns what undoes that.
//
// Browsers do not wait while they print, so the shortcut is held back until all is loaded; printed
// from a menu, what is not drawn yet is replaced by its table.
(() => {
  "use strict";
  const { prints, paper } = tracksite;
  const LONGEST = 8000; // milliseconds that the shortcut waits
  let undo = [];

  const images = () => [...document.querySelectorAll('img[loading="lazy"]')];
  const load = () => Promise.allSettled([...prints.map((part) => part.load?.()), ...images().map((image) => {
    image.loading = "eager";
    return image.decode();
  })]);

  // Stands in for what is not drawn: opens the tables beside it.
  function tables() {
    const empty = [...document.querySelectorAll("[data-vega], [data-curves-live]")].filter((place) => !place.querySelector("svg, canvas"));
    const shut = empty.flatMap((place) => [...place.parentElement.querySelectorAll(":scope > details:not([open])")]);
    empty.forEach((place) => place.classList.add("undrawn"));
    shut.forEach((details) => (details.open = true));
    return () => {
      empty.forEach((place) => place.classList.remove("undrawn"));
      shut.forEach((details) => (details.open = false));
    };
  }

  addEventListener("beforeprint", () => {
    if (undo.length) return;
    load();
    undo = [paper(), ...prints.map((part) => part.show?.()), tables()].filter(Boolean);
  });
  addEventListener("afterprint", () => {
    const steps = undo.reverse();
    undo = [];
    steps.forEach((step) => step());
  });
  addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "p" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    event.preventDefault();
    Promise.race([load(), new Promise((done) => setTimeout(done, LONGEST))]).then(() => print());
  });
})();
