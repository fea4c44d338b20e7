// Lets people see the source of a diagram as a diagram.
const SHOW = "Show as diagram";
const HIDE = "Show as code";
const LOADING_HEIGHT = 160;
const HIGHEST = 4000;
// A tail that still grows is replaced with each token.
const SOURCES = ".message pre:has(> code.language-mermaid):not(.tail pre, [data-diagram])";
// Where the frame of a diagram is. The address of this script tells it.
const FRAME = new URL("../frames/diagram", import.meta.url);

const frames = new Map();

const showCode = (button, code) => {
  button.textContent = SHOW;
  code.hidden = false;
  const frame = button.parentNode.querySelector("iframe");
  frames.delete(frame);
  frame?.remove();
};

const showDiagram = (button, code) => {
  button.textContent = HIDE;
  button.parentNode.querySelector("[role=status]").textContent = "";
  const frame = document.createElement("iframe");
  frame.title = "Diagram";
  frame.height = LOADING_HEIGHT;
  frame.sandbox = "allow-scripts";
  frame.src = FRAME;
  frames.set(frame, { button, code });
  button.parentNode.prepend(frame);
};

const sourceOf = (code) => code.querySelector("code").textContent;

addEventListener("message", ({ data, origin, source }) => {
  // Only from a frame of ours, and only while it shows what it was made for.
  const [frame, place] = [...frames].find(([it]) => it.contentWindow === source) ?? [];
  if (!frame || origin !== "null" || typeof data !== "object") return;
  const { button, code } = place;
  // Its origin has no name, so there is none to send to.
  if (data.ready) frame.contentWindow.postMessage({ source: sourceOf(code) }, "*");
  if (Number.isFinite(data.height)) {
    code.hidden = true;
    frame.height = Math.min(Math.max(data.height, 40), HIGHEST);
  }
  if (typeof data.problem === "string") {
    showCode(button, code);
    button.parentNode.querySelector("[role=status]").textContent =
      `This diagram cannot be drawn. ${data.problem}`;
  }
});

export const update = () => {
  for (const code of document.querySelectorAll(SOURCES)) {
    code.dataset.diagram = "";
    const bar = document.createElement("div");
    bar.className = "diagram";
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "act", textContent: SHOW });
    button.addEventListener("click", () => {
      (bar.querySelector("iframe") ? showCode : showDiagram)(button, code);
    });
    const status = document.createElement("p");
    status.className = "small";
    status.setAttribute("role", "status");
    bar.append(button, status);
    code.after(bar);
  }
};
