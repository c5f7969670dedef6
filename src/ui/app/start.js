// Starts the browser's half. `client` and `wasm` stand above it: the script's module and the address of its WebAssembly.
// An island that stands in `data-lazy` is a file of its own: it is fetched when it is near the view, or when one of its
// buttons is pressed, and that press is then done.
await client.default({ module_or_path: wasm });
client.hydrate();

const NEAR_PIXELS = 200;
const awake = new Map();
const wake = (island) => {
  if (!awake.has(island)) awake.set(island, (async () => client[island.dataset.component](island))());
  return awake.get(island);
};
const isNear = (place) => {
  const { top, bottom } = place.getBoundingClientRect();
  return bottom > -NEAR_PIXELS && top < innerHeight + NEAR_PIXELS;
};
const sleep = (island, place) => {
  const seen = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && rouse(), {
    rootMargin: `${NEAR_PIXELS}px`,
  });
  const pressed = async (event) => {
    const button = event.target.closest('button');
    if (!button) return;
    event.preventDefault();
    event.stopPropagation();
    await rouse();
    button.click();
  };
  const rouse = async () => {
    seen.disconnect();
    await wake(island);
    place.removeEventListener('click', pressed, true);
  };
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
