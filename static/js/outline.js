// A step that the user has opened or closed stays so, whatever the server says of it later.
import { on } from "./dom.js";

const touched = new WeakSet();

on("click", ({ target }) => {
  const step = target.closest?.("summary")?.parentElement;
  if (step?.matches(".step")) touched.add(step);
});

on("htmx:before:morph:attr", (event) => {
  if (event.detail.attrName === "open" && touched.has(event.target)) event.preventDefault();
});
