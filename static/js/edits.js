// The new text of a message, in its place before the server has answered.
import { asStored, focusComposer, on } from "./dom.js";

// How the message was, until the server has taken the new text.
let before = null;

const putBack = () => {
  const { message, text, nodes, details, answers } = before;
  before = null;
  message.dataset.status = "complete";
  text.replaceChildren(...nodes);
  for (const answer of answers) answer.hidden = false;
  details.open = true;
};

const answersAfter = (said) => {
  const next = said.nextElementSibling;
  return next?.matches(".answers") ? [next, ...answersAfter(next)] : [];
};

on("htmx:before:request", ({ target }) => {
  if (!target.matches(".edit form")) return;
  const said = target.closest(".said");
  const message = said.querySelector(".message");
  const text = message.querySelector(".prose");
  const details = target.closest("details");
  before = { message, text, nodes: [...text.childNodes], details, answers: answersAfter(said) };
  message.dataset.status = "sending";
  text.textContent = asStored(target.elements.content.value);
  for (const answer of before.answers) answer.hidden = true;
  details.open = false;
  focusComposer();
});

on("htmx:before:swap", ({ detail }) => {
  const { sourceElement, response } = detail.ctx;
  if (before && sourceElement.matches(".edit form") && response?.status < 400) before = null;
});

// It was refused, or did not arrive.
on("htmx:finally:request", ({ detail }) => {
  if (before && detail.ctx.sourceElement.matches(".edit form")) putBack();
});
