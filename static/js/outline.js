// What the user has opened or closed stays so, whatever the server says of it later. Forms that are
// sent are not among it: the answer closes them.
import { on } from "./dom.js";

const FOLDS = ".step, .category, .settings-tab, .unfold, .viewer";
const touched = new WeakSet();

on("click", ({ target }) => {
  const fold = target.closest?.("summary")?.parentElement;
  if (fold?.matches(FOLDS)) touched.add(fold);
});

// Of each attribute that changes, htmx tells extensions only. `false` leaves it as it is.
htmx.registerExtension("outline", {
  htmx_before_morph_attr: (element, { attrName }) =>
    attrName !== "open" || !touched.has(element),
});
