// What was typed as an answer to a question of the app, and is not sent. It is noted here, since it
// may be typed, and its field go away, before the script of questions is there.
import { on } from "./dom.js";

export const unsentAnswer = { text: "" };

on("input", ({ target }) => {
  if (target.matches(".answer textarea")) unsentAnswer.text = target.value;
});

on("htmx:after:request", ({ detail }) => {
  const { sourceElement, response } = detail.ctx;
  if (sourceElement?.matches?.(".answer") && response?.status < 400) unsentAnswer.text = "";
});
