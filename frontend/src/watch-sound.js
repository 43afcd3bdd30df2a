// The floor's sounds, one for each kind of thing. What asks for somebody at once sounds until somebody answers: every few
// seconds at first, then now and then, for nobody hears a sound that never stops. All else sounds once, when it comes.
//
// <li data-ring="sos" data-key="..."> is a thing that sounds; a new key is a new thing. A browser plays nothing before
// somebody has switched sound on. Nothing is silenced that has not come yet.
const AGAIN = 6_000; // ms
const LATER = 30_000; // ms
const AT_FIRST = 120_000; // ms
const QUIET = 120_000; // ms
const ORDER = ["sos", "muster", "journey", "link", "message"];
// [pitch in Hz, seconds]; a pitch of 0 is a rest.
const TUNES = {
  sos: [[880, 0.25], [587, 0.25], [880, 0.25], [587, 0.25], [880, 0.25], [587, 0.25]],
  muster: [[660, 0.12], [0, 0.08], [660, 0.12], [0, 0.08], [660, 0.12]],
  journey: [[392, 0.2], [0, 0.05], [523, 0.2], [0, 0.05], [659, 0.35]],
  link: [[523, 0.3], [0, 0.05], [392, 0.3], [0, 0.05], [262, 0.5]],
  message: [[784, 0.18]],
};
const SOFT = new Set(["message"]);
const title = document.title;
let sound = null;
let quietUntil = 0;
const rung = new Map(); // key -> { first, last }

function play(name, delay = 0) {
  let at = sound.currentTime + 0.05 + delay;
  for (const [pitch, seconds] of TUNES[name]) {
    if (pitch) {
      const tone = new OscillatorNode(sound, { frequency: pitch, type: SOFT.has(name) ? "sine" : "triangle" });
      const loudness = new GainNode(sound, { gain: SOFT.has(name) ? 0.2 : 0.35 });
      tone.connect(loudness).connect(sound.destination);
      tone.start(at);
      tone.stop(at + seconds);
    }
    at += seconds;
  }
  return at - sound.currentTime;
}

/** Sounds what is new, and what has waited long enough to be said again; the worst first, one after the other. */
function ring() {
  const now = performance.now();
  const open = [...document.querySelectorAll("#floor [data-ring]")];
  const keys = new Set(open.map(({ dataset }) => dataset.key));
  for (const key of rung.keys()) if (!keys.has(key)) rung.delete(key);
  const wanted = new Set();
  const fresh = [];
  for (const line of open) {
    const { ring: name, key, urgency } = line.dataset;
    const before = rung.get(key);
    if (!before) fresh.push(line);
    else if (urgency !== "alarm" || now < quietUntil) continue;
    else if (now - before.last < (now - before.first < AT_FIRST ? AGAIN : LATER) - 500) continue;
    rung.set(key, { first: before?.first ?? now, last: now });
    if (TUNES[name]) wanted.add(name);
  }
  if (fresh.length) announce(fresh);
  tell(open);
  if (!sound || !wanted.size) return;
  const names = ORDER.filter((name) => wanted.has(name));
  document.documentElement.dataset.rang = names.join(" ");
  let delay = 0;
  for (const name of names.slice(0, 3)) delay = play(name, delay) + 0.3;
}

/** Whoever listens to the page instead of looking at it is told what came, by its own words. */
function announce(lines) {
  const place = document.getElementById("floor-said");
  const loud = lines.filter(({ dataset }) => dataset.urgency === "alarm");
  const words = loud.map((line) => line.querySelector(".floor-kind").textContent + ": " + line.querySelector(".floor-what").textContent);
  if (place && words.length) place.textContent = words.join(". ").replace(/\s+/g, " ");
}

/** A floor behind another tab says so in its name. */
function tell(open) {
  const alarms = document.querySelectorAll('#floor [data-urgency="alarm"]').length;
  document.title = alarms ? `▲ ${alarms} · ${title}` : title;
  const button = document.querySelector("[data-quiet]");
  if (!button) return;
  const now = performance.now();
  button.hidden = !sound || !open.some(({ dataset }) => dataset.urgency === "alarm");
  const at = new Date(Date.now() + quietUntil - now).toISOString().slice(11, 16);
  const words = now < quietUntil ? button.dataset.wordQuiet.replace("%(time)s", `\u2066${at} UTC\u2069`) : button.dataset.word;
  if (button.textContent !== words) button.textContent = words;
}

async function switchOn(button) {
  sound ??= new AudioContext();
  await sound.resume();
  button.setAttribute("aria-pressed", "true");
  button.textContent = button.dataset.on;
  rung.clear();
  ring();
}

async function switchOff(button) {
  await sound.suspend();
  sound = null;
  button.setAttribute("aria-pressed", "false");
  button.textContent = button.dataset.off;
  ring();
}

/** The page's own line to its node: a floor that hears nothing must not seem calm. */
function listenToTheLine() {
  const place = document.querySelector("[data-live]");
  if (!place) return;
  new MutationObserver(() => {
    if (place.dataset.state !== "reconnecting" || !sound) return;
    document.documentElement.dataset.rang = "link";
    play("link");
  }).observe(place, { attributes: true, attributeFilter: ["data-state"] });
}

export function startWatch() {
  const button = document.querySelector("[data-sound]");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => (sound ? switchOff(button) : switchOn(button)));
  document.querySelector("[data-quiet]")?.addEventListener("click", () => {
    quietUntil = performance.now() + QUIET;
    ring();
  });
  for (const hear of document.querySelectorAll("[data-hear]"))
    hear.addEventListener("click", async () => {
      if (!sound) await switchOn(button);
      play(hear.dataset.hear);
    });
  listenToTheLine();
  ring();
  setInterval(ring, 1_000);
  document.addEventListener("refreshed", ring);
}
