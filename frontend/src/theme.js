// Day and night. The server writes <html data-theme> from a cookie, so that no page flashes in the wrong theme.

const ORDER = ["auto", "light", "dark"];
const YEAR = 365 * 24 * 3600;

export function startTheme() {
  const root = document.documentElement;
  const button = document.querySelector("[data-theme-toggle]");
  if (!button) return;
  button.hidden = false;
  const show = () => {
    const name = button.dataset[root.dataset.theme] ?? root.dataset.theme;
    button.setAttribute("aria-label", `${button.dataset.name}: ${name}`);
    button.title = button.getAttribute("aria-label");
    document.dispatchEvent(new CustomEvent("theme"));
  };
  button.addEventListener("click", () => {
    root.dataset.theme = ORDER[(ORDER.indexOf(root.dataset.theme) + 1) % ORDER.length];
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${button.dataset.cookie}=${root.dataset.theme}; Path=/; Max-Age=${YEAR}; SameSite=Lax${secure}`;
    show();
  });
  show();
}
