// Small comforts, each bound to a data attribute; docs/contributor-interface.md lists them.

const listen = (type, selector, act) =>
  document.addEventListener(type, (event) => {
    const element = event.target.closest?.(selector);
    if (element) act(element, event);
  });

/** A table too wide for the screen can be reached, and so moved, with the keyboard. */
function openToKeyboard(wrap) {
  const wide = wrap.scrollWidth > wrap.clientWidth;
  if (wide === wrap.hasAttribute("tabindex")) return;
  if (!wide) return ["tabindex", "role", "aria-label"].forEach((name) => wrap.removeAttribute(name));
  wrap.tabIndex = 0;
  const caption = wrap.querySelector("caption")?.textContent.trim();
  if (!caption) return;
  wrap.setAttribute("role", "region");
  wrap.setAttribute("aria-label", caption);
}

function watchTables() {
  const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => openToKeyboard(target)));
  const watch = () => document.querySelectorAll(".table-wrap").forEach((wrap) => sizes.observe(wrap));
  watch();
  for (const type of ["refreshed", "htmx:after:swap"]) document.addEventListener(type, watch);
}

/** In a row of links that is wider than the screen, the one for this page is in sight. */
function showCurrent() {
  for (const row of document.querySelectorAll(".rooms, .tabs")) {
    const here = row.querySelector("[aria-current]")?.getBoundingClientRect();
    const sight = row.getBoundingClientRect();
    if (here) row.scrollLeft += here.left + here.width / 2 - (sight.left + sight.width / 2);
  }
}

export function startComforts() {
  document.documentElement.classList.add("js");
  watchTables();
  showCurrent();

  // A choice that needs no second press.
  listen("change", "[data-submit-on-change]", (field) => field.form.requestSubmit());

  // A key that leads to a field, from wherever nothing is being written.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
    const field = document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
    if (!field) return;
    event.preventDefault();
    field.focus();
  });

  // An act that cannot be taken back asks first.
  listen("submit", "form[data-confirm]", (form, event) => {
    if (form.querySelector("[data-passkey-answer]")?.value) return; // asked before the key was
    const question = event.submitter?.dataset.confirm ?? form.dataset.confirm;
    if (!window.confirm(question)) event.preventDefault();
  });

  listen("click", "[data-copy]", async (button) => {
    await navigator.clipboard.writeText(button.dataset.copy);
    const before = button.textContent;
    button.textContent = button.dataset.copied ?? before;
    setTimeout(() => (button.textContent = before), 1500);
  });

  listen("click", "[data-print]", () => window.print());
  listen("click", "[data-dismiss]", (button) => button.closest(".notice")?.remove());

  // A second press on a slow line must not file the same report twice.
  listen("submit", "form[data-once]", (form, event) => {
    setTimeout(() => {
      if (event.defaultPrevented) return;
      form.querySelectorAll("button:not([type=button])").forEach((button) => (button.disabled = true));
    });
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form[data-once] button").forEach((button) => (button.disabled = false));
  });
}
