// Keeps the traveller's page for when there is no network: the last answer of the page, and the files it is made of.
const KEPT = "safeconduct-phone-1";
const PATIENCE = 6_000;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) =>
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (name !== KEPT) await caches.delete(name);
      await self.clients.claim();
      const cache = await caches.open(KEPT);
      await keepPage(cache, self.registration.scope);
    })(),
  ),
);

/** The page and every file it names: it must open as a whole or not at all. */
async function keepPage(cache, address) {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return;
  const text = await answer.clone().text();
  await cache.put(address, answer);
  const files = [...text.matchAll(/(?:src|href)="(\/static\/[^"]+)"/g)].map((found) => found[1]);
  await Promise.allSettled(files.map(async (file) => (await cache.match(file)) ?? cache.add(file)));
}

async function page(request) {
  const cache = await caches.open(KEPT);
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(PATIENCE) });
    // Signed out, or another person's: what was kept is nobody's business. A page that is gone to is not followed
    // to where it leads (Fetch standard, redirect mode "manual"), so the way to the sign-in has no address here.
    const away = answer.redirected || answer.type === "opaqueredirect";
    if (away || answer.status === 403) await cache.delete(self.registration.scope);
    else if (answer.ok) await cache.put(self.registration.scope, answer.clone());
    return answer;
  } catch {
    return (await cache.match(self.registration.scope)) ?? Response.error();
  }
}

async function file(request) {
  const cache = await caches.open(KEPT);
  const held = await cache.match(request);
  if (held) return held;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone());
  return answer;
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate" && request.url.startsWith(self.registration.scope)) event.respondWith(page(request));
  else if (url.pathname.startsWith("/static/")) event.respondWith(file(request));
});
