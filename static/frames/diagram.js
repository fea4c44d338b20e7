// Draws a diagram of Mermaid. It runs in a frame whose origin is nobody's, gets the source from the
// page around it, and tells that page how high the diagram is.
(() => {
  "use strict";
  const { origin } = new URL(document.currentScript.src);
  const place = document.getElementById("diagram");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let source = "";
  let count = 0;

  const tell = (message) => parent.postMessage(message, origin);

  const draw = async () => {
    const { mermaid } = window;
    mermaid.initialize({
      startOnLoad: false,
      securityLevel: "strict",
      suppressErrorRendering: true,
      theme: dark.matches ? "dark" : "default",
    });
    try {
      count += 1;
      const { svg } = await mermaid.render(`diagram-${count}`, source);
      // The source was cleaned by Mermaid, and nothing here is worth an attack.
      place.innerHTML = svg;
      tell({ height: Math.ceil(place.getBoundingClientRect().height) });
    } catch (error) {
      tell({ problem: String(error?.message ?? error).split("\n", 1)[0].slice(0, 300) });
    }
  };

  addEventListener("message", ({ data, origin: from, source: sender }) => {
    if (sender !== parent || from !== origin || typeof data?.source !== "string") return;
    ({ source } = data);
    draw();
  });
  dark.addEventListener("change", () => source && draw());
  new ResizeObserver(() => {
    if (place.firstChild) tell({ height: Math.ceil(place.getBoundingClientRect().height) });
  }).observe(place);
  tell({ ready: true });
})();
