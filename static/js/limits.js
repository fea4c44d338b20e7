// How long a message is, once it comes near the limit of the site.
import { byId, on } from "./dom.js";

const NEAR = 0.9;
const KILOBYTE = 1024;

const byteLength = (text) => new TextEncoder().encode(text).length;

const words = (size, most) => {
  const has = `This message has ${Math.ceil(size / KILOBYTE)} of ${Math.floor(most / KILOBYTE)} kB.`;
  return size > most ? `${has} Shorten it, or send it in parts.` : has;
};

// Below the hint of the composer, or below another field. It is made when it is needed.
const show = (field, text) => {
  const above = field.id === "composer-input" ? byId("composer-hint") : field;
  let place = above.nextElementSibling;
  if (!place?.matches(".limit")) {
    if (!text) return;
    place = document.createElement("p");
    place.className = "limit small";
    place.role = "status";
    above.after(place);
  }
  place.textContent = text;
};

export const checkLength = (field) => {
  const most = Number(field.dataset.most);
  // No character has more than three bytes for each of its units.
  const size = field.value.length * 3 < NEAR * most ? 0 : byteLength(field.value);
  const text = size < NEAR * most ? "" : words(size, most);
  show(field, text);
  // The browser says so, too, and sends nothing.
  field.setCustomValidity(size > most ? text : "");
};

on("input", ({ target }) => {
  if (target.dataset?.most) checkLength(target);
});
