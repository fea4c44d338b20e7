// What was typed as an answer to a question of the app, and is not sent. It is noted here, since it
// may be typed, and its field go away, before the script of questions is there.
import { on } from "./dom.js";

// By the address of the question.
export const unsentAnswers = new Map();

on("input", ({ target }) => {
  if (target.matches(".answer textarea")) unsentAnswers.set(target.form.getAttribute("action"), target.value);
});

on("htmx:after:request", ({ detail }) => {
  const { sourceElement, response } = detail.ctx;
  if (response?.status < 400) unsentAnswers.delete(sourceElement?.getAttribute?.("action"));
});
