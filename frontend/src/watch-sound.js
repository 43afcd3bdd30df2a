// The floor's sounds: an SOS is two tones, a muster that needs help is three short ones. They come again until somebody
// answers, and only on a screen where sound was switched on: a browser plays none before that.
const AGAIN = 6_000;
const TUNES = {
  sos: [[880, 0.25], [587, 0.25], [880, 0.25], [587, 0.25]],
  muster: [[660, 0.12], [0, 0.08], [660, 0.12], [0, 0.08], [660, 0.12]],
};
let sound = null;

function play(tune) {
  let at = sound.currentTime + 0.05;
  for (const [pitch, seconds] of tune) {
    if (pitch) {
      const tone = new OscillatorNode(sound, { frequency: pitch, type: "triangle" });
      const loudness = new GainNode(sound, { gain: 0.35 });
      tone.connect(loudness).connect(sound.destination);
      tone.start(at);
      tone.stop(at + seconds);
    }
    at += seconds;
  }
}

function ring() {
  const open = document.querySelector("[data-sounds]");
  if (!open || !sound) return;
  const wanted = open.dataset.sounds.split(" ").filter((name) => TUNES[name]);
  document.documentElement.dataset.rang = wanted.join(" ");
  if (wanted.length) play(wanted.includes("sos") ? TUNES.sos : TUNES[wanted[0]]);
}

/** How long each clock has run, to the second, from the page's own idea of now. */
function clocks() {
  for (const each of document.querySelectorAll("[data-runs-since]")) {
    const gone = Math.max(0, Math.floor((Date.now() - Date.parse(each.dataset.runsSince)) / 1000));
    const [hours, minutes, seconds] = [Math.floor(gone / 3600), Math.floor(gone / 60) % 60, gone % 60];
    each.textContent = [hours, minutes, seconds].map((part) => String(part).padStart(2, "0")).join(":");
  }
}

export function startWatch() {
  clocks();
  setInterval(clocks, 1_000);
  const button = document.querySelector("[data-sound]");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    sound ??= new AudioContext();
    await sound.resume();
    play(TUNES.muster.slice(0, 1));
    button.setAttribute("aria-pressed", "true");
    button.textContent = button.dataset.on;
    ring();
  });
  setInterval(ring, AGAIN);
  document.addEventListener("refreshed", ring);
}
