// A step that the user has opened or closed stays so, whatever the server says of it later.
import { on } from "./dom.js";

const touched = new WeakSet();

on("click", ({ target }) => {
  const step = target.closest?.("summary")?.parentElement;
  if (step?.matches(".step")) touched.add(step);
});

// Of each attribute that changes, htmx tells extensions only. `false` leaves it as it is.
htmx.registerExtension("outline", {
  htmx_before_morph_attr: (element, { attrName }) =>
    attrName !== "open" || !touched.has(element),
});
