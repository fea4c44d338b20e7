// Few messages have files, so what attaches them is loaded when somebody is about to. It takes over
// from then on; what happens until it is there is kept for it.
import { byId, on } from "./dom.js";
import { showUnreachable } from "./errors.js";

let uploads = null;
let takesOver = false;
// How many files were chosen and are not attached yet, and the form that waits for them.
let arriving = 0;
let heldForm = null;
const attachField = () => byId("attach");

const attach = async (files = []) => {
  uploads ??= import(attachField().dataset.uploads);
  arriving += files.length;
  try {
    const { add } = await uploads;
    takesOver = true;
    if (files.length) add(files);
  } catch {
    uploads = null;
    // Nothing would send what is in the field.
    if (attachField()) attachField().value = "";
    heldForm = null;
    if (files.length) showUnreachable();
  }
  arriving -= files.length;
  if (arriving) return;
  heldForm?.requestSubmit();
  heldForm = null;
};

const onField = ({ target }) => target.id === "attach" && !takesOver;
const hasFiles = ({ dataTransfer }) => attachField() && dataTransfer?.types.includes("Files");
const setDropping = (is) => byId("chat")?.classList.toggle("dropping", is);

for (const type of ["focusin", "pointerover"]) on(type, (event) => onField(event) && attach());

on("change", async (event) => {
  if (!onField(event)) return;
  await attach([...event.target.files]);
  // As when the loaded script hears of it: what comes next is the text.
  if (takesOver) byId("composer-input").focus({ preventScroll: true });
});

on("paste", (event) => {
  const { files, types } = event.clipboardData ?? {};
  const inField = event.target.matches?.("input, textarea:not(#composer-input)");
  if (takesOver || !files?.length || types.includes("text/plain") || !attachField() || inField) return;
  event.preventDefault();
  attach([...files]);
});

on("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
  setDropping(true);
  attach();
});

on("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) setDropping(false);
});

on("drop", (event) => {
  setDropping(false);
  if (takesOver || !hasFiles(event)) return;
  event.preventDefault();
  attach([...event.dataTransfer.files]);
});

// Without them the message would be another one.
on("submit", (event) => {
  if (event.target.id !== "composer" || !arriving || event.defaultPrevented) return;
  event.preventDefault();
  event.stopPropagation();
  heldForm = event.target;
});

on("htmx:config:request", ({ target, detail }) => {
  if (target.id !== "composer" || !attachField() || takesOver) return;
  target.setAttribute("hx-encoding", "application/x-www-form-urlencoded");
  detail.ctx.request.body.delete("files");
});

// A browser that goes back may have kept what was chosen.
if (attachField()?.files.length) attach([...attachField().files]);
