// What is replaced between a finger's coming down and its going up loses the press: whoever replaces waits for it.
const PRESS = 1_000; // ms: what is held on to for longer, or let go of where nobody tells, is not waited for
const LOOK = 20; // ms

let pressed = null;
let since = 0;

const begin = ({ target }) => {
  pressed = target;
  since = performance.now();
};
// The click comes right behind the end of the press.
const end = () => setTimeout(() => (pressed = null));

document.addEventListener("pointerdown", begin, { capture: true, passive: true });
for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, end, { capture: true, passive: true });

const isPressed = (element) => pressed !== null && element.contains(pressed) && performance.now() - since < PRESS;

/** Until nothing in the element is pressed any more. */
export async function letGo(element) {
  while (isPressed(element)) await new Promise((soon) => setTimeout(soon, LOOK));
}
