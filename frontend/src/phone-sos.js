// The SOS button: held for two seconds it is kept on the phone with its true time and key, then sent until the node
// answers. A press that was not sent yet says so, and nothing else says that it was.
const HOLD = 2_000;
const AGAIN = 3_000;
const AT_ONCE = 250;

const announce = (text) => {
  const state = document.getElementById("sos-state");
  if (!state) return;
  state.hidden = !text;
  state.textContent = text;
};

/** Whether presses wait, told where the button is. */
export function tellSos(items) {
  const waits = items.some((item) => item.sos);
  const state = document.getElementById("sos-state");
  if (state) announce(waits ? state.dataset.waiting : "");
  document.documentElement.dataset.sos = waits ? "waiting" : "";
}

/** That the node has what was pressed, where nobody is signed in to be shown more. */
export function tellReceived() {
  const state = document.getElementById("sos-state");
  if (state && document.documentElement.dataset.pressed) announce(state.dataset.received);
}

/** `outbox` has `waiting`, `keep`, `flush`, `renew` and `here` of the phone, and the `pass` of its person. */
export function holdToSend(outbox) {
  let timer = 0;
  let held = false;

  let place = null;

  /** Nobody waits for a position: one that comes after the press follows it with the same key. */
  async function press(form) {
    navigator.vibrate?.(300);
    const key = crypto.randomUUID();
    const word = { key, at: new Date().toISOString() };
    const [to, passed] = [form.getAttribute("action"), form.dataset.sosPress];
    const item = { key, to, passed, pass: outbox.pass, sos: true, word };
    document.documentElement.dataset.pressed = "1";
    const sought = place ?? outbox.here();
    place = null;
    await outbox.keep(item);
    tellSos(await outbox.waiting());
    const soon = await Promise.race([sought, new Promise((done) => setTimeout(done, AT_ONCE))]);
    if (soon?.latitude !== undefined) {
      await outbox.keep({ ...item, word: { ...word, ...soon } });
      await outbox.flush();
      return;
    }
    await outbox.flush({ stay: true });
    const late = await sought;
    if (late.latitude !== undefined) await outbox.keep({ ...item, word: { ...word, ...late } });
    await outbox.flush();
    await outbox.renew();
  }

  const start = (button) => {
    if (timer || held) return;
    button.dataset.holding = "1";
    place = outbox.here();
    timer = setTimeout(() => {
      timer = 0;
      held = true;
      delete button.dataset.holding;
      press(button.form).finally(() => setTimeout(() => (held = false), HOLD));
    }, HOLD);
  };
  const stop = (button) => {
    if (!timer) return;
    clearTimeout(timer);
    timer = 0;
    delete button.dataset.holding;
    announce(document.getElementById("sos-state").dataset.hold);
  };
  const sosButton = (event) => event.target.closest?.("form[data-sos-press] button");

  document.addEventListener("pointerdown", (event) => {
    const button = sosButton(event);
    if (button) start(button);
  });
  for (const name of ["pointerup", "pointercancel", "pointerout"])
    document.addEventListener(name, (event) => {
      const button = sosButton(event);
      if (button && !button.contains(event.relatedTarget)) stop(button);
    });
  document.addEventListener("keydown", (event) => {
    const button = sosButton(event);
    if (button && (event.key === " " || event.key === "Enter")) {
      event.preventDefault();
      if (!event.repeat) start(button);
    }
  });
  document.addEventListener("keyup", (event) => {
    const button = sosButton(event);
    if (button) stop(button);
  });
  document.addEventListener("contextmenu", (event) => sosButton(event) && event.preventDefault());
  document.addEventListener("click", (event) => {
    const button = sosButton(event);
    if (!button) return;
    event.preventDefault();
    // A click of an assistive device has no pointer to hold down: it is asked once.
    if (event.detail === 0 && !held && confirm(document.getElementById("sos-state").dataset.sure)) press(button.form);
  });
  setInterval(async () => {
    if ((await outbox.waiting()).some((item) => item.sos)) await outbox.flush();
  }, AGAIN);
}
