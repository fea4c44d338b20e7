// Fetches the library for a frame that draws a chart or a diagram. Its origin is nobody's, so no
// browser would keep what it loads for the next one.
import { all } from "./dom.js";

// This script is in a folder of the site's root.
const ROOT = new URL("..", document.currentScript.src);
const LIBRARIES = ["frames/plotly.js", "static/mermaid.min.js"];

addEventListener("message", async ({ data, origin, source }) => {
  if (origin !== "null" || typeof data?.library !== "string") return;
  if (!all("iframe[sandbox]").some((frame) => frame.contentWindow === source)) return;
  const url = new URL(data.library, ROOT);
  // Nothing else that a frame may name.
  if (!LIBRARIES.some((path) => new URL(path, ROOT).href === url.origin + url.pathname)) return;
  // Its origin has no name, so there is none to send to.
  source.postMessage({ fetches: true }, "*");
  const answer = await fetch(url).catch(() => null);
  const message = answer?.ok ? { code: await answer.text() } : { fails: true };
  source.postMessage(message, "*");
});
