// A swap may remove the element that has the focus: it then goes to the one in its place.
import { copyButtons } from "./clipboard.js";
import { byId, focusComposer } from "./dom.js";

let hadFocus = false;
let copyButtonIndex = -1;
let containerId = null;

export const rememberFocus = () => {
  const { activeElement, body } = document;
  hadFocus = activeElement !== body;
  copyButtonIndex = copyButtons().indexOf(activeElement);
  containerId = activeElement.closest(".item, .actions, .press")?.id;
};

export const restoreFocus = () => {
  if (!hadFocus || document.activeElement !== document.body) return;
  const button = byId(containerId)?.querySelector("button, .item-more");
  const successor = copyButtons()[copyButtonIndex] || button;
  if (successor) successor.focus();
  else focusComposer();
};

// Only for what htmx has taken: it prevents what the browser would do, which is to leave the page.
document.addEventListener("submit", ({ target, defaultPrevented }) => {
  if (!defaultPrevented || !target.matches("[hx-target='#chat'], #stop, #retry, [data-starters]")) return;
  target.closest("[popover]")?.hidePopover();
  focusComposer();
});
