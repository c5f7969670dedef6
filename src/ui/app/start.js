// Starts the browser's half. The page defines `client` (the script's module), `wasm` (the address of the WebAssembly
// of every page) and `parts` (the addresses of the WebAssembly of islands whose code is not in it).
//
// An island inside `data-lazy` is fetched when it comes near the view or when one of its buttons is pressed; inside `data-first`
// at once, and before all others, which may build on it. The press is then repeated. If the fetch fails, the element with the
// part's name in `data-lazy-failed` is shown, and the next press tries again. Inside `data-native` the press then does what it
// does without script.
await client.default({ module_or_path: wasm });
client.hydrate();

const NEAR_PIXELS = 200;
const wake = (island) => client[island.dataset.component](island);
const isNear = (place) => {
  const { top, bottom } = place.getBoundingClientRect();
  return bottom > -NEAR_PIXELS && top < innerHeight + NEAR_PIXELS;
};
// The client cannot recover when it fails to load a part. So the part is fetched here first.
const fetchPart = (name) =>
  Promise.all(
    (parts[name] ?? []).map(async (address) => {
      const answer = await fetch(address);
      if (!answer.ok) throw new Error(`${address} answered ${answer.status}`);
      await answer.arrayBuffer();
    }),
  );

const rouseFirst = [];
const sleep = (island, place) => {
  const { lazy, first, native } = place.dataset;
  let waking;
  const rouse = () => (waking ??= tryToWake());
  const tryToWake = async () => {
    seen.disconnect();
    const failed = document.querySelector(`[data-lazy-failed="${lazy}"]`);
    try {
      await fetchPart(lazy);
      if (first === undefined) await Promise.all(rouseFirst.map((rouse) => rouse()));
    } catch (error) {
      failed.hidden = false;
      waking = undefined;
      throw error;
    }
    failed.hidden = true;
    await wake(island);
    place.removeEventListener('click', pressed, true);
  };
  const pressed = async (event) => {
    const button = event.target.closest('button');
    if (!button) return;
    event.preventDefault();
    event.stopPropagation();
    try {
      await rouse();
    } catch {
      if (native !== undefined && button.type === 'submit') button.form?.requestSubmit(button);
      return;
    }
    button.click();
  };
  const seen = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && rouse().catch(() => {}), {
    rootMargin: `${NEAR_PIXELS}px`,
  });
  place.addEventListener('click', pressed, true);
  if (first !== undefined) rouseFirst.push(rouse);
  else seen.observe(place);
  return (first !== undefined || isNear(place)) && rouse().catch(() => {});
};

await Promise.all(
  Array.from(document.querySelectorAll('leptos-island'), (island) => {
    const place = island.closest('[data-lazy]');
    return place ? sleep(island, place) : wake(island);
  }),
);
setTimeout(() => { document.documentElement.dataset.hydrated = true; });
