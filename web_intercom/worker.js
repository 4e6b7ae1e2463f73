// SPDX-License-Identifier: Apache-2.0
// Keeps the page, and nothing else, for when its server is away: the newest that there is, else the last.
const kept_as = 'intercom VERSION';
const page = ['./', 'manifest.webmanifest', 'icon-192.png', 'icon-512.png', 'icon-maskable.png'];
const addresses = page.map((name) => new URL(name, self.location).href);
const patience_ms = 4_000;

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(kept_as).then((kept) => kept.addAll(page)).then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => {
  const clean = async () => {
    for (const name of await caches.keys()) if (name.startsWith('intercom ') && name !== kept_as) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(clean());
});

async function answer(request, address) {
  const kept = await caches.open(kept_as);
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(patience_ms) });
    if (response.ok) await kept.put(address, response.clone());
    return response;
  } catch (error) {
    const last = await kept.match(address);
    if (last) return last;
    throw error;
  }
}

self.addEventListener('fetch', (event) => {
  const address = event.request.url.split(/[?#]/)[0];
  if (event.request.method === 'GET' && addresses.includes(address)) event.respondWith(answer(event.request, address));
});
