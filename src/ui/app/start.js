// Starts the browser's half. Above it stand `client`, the module of the script, and `wasm` and `parts`, the addresses of the
// WebAssembly that starts at once and of what is fetched when it is seen.
//
// An island inside of `data-lazy` is such a part: it is fetched when it is near the view, or when one of its buttons is
// pressed, and that press is then done. Where it cannot be fetched, `data-lazy-failed` says so, and the next press tries again.
await client.default({ module_or_path: wasm });
client.hydrate();

const NEAR_PIXELS = 200;
const wake = (island) => client[island.dataset.component](island);
const isNear = (place) => {
  const { top, bottom } = place.getBoundingClientRect();
  return bottom > -NEAR_PIXELS && top < innerHeight + NEAR_PIXELS;
};
// The client itself cannot go on when a part fails to come: so it is asked for only once it is here.
const fetchPart = async (address) => {
  if (!address) return;
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address} answered ${answer.status}`);
  await answer.arrayBuffer();
};

const sleep = (island, place) => {
  let waking;
  const rouse = () => (waking ??= tryToWake());
  const tryToWake = async () => {
    seen.disconnect();
    const failed = place.querySelector('[data-lazy-failed]');
    try {
      await fetchPart(parts[place.dataset.lazy]);
    } catch {
      failed.hidden = false;
      waking = undefined;
      return false;
    }
    failed.hidden = true;
    await wake(island);
    place.removeEventListener('click', pressed, true);
    return true;
  };
  const pressed = async (event) => {
    const button = event.target.closest('button');
    if (!button) return;
    event.preventDefault();
    event.stopPropagation();
    if (await rouse()) button.click();
  };
  const seen = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && rouse(), {
    rootMargin: `${NEAR_PIXELS}px`,
  });
  seen.observe(place);
  place.addEventListener('click', pressed, true);
  return isNear(place) && rouse();
};

await Promise.all(
  Array.from(document.querySelectorAll('leptos-island'), (island) => {
    const place = island.closest('[data-lazy]');
    return place ? sleep(island, place) : wake(island);
  }),
);
setTimeout(() => { document.documentElement.dataset.hydrated = true; });
