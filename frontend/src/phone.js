// A traveller's words: each is first kept on the phone with its true time and key, then sent; what could not be
// sent goes again when the network, or the page, comes back. The server counts a key once. A word is sent by nobody but
// whoever said it; an SOS goes with that person's pass whoever is signed in by now, or nobody.
import { followPieces } from "./phone-pieces.js";
import { holdToSend, tellReceived, tellSos } from "./phone-sos.js";

const NAME = "safeconduct-phone";
const EVERY = 20_000;
const PATIENCE = 15_000;
const POSITION_EVERY = 60_000;

const state = document.getElementById("phone-state");
const box = document.getElementById("phone-position");

const asked = (request) =>
  new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

const opened = (() => {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => request.result.createObjectStore("outbox", { keyPath: "key" });
  return asked(request);
})();

const store = async (mode) => (await opened).transaction("outbox", mode).objectStore("outbox");
const waiting = async () => asked((await store("readonly")).getAll());
const keep = async (item) => asked((await store("readwrite")).put(item));
const drop = async (key) => asked((await store("readwrite")).delete(key));

async function tell(extra = "") {
  const items = await waiting();
  const count = items.length;
  tellSos(items);
  state.dataset.pending = count;
  const words = [count ? state.dataset.waiting.replace("%d", count) : state.dataset.sent, extra];
  if (!navigator.onLine) words.unshift(state.dataset.offline);
  state.textContent = words.filter(Boolean).join(" ");
}

/** A token of the session that is signed in now; the page itself may be older than that. */
async function token() {
  const answer = await fetch(location.pathname, { headers: { "X-Fresh": "1" }, signal: AbortSignal.timeout(PATIENCE) });
  if (answer.redirected) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.querySelector("input[name=csrfmiddlewaretoken]")?.value ?? null;
}

const post = (to, word, csrf) =>
  fetch(to, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(csrf && { "X-CSRFToken": csrf }) },
    body: JSON.stringify(word),
    redirect: "manual",
    signal: AbortSignal.timeout(PATIENCE),
  });

/** A pass that is worth nothing any more is not tried again: better under another's name than not at all. */
async function send(item, csrf) {
  if (item.pass) {
    const answer = await post(item.passed, { ...item.word, pass: item.pass });
    if (answer.status !== 401) return answer;
    delete item.pass;
    await keep(item);
  }
  return post(item.to, item.word, csrf);
}

async function flush({ stay = false } = {}) {
  let extra = "";
  let sent = 0;
  await navigator.locks.request(NAME, async () => {
    const order = (item) => `${item.sos ? 0 : 1}${item.word.at}`;
    const items = (await waiting()).sort((a, b) => (order(a) < order(b) ? -1 : 1));
    let csrf = document.querySelector("input[name=csrfmiddlewaretoken]")?.value;
    for (const item of items) {
      try {
        let answer = await send(item, csrf);
        const json = () => answer.headers.get("Content-Type")?.startsWith("application/json");
        if (answer.type === "opaqueredirect" || (answer.status === 403 && !json())) {
          csrf = await token();
          if (!csrf) {
            extra = state.dataset.signIn;
            break;
          }
          answer = await send(item, csrf);
        }
        if (answer.status === 409) {
          extra = state.dataset.others;
          continue;
        }
        if (answer.ok || (answer.status >= 400 && answer.status < 500 && json() && answer.status !== 429)) {
          if (answer.ok) sent += 1;
          else extra = `${state.dataset.refused} ${(await answer.json()).error}`;
          await drop(item.key);
        } else break;
      } catch {
        break;
      }
    }
  });
  await tell(extra);
  if (sent && !stay) await renew();
}

/** Once all is sent the page is fetched again; one that nobody is signed in to stays, and says what was received. */
async function renew() {
  if ((await waiting()).length) return;
  if (await token().catch(() => null)) location.reload();
  else tellReceived();
}

const here = (always = false) =>
  new Promise((done) => {
    if (!(always || box?.checked) || !navigator.geolocation) return done({});
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => done({ latitude: coords.latitude, longitude: coords.longitude, accuracy_m: coords.accuracy }),
      () => done({}),
      { timeout: 5_000, maximumAge: 60_000 },
    );
  });

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-word]");
  if (form) {
    event.preventDefault();
    const at = new Date().toISOString();
    const given = Object.fromEntries(new FormData(form));
    const key = crypto.randomUUID();
    const word = { key, category: given.category, at, point: given.point ?? "", owner: state.dataset.owner };
    if (given.delay_minutes) word.delay_minutes = Number(given.delay_minutes);
    const item = { key, to: form.getAttribute("action"), word };
    await keep(item);
    await tell();
    const place = await here();
    if (place.latitude !== undefined) await keep({ ...item, word: { ...word, ...place } });
    await flush();
    return;
  }
  // A phone that changes hands keeps nothing of the journey.
  if (event.target.matches("form[action*='logout']") && !event.target.dataset.cleared) {
    event.preventDefault();
    if ((await waiting()).length && !confirm(state.dataset.leaving)) return;
    await asked((await store("readwrite")).clear());
    await Promise.all((await caches.keys()).map((name) => caches.delete(name)));
    event.target.dataset.cleared = "1";
    event.target.requestSubmit();
  }
});

async function report() {
  const journey = document.querySelector("[data-journey]")?.dataset.journey;
  if (!journey || !box?.checked || document.visibilityState !== "visible" || !navigator.onLine) return;
  const place = await here();
  if (place.latitude === undefined) return;
  const csrf = document.querySelector("input[name=csrfmiddlewaretoken]")?.value;
  const body = JSON.stringify({ movement: journey, positions: [{ at: new Date().toISOString(), ...place }] });
  await fetch("/positions", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrf },
    body,
    signal: AbortSignal.timeout(PATIENCE),
  }).catch(() => undefined); // a position is of its moment: the next one follows
}

addEventListener("online", () => flush());
addEventListener("offline", () => tell());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && flush());
setInterval(() => flush(), EVERY);
setInterval(report, POSITION_EVERY);
if ("serviceWorker" in navigator) {
  await navigator.serviceWorker.register(state.dataset.worker);
  await navigator.serviceWorker.ready;
}
followPieces();
holdToSend({ waiting, keep, flush, renew, pass: state.dataset.pass, here: () => here(true) });
await flush();
document.documentElement.dataset.phone = "ready";
