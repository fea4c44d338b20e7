// What can only be said of messages where they are shown.
import { all, byId } from "./dom.js";
import { fitHeight } from "./drafts.js";

// What is too wide scrolls sideways, and must do so by keyboard, too.
const makeWideBlocksFocusable = () => {
  for (const block of all(".prose :is(pre > code, table)")) {
    if (block.scrollWidth > block.clientWidth) block.tabIndex = 0;
  }
};

const measure = () => {
  makeWideBlocksFocusable();
  const field = byId("composer-input");
  if (field) fitHeight(field);
};

// Measuring forces a layout, so it waits until the message has been drawn.
export const measureSoon = () => requestAnimationFrame(() => setTimeout(measure));
