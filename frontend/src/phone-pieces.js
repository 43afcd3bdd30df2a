// The pieces that other rooms show on the phone's page: asked for again while the page is open, often while an SOS waits for
// an answer. What has not changed is left as it is, and so is a word that is being typed. When the node does not answer
// the page says since when what it shows is as old as that.
import { letGo } from "./press.js";

const SOON = 4_000; // ms
const SELDOM = 15_000; // ms
const PATIENCE = 10_000; // ms
const SILENT = 12_000; // ms without an answer before it is said

export function followPieces() {
  const place = document.getElementById("phone-pieces");
  const cut = document.getElementById("phone-cut");
  if (!place) return;
  let heard = 1000 * Number(place.dataset.at); // by the node's clock: a page that was kept may be old
  let last = performance.now();
  let timer = 0;

  const say = () => {
    const silent = performance.now() - last > SILENT || !navigator.onLine;
    cut.hidden = !silent;
    const at = new Date(heard).toTimeString().slice(0, 8);
    const words = cut.dataset.words.replace("%(time)s", `\u2066${at}\u2069`);
    if (silent && cut.textContent !== words) cut.textContent = words;
  };

  async function look() {
    try {
      const asked = { redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(PATIENCE) };
      const answer = await fetch(place.dataset.pieces, asked);
      if (answer.type === "opaqueredirect") return location.reload(); // the session has ended
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        await letGo(place);
        take(fresh);
        heard = Date.now();
        last = performance.now();
      }
    } catch {
      // no network: the page says so
    }
    say();
    again();
  }

  /** Each section by its id; one that is new comes where it belongs, one that is over goes. */
  function take(fresh) {
    const sections = [...fresh.body.children];
    const ids = new Set(sections.map(({ id }) => id));
    for (const section of [...place.children]) if (!ids.has(section.id)) section.remove();
    let before = null;
    for (const section of sections) {
      const shown = document.getElementById(section.id);
      if (!shown) before ? before.after(document.adoptNode(section)) : place.prepend(document.adoptNode(section));
      else if (!saying(shown).isEqualNode(saying(section))) renew(shown, section);
      before = document.getElementById(section.id);
      const told = section.querySelector("[data-known-at]")?.textContent;
      const since = before.querySelector("[data-known-at]");
      if (told && since) since.textContent = told;
    }
  }

  function renew(shown, section) {
    if (shown.querySelector("[data-holding]")) return; // a button goes from under no finger
    const typing = [...shown.querySelectorAll("input:not([type=hidden])")].some((field) => field.value || field === document.activeElement);
    const known = section.querySelector("#phone-sos-known");
    const same = section.dataset.waits && section.dataset.waits === shown.dataset.waits;
    if (typing && same && known) shown.querySelector("#phone-sos-known").replaceWith(document.adoptNode(known));
    else shown.replaceWith(document.adoptNode(section));
  }

  function again() {
    clearTimeout(timer);
    timer = setTimeout(look, place.querySelector("[data-waits]") ? SOON : SELDOM);
  }
  setInterval(say, 2_000);
  say();
  addEventListener("online", look);
  again();
}

/** What a section says, without the keys that are drawn anew each time and the moment it was asked. */
function saying(section) {
  const copy = section.cloneNode(true);
  copy.querySelectorAll("input[type=hidden]:not([name=category]), [data-known-at], #sos-state").forEach((each) => each.remove());
  copy.normalize();
  return copy;
}
