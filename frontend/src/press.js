// What is replaced between a finger's coming down and its going up loses the press: whoever replaces waits for it.
export const PRESS = 1_000; // ms: what is held on for longer, or let go of where nobody tells, is not waited for
const LOOK = 20; // ms

let pressed = null;
document.addEventListener("pointerdown", ({ target }) => (pressed = target), { capture: true, passive: true });
// The click comes right behind the end of the press.
for (const end of ["pointerup", "pointercancel"])
  document.addEventListener(end, () => setTimeout(() => (pressed = null)), { capture: true, passive: true });

/** Until nothing in the element is pressed any more. */
export async function letGo(element) {
  for (const begun = performance.now(); pressed && element.contains(pressed) && performance.now() - begun < PRESS; )
    await new Promise((soon) => setTimeout(soon, LOOK));
}
