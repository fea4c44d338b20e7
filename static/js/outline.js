// What the user has opened or closed stays so, whatever the server says of it later. Forms that are
// sent are not among it: the answer closes them.
import { on } from "./dom.js";

const FOLDS = ".step, .category, .settings-tab, .unfold, .viewer, .custom details";
const touched = new WeakSet();

on("click", ({ target }) => {
  const fold = target.closest?.("summary")?.parentElement;
  if (fold?.matches(FOLDS)) touched.add(fold);
});

// Where the server says something new of a list or a box, that is shown: the browser would keep the place
// of what the user had chosen before.
const showAsSent = (element) => {
  if (element.matches("option")) {
    for (const option of element.closest("select").options) option.selected = option.defaultSelected;
  } else element.checked = element.defaultChecked;
};

// Of each attribute that changes, htmx tells extensions only. `false` leaves it as it is.
htmx.registerExtension("outline", {
  htmx_before_morph_attr: (element, { attrName }) => {
    const isChoice = element.matches("option, [type=checkbox], [type=radio]");
    if (isChoice && /^(checked|selected|value)$/.test(attrName)) {
      queueMicrotask(() => element.isConnected && showAsSent(element));
    }
    return attrName !== "open" || !touched.has(element);
  },
});
