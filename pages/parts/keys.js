(() => {
  if (window.datablameKeys) return;
  window.datablameKeys = true;
  let taken = "", clock = 0, running = false;
  const dark = "z-index:1000000;border-radius:.5rem;background:#31333f;color:#fff;font-family:inherit;"
    + "box-shadow:0 2px 12px rgba(0,0,0,.35);position:fixed;display:none;";
  const made = (role, style) => {
    const box = document.createElement("div");
    box.setAttribute("role", role);
    box.style.cssText = dark + style;
    document.body.appendChild(box);
    return box;
  };
  const hint = made("status", "left:50%;bottom:1.5rem;transform:translateX(-50%);padding:.6em 1em;font-size:.95rem;");
  const list = made("dialog", "left:50%;top:50%;transform:translate(-50%,-50%);padding:1.2rem 1.6rem;max-height:80vh;"
    + "overflow:auto;min-width:min(20rem,80vw);max-width:90vw;outline:none;border:1px solid #8888;");
  list.setAttribute("aria-label", "Keys");
  list.tabIndex = -1;
  const say = (words) => {
    hint.textContent = words;
    hint.style.display = "block";
    clearTimeout(clock);
    clock = setTimeout(() => { hint.style.display = "none"; }, 3500);
  };
  const one = (selector) => document.querySelector(selector);
  const keysOfPage = () => JSON.parse(one("[data-keys]")?.dataset.keys || "{}");
  const field = (start) => one(`[class*='st-key-${start}'] input`);
  const pressed = (start) => one(`[class*='st-key-${start}'] button:not([disabled])`);
  const enterOf = (mark) => mark?.dataset.enter ? one(`[class~='st-key-${mark.dataset.enter}'] button:not([disabled])`)
    : null;

  const known = () => {  // [key, what it does] of all that can be pressed now
    const found = new Map();
    for (const button of document.querySelectorAll("button:has(kbd)")) {
      const key = button.querySelector("kbd").textContent.trim();
      const words = button.querySelector("p")?.textContent.trim() || { "←": "Previous", "→": "Next" }[key] || "";
      if (words && !found.has(key)) found.set(key, words);
    }
    const enter = enterOf(one("[data-shown]"));
    if (enter) found.set("Enter", `Take the suggestion: ${enter.querySelector("p")?.textContent.trim() || ""}`);
    for (const [key, start] of Object.entries(keysOfPage())) {
      const input = field(start);
      if (input) found.set(key.toUpperCase(), `To the field “${input.getAttribute("aria-label") || "value"}”`);
    }
    for (const more of document.querySelectorAll("[data-more-keys]")) {
      for (const [key, words] of Object.entries(JSON.parse(more.dataset.moreKeys))) found.set(key, words);
    }
    if (!found.has("Z")) found.set("Z", "Take back the decision just made");
    found.set("?", "These keys");
    return found;
  };
  const hide = () => { list.style.display = "none"; };
  const show = () => {
    list.replaceChildren();
    const title = document.createElement("div");
    title.textContent = `Keys on ${one("[data-testid='stMain'] h1")?.textContent || "this page"}`;
    title.style.cssText = "font-weight:600;margin-bottom:.7rem";
    const table = document.createElement("div");
    table.style.cssText = "display:grid;grid-template-columns:auto 1fr;gap:.35rem 1rem;align-items:baseline";
    for (const [key, words] of known()) {
      const sign = document.createElement("kbd"), what = document.createElement("span");
      sign.textContent = key;
      sign.style.cssText = "border:1px solid #fff6;border-radius:.25rem;padding:0 .4em;justify-self:end";
      what.textContent = words;
      table.append(sign, what);
    }
    const close = document.createElement("div");
    close.textContent = "Esc closes. Keys are not taken while you type in a field.";
    close.style.cssText = "opacity:.7;font-size:.85rem;margin-top:.8rem";
    list.append(title, table, close);
    list.style.display = "block";
    list.focus();
  };
  const toggle = () => (list.style.display === "none" ? show() : hide());

  new MutationObserver(() => {
    const now = Boolean(one("[data-testid='stApp'][data-test-script-state='running']"));
    if (running && !now) taken = "";  // the answer is drawn, also where it is the same item again
    running = now;
  }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["data-test-script-state"] });

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-show-keys]")) toggle();
    else if (!list.contains(event.target)) hide();
  });
  const stop = (event) => { event.stopImmediatePropagation(); event.preventDefault(); };
  window.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // inside a component of our own the window hears of the component alone
    const typing = (event.composedPath()[0] || event.target).closest?.("input, textarea, select, [contenteditable='true']");
    if (event.key === "Escape") hide();
    if (typing) return;
    if (event.key === "?") { stop(event); toggle(); return; }
    const mark = one("[data-shown]"), entered = event.key === "Enter";
    if (entered && (!enterOf(mark) || event.target.closest?.("button, a, [role='option'], [role='menuitem']"))) return;
    const button = entered ? mark.dataset.enter : keysOfPage()[event.key.toLowerCase()];
    if (!button) {
      if (event.key.toLowerCase() === "z" && !event.repeat) pressed("undo-batch-")?.click();
      return;
    }
    const input = entered ? null : field(button);
    if (input) {  // what it holds is written over
      event.preventDefault();
      input.focus();
      input.select();
      return;
    }
    if (mark && !entered && !pressed(button)) return;
    const shown = mark ? mark.dataset.shown : "";
    if (event.repeat || shown === taken) {
      stop(event);
      say(`“${entered ? "Enter" : event.key.toUpperCase()}” was not taken: the next one was not on screen yet.`);
      return;
    }
    taken = shown;
    if (entered) { stop(event); enterOf(mark).click(); }
  }, true);
})();
