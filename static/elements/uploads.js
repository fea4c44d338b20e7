// Files that a user attaches to a message: chosen, dropped or pasted, shown until they are sent,
// and sent with their progress. Loaded for the first of them (attaching.js).

const THUMBNAIL = 80; // pixels, twice what is shown
const MEGABYTE = 1024 * 1024;
const PICTURES = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;

// What is attached, and what is on its way with the message of `sentKey`.
let files = [];
let sent = [];
let sentKey = null;
let isRefused = false;
let chatId;
let wasWritten;

const byId = (id) => document.getElementById(id);
const on = (type, listener) => document.addEventListener(type, listener, { capture: true });
// In Safari, the key that ends a word of an input method has only this code.
const isOfInputMethod = (event) => event.isComposing || event.keyCode === 229;
const field = () => byId("attach");
const key = () => byId("composer-key")?.value;

const announce = (text) => {
  const region = byId("spoken");
  if (region) region.textContent = text;
};

const make = (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  Object.assign(element, attributes);
  element.append(...children);
  return element;
};

// As the message that was sent shows it.
const sizeOf = ({ size }) => {
  if (size < 1e3) return `${size} Bytes`;
  return size < 1e6 ? `${(size / 1e3).toFixed(1)} kB` : `${(size / 1e6).toFixed(1)} MB`;
};

// As the limits are set. What is too large must look so.
const megabytes = (size, round) => `${round((size * 10) / MEGABYTE) / 10} MB`;

const endingOf = ({ name }) => (name.match(/\.(\w{1,5})$/)?.[1] ?? "file").toUpperCase();

// Drawn, and not loaded by an address: the policy of the page allows no addresses of files.
const drawThumbnail = async (file, place) => {
  try {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    const canvas = make("canvas", { width: THUMBNAIL, height: THUMBNAIL });
    const scale = THUMBNAIL / Math.min(picture.width, picture.height);
    const [width, height] = [picture.width * scale, picture.height * scale];
    const draw = canvas.getContext("2d");
    draw.drawImage(picture, (THUMBNAIL - width) / 2, (THUMBNAIL - height) / 2, width, height);
    picture.close();
    canvas.setAttribute("aria-hidden", "true");
    place.replaceWith(canvas);
  } catch {
    // It is no picture, whatever its name says. Its ending stays.
  }
};

const makeItem = (file) => {
  const kind = make("span", { className: "attachment-kind", textContent: endingOf(file) });
  kind.setAttribute("aria-hidden", "true");
  const name = make("bdi", { textContent: file.name, title: file.name });
  const size = make("span", { className: "small", textContent: sizeOf(file) });
  const words = make("span", { className: "attachment-name" }, name, size);
  const item = make("li", { className: "attachment" }, kind, words);
  item.dataset.testid = "attachment";
  item.dataset.name = file.name;
  if (PICTURES.test(file.type)) drawThumbnail(file, kind);
  return item;
};

const makeRemovable = (file) => {
  const button = make("button", { type: "button", className: "quiet" });
  button.innerHTML =
    '<svg class="glyph" viewBox="0 0 20 20" aria-hidden="true"><path d="m5 5 10 10M15 5 5 15"/></svg>';
  button.append(make("span", { className: "hush", textContent: `Remove ${file.name}` }));
  button.addEventListener("click", () => remove(file));
  const item = makeItem(file);
  item.append(button);
  return item;
};

const showProblem = (text) => {
  byId("attach-problem")?.remove();
  if (!text) return;
  const problem = make("p", { id: "attach-problem", className: "attach-problem", role: "alert" });
  problem.textContent = text;
  byId("attachments").after(problem);
};

// The browser sends what is in the field, so what is attached must be there.
const show = () => {
  const input = field();
  if (!input) return;
  const transfer = new DataTransfer();
  for (const file of files) transfer.items.add(file);
  input.files = transfer.files;
  byId("attachments").replaceChildren(...files.map(makeRemovable));
  // A message needs a text or a file.
  byId("composer-input").required = !files.length;
};

const remove = (file) => {
  const place = files.indexOf(file);
  files = files.filter((each) => each !== file);
  showProblem("");
  show();
  announce(`Removed ${file.name}`);
  const buttons = byId("attachments").querySelectorAll("button");
  (buttons[Math.min(place, buttons.length - 1)] ?? field()).focus();
};

// The server looks at the content, too. What the browser does not know is left to it.
const isAccepted = (file, accept) => {
  if (!accept) return true;
  const types = accept.split(",");
  const name = file.name.toLowerCase();
  return types.some((type) => {
    if (type.startsWith(".")) return name.endsWith(type);
    if (!file.type) return true;
    return type.endsWith("/*") ? file.type.startsWith(type.slice(0, -1)) : file.type === type;
  });
};

const findProblem = (file, { accept, dataset }) => {
  const most = Number(dataset.maxBytes);
  if (file.size > most) {
    const [has, may] = [megabytes(file.size, Math.ceil), megabytes(most, Math.floor)];
    return `“${file.name}” has ${has}, and may have ${may}. Choose a smaller one.`;
  }
  if (!isAccepted(file, accept)) {
    return `“${file.name}” cannot be attached here. This chat takes: ${dataset.kinds}.`;
  }
  return "";
};

const isSame = (one, other) =>
  one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;

export const add = (chosen) => {
  const input = field();
  if (!input) return;
  const problems = [];
  const added = [];
  for (const file of chosen) {
    const problem = findProblem(file, input);
    if (problem) problems.push(problem);
    else if (!files.some((each) => isSame(each, file))) added.push(file);
  }
  const most = Number(input.dataset.maxFiles);
  const room = Math.max(0, most - files.length);
  if (added.length > room) {
    const count = most === 1 ? "1 file" : `${most} files`;
    problems.push(`A message may have ${count}. Send the others with another message.`);
  }
  const taken = added.slice(0, room);
  files = [...files, ...taken];
  show();
  showProblem(problems.join(" "));
  if (taken.length && !problems.length) {
    announce(`Attached ${taken.map(({ name }) => name).join(", ")}`);
  }
};

on("change", ({ target }) => {
  if (target.id !== "attach") return;
  add([...target.files]);
  if (files.length) byId("composer-input").focus({ preventScroll: true });
});

// Several programs put a picture of a text beside the text.
on("paste", (event) => {
  const { files: pasted, types } = event.clipboardData ?? {};
  const inField = event.target.matches?.("input, textarea:not(#composer-input)");
  if (!pasted?.length || types.includes("text/plain") || !field() || inField) return;
  event.preventDefault();
  add([...pasted]);
});

const hasFiles = ({ dataTransfer }) => field() && dataTransfer?.types.includes("Files");
on("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  // A folder looks like a file, but cannot be read.
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
  const folders = entries.filter((entry) => entry?.isDirectory).map(({ name }) => name);
  add([...event.dataTransfer.files].filter(({ name }) => !folders.includes(name)));
  if (folders.length) showProblem(`“${folders[0]}” is a folder. Choose the files in it.`);
  byId("composer-input").focus({ preventScroll: true });
});

// Without a text, the composer itself does not send with Enter.
on("keydown", (event) => {
  const { target, shiftKey } = event;
  if (event.key !== "Enter" || isOfInputMethod(event)) return;
  if (target.id === "attach") {
    // Some browsers would send the form.
    event.preventDefault();
    target.click();
  }
  if (target.id !== "composer-input" || shiftKey) return;
  if (!files.length || target.value.trim() || !matchMedia("(hover: hover)").matches) return;
  event.preventDefault();
  if (!target.form.querySelector(".send").disabled) target.form.requestSubmit();
});

const restore = () => {
  const back = sent;
  sent = [];
  sentKey = null;
  if (!back.length || !field()) return;
  files = [...back, ...files];
  show();
};

const showUploading = (xhr) => {
  const pending = byId("pending")?.querySelector(".message");
  if (!pending) return;
  const bar = make("progress", { max: 1, value: 0 });
  bar.setAttribute("aria-label", "Sending files");
  const cancel = make("button", { type: "button", className: "quiet", textContent: "Cancel" });
  cancel.addEventListener("click", () => {
    xhr.abort();
    announce("Not sent. Your text and your files are in the composer.");
    byId("composer-input")?.focus();
  });
  const state = make("div", { className: "uploading-state" }, bar, cancel);
  const list = make("ul", { className: "attachments" }, ...sent.map(makeItem));
  pending.append(make("div", { className: "uploading" }, list, state));
  pending.scrollIntoView({ block: "end" });
  xhr.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.value = total ? loaded / total : 0;
  });
  xhr.upload.addEventListener("load", () => cancel.remove());
  announce("Sending files");
};

const headersOf = (xhr) => {
  const lines = xhr.getAllResponseHeaders().trim().split("\r\n");
  return lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]);
};

// As `fetch`, which tells nothing of how far it has come. The answer is read while it comes.
const sendWithProgress = (address, { method, headers, body, signal }) =>
  new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, address);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    const encoder = new TextEncoder();
    let answer;
    let read = 0;
    const pass = () => {
      if (xhr.responseText.length === read) return;
      answer.enqueue(encoder.encode(xhr.responseText.slice(read)));
      read = xhr.responseText.length;
    };
    const stream = new ReadableStream({
      start: (controller) => { answer = controller; },
      cancel: () => xhr.abort(),
    });
    const fail = (error) => {
      reject(error);
      try { answer.error(error); } catch { /* it has ended */ }
    };
    xhr.addEventListener("readystatechange", () => {
      if (xhr.readyState !== XMLHttpRequest.HEADERS_RECEIVED) return;
      const { status } = xhr;
      const content = [204, 205, 304].includes(status) ? null : stream;
      resolve(new Response(content, { status, headers: headersOf(xhr) }));
    });
    xhr.addEventListener("progress", pass);
    xhr.addEventListener("load", () => { pass(); answer.close(); });
    xhr.addEventListener("error", () => fail(new TypeError("The files could not be sent.")));
    xhr.addEventListener("abort", () => fail(new DOMException("Aborted", "AbortError")));
    signal.addEventListener("abort", () => xhr.abort());
    showUploading(xhr);
    xhr.send(body);
  });

on("htmx:config:request", ({ target, detail }) => {
  if (target.id !== "composer" || !field()) return;
  const { ctx } = detail;
  const kind = files.length ? "multipart/form-data" : "application/x-www-form-urlencoded";
  target.setAttribute("hx-encoding", kind);
  if (!files.length) {
    ctx.request.body.delete("files");
    return;
  }
  // It may take longer than any other request.
  ctx.request.timeout = "0s";
  ctx.fetch = sendWithProgress;
});

on("htmx:before:request", ({ target }) => {
  if (target.id !== "composer" || !files.length) return;
  sent = files;
  sentKey = key();
  files = [];
  showProblem("");
  show();
});

on("htmx:finally:request", ({ target }) => {
  if (target.id === "composer" && sentKey !== null && sentKey === key()) restore();
});

// The message was taken when the composer has another key. Another chat has files of its own.
const follow = () => {
  if (sentKey !== null && sentKey !== key()) {
    sent = [];
    sentKey = null;
  }
  const chat = byId("chat");
  const isOther = chatId !== undefined && chat?.dataset.chatId !== chatId;
  if (files.length && ((isOther && wasWritten) || !field())) {
    files = [];
    announce("The attached files stayed behind.");
  }
  if (isOther && files.length) {
    const kept = files;
    files = [];
    add(kept);
  } else show();
  chatId = chat?.dataset.chatId;
  wasWritten = Boolean(chat?.querySelector("[data-testid=message][data-kind=user]"));
};

on("htmx:after:swap", follow);
follow();
