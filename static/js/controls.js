// Small controls that HTML has no element for.
import { all, byId, on } from "./dom.js";

// Shows and hides what is in a password field.
for (const control of all("[data-reveal]")) control.hidden = false;

on("click", ({ target }) => {
  const control = target.closest?.("[data-reveal]");
  if (!control) return;
  const secret = byId(control.dataset.reveal);
  const isHidden = secret.type === "password";
  secret.type = isHidden ? "text" : "password";
  control.firstElementChild.textContent = isHidden ? "Hide" : "Show";
});

// Puts the text of a chosen JSON file into a field, where it stays if it is refused.
on("change", async ({ target }) => {
  const field = byId(target.dataset.fills);
  const file = field && target.files[0];
  if (!file?.name.endsWith(".json") || file.size > 4e6) return;
  field.value = await file.text();
  target.value = "";
});

// Stop takes the place of Send, so a double click on Send would stop the answer.
on("click", (event) => {
  if (event.detail > 1 && event.target.closest?.(".stop")) event.preventDefault();
});

// Below a picture stands the initial of its name, which is better than a broken picture.
on("error", ({ target }) => {
  if (target.matches?.(".icon img")) target.remove();
});

// Some may have failed before this script ran. Setting the address loads them, or fails, again.
for (const picture of all(".icon img")) {
  if (picture.complete) picture.src = picture.src;
}

// The sign-in by a proxy needs no click.
document.querySelector("[data-send-now]")?.requestSubmit();
