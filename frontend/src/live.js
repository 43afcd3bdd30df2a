// Live updates: one event stream per page, and the elements that follow it.
//
// <p data-live="/live?topics=incident" data-since="41"> opens the stream, from after that ledger entry on. Each message is {"kind", "record", "about", "index"}; they
// are gathered for a moment and announced as one `live` event on <body>. An element with data-refresh-on="incident"
// is then fetched again from data-refresh-url (or this page) and its content replaced. The stream stays open in
// background tabs: a wall display or a tab behind another must not fall silent.
import htmx from "htmx.org/dist/htmx.esm.js";
import { letGo } from "./press.js";

const GATHER = 250; // ms
const GATHER_AT_MOST = 1000; // ms
const RETRY_FIRST = 1000; // ms
const RETRY_AT_MOST = 30000; // ms
const SILENCE = 45000; // ms without the server's beat, once it has sent one

export function startLive() {
  const place = document.querySelector("[data-live]");
  if (place) new Stream(place).open();
  document.body.addEventListener("live", ({ detail }) => refresh(detail));
  // What no message tells of, as that a link went down, is looked at from time to time.
  for (const element of document.querySelectorAll("[data-refresh-every]"))
    setInterval(() => again(element), 1000 * Number(element.dataset.refreshEvery));
}

const lookAtEverything = () =>
  document.body.dispatchEvent(new CustomEvent("live", { detail: { messages: [], kinds: null, records: null } }));

/** Fetch again every element that follows one of the kinds; null means that anything may have changed. */
function refresh({ kinds, records }) {
  for (const element of document.querySelectorAll("[data-refresh-on]")) {
    const followed = element.dataset.refreshOn.split(/\s+/);
    const concerned = !kinds || followed.includes("*") || followed.some((kind) => kinds.has(kind));
    const record = element.dataset.refreshRecord;
    if (!concerned || (record && records && !records.has(record))) continue;
    again(element);
  }
}

function again(element) {
  if (element.matches("[data-map]")) element.dispatchEvent(new CustomEvent("refresh"));
  else replace(element);
}

/** A stream is refused when the session has ended; then what the page shows must go, too. */
async function leaveIfSignedOut() {
  try {
    const answer = await fetch(location.href, { method: "HEAD", redirect: "manual", cache: "no-store" });
    if (answer.type === "opaqueredirect") location.reload();
  } catch {
    // the line is down: nothing is known about the session
  }
}

const running = new WeakMap();
const KEYSTROKE = 1_000; // ms
const named = (box) => `${box.name} ${box.value}`;

const fieldsOf = (element) =>
  [...element.querySelectorAll("input, textarea, select")].filter(
    ({ name, type }) => name && !["hidden", "checkbox", "radio", "file", "submit"].includes(type),
  );
const keyOf = (field) => `${field.form?.getAttribute("action") ?? ""} ${field.name}`;
const asGiven = (field) =>
  field.matches("select") ? ([...field.options].find((each) => each.defaultSelected) ?? field.options[0])?.value : field.defaultValue;

/** What somebody has written or chosen in an element and not sent yet. */
const writtenIn = (element) =>
  new Map(fieldsOf(element).filter((field) => field.value !== asGiven(field)).map((field) => [keyOf(field), field.value]));

async function replace(element) {
  if (isBeingTypedIn(element)) {
    element.dataset.stale = "";
    element.addEventListener(
      "focusout",
      // From a field to the button beside it is not leaving: by keyboard, the button is only pressed after that.
      ({ relatedTarget }) => setTimeout(() => replace(element), element.contains(relatedTarget) ? KEYSTROKE : 0),
      { once: true },
    );
    return;
  }
  running.get(element)?.abort();
  const control = new AbortController();
  running.set(element, control);
  const url = new URL(element.dataset.refreshUrl || location.href, location.href);
  const parsed = await refetch(url, control.signal, () => blank(element));
  await letGo(element);
  if (control.signal.aborted) return;
  if (isBeingTypedIn(element)) return replace(element); // since it was asked for
  element.toggleAttribute("data-old", !parsed);
  if (!parsed) return;
  const fresh = (element.id && parsed.getElementById(element.id)) || parsed.body;
  relabel(parsed);
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  const ticked = new Set([...element.querySelectorAll("input[type=checkbox]:checked")].map(named));
  const typed = writtenIn(element);
  element.replaceChildren(...document.adoptNode(fresh).childNodes);
  for (const box of element.querySelectorAll("input[type=checkbox]")) box.checked ||= ticked.has(named(box));
  for (const field of fieldsOf(element)) if (typed.has(keyOf(field))) field.value = typed.get(keyOf(field));
  if (fresh.dataset.now) element.dataset.now = fresh.dataset.now;
  delete element.dataset.stale;
  htmx.process(element);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  element.dispatchEvent(new CustomEvent("refreshed", { bubbles: true }));
}

/** A fragment of a page as a document; null when there is none, which the next event, or the stream when it comes
 * back, asks for again. */
export async function refetch(url, signal, gone) {
  let answer;
  let text;
  try {
    answer = await fetch(url, { headers: { "HX-Request": "true" }, signal, redirect: "manual" });
    text = await answer.text();
  } catch {
    return null;
  }
  if (answer.type === "opaqueredirect") return location.reload(); // the session has ended
  if (answer.status === 403 || answer.status === 404 || answer.status === 410) gone?.();
  return answer.ok ? new DOMParser().parseFromString(text, "text/html") : null;
}

/** What was fetched may bear a higher label than the page did: the banner follows what is shown. */
export function relabel(parsed) {
  const place = parsed.querySelector(".banner-place");
  const fresh = place?.querySelector(":scope > .banner");
  const shown = document.querySelector(".banner-place > .banner");
  if (fresh && shown) shown.replaceWith(document.adoptNode(fresh));
  place?.remove(); // a page has one
}

const isBeingTypedIn = (element) =>
  element.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");

/** What may no longer be seen must not stay on the screen. */
function blank(element) {
  const notice = document.createElement("p");
  notice.className = "notice";
  notice.textContent = document.querySelector("[data-live]")?.dataset.gone ?? "";
  element.replaceChildren(notice);
}

class Stream {
  constructor(place) {
    this.place = place;
    this.failures = 0;
    // What happened while the page was on its way is told as after a break.
    this.last = place.dataset.since ?? "";
    this.lost = false;
    this.waiting = [];
  }

  open() {
    const url = new URL(this.place.dataset.live, location.href);
    if (this.last) url.searchParams.set("last_event_id", this.last);
    this.source = new EventSource(url);
    this.source.onopen = () => {
      this.failures = 0;
      this.show("live");
      // Whatever happened while the line was down is not known to have been replayed.
      if (this.lost) lookAtEverything();
      this.lost = false;
    };
    this.source.onmessage = (event) => this.receive(event);
    this.source.addEventListener("beat", () => this.heard(true));
    this.source.addEventListener("reset", lookAtEverything);
    this.source.onerror = () => this.retry();
  }

  receive(event) {
    this.heard(false);
    if (event.lastEventId) this.last = event.lastEventId;
    let message;
    try {
      message = JSON.parse(event.data);
    } catch {
      return;
    }
    this.waiting.push(message);
    this.since ??= performance.now();
    clearTimeout(this.gathering);
    const left = Math.max(0, GATHER_AT_MOST - (performance.now() - this.since));
    this.gathering = setTimeout(() => this.announce(), Math.min(GATHER, left));
  }

  announce() {
    const messages = this.waiting;
    this.waiting = [];
    this.since = undefined;
    const detail = {
      messages,
      kinds: new Set(messages.map((m) => m.kind)),
      records: new Set(messages.flatMap((m) => [m.record, m.about].filter(Boolean))),
    };
    document.body.dispatchEvent(new CustomEvent("live", { detail }));
  }

  /** A half-open line looks alive to the browser; the server's beat shows that it is not. */
  heard(beat) {
    if (!beat && !this.watch) return;
    clearTimeout(this.watch);
    this.watch = setTimeout(() => this.retry(), SILENCE);
  }

  retry() {
    this.source.close();
    clearTimeout(this.watch);
    this.watch = undefined;
    this.lost = true;
    this.show("reconnecting");
    const ceiling = Math.min(RETRY_AT_MOST, RETRY_FIRST * 2 ** this.failures);
    this.failures += 1;
    if (this.failures > 1) leaveIfSignedOut();
    // Half fixed, half random: a hundred screens must not come back in the same instant.
    setTimeout(() => this.open(), ceiling / 2 + (Math.random() * ceiling) / 2);
  }

  show(state) {
    if (this.place.dataset.state === state) return;
    this.place.dataset.state = state;
    this.place.textContent = this.place.dataset[state === "live" ? "wordLive" : "wordReconnecting"] ?? state;
  }
}
