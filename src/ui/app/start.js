// Starts the browser's half. The page defines `client` (the script's module), `wasm` (the address of the WebAssembly
// that starts at once) and `parts` (the addresses of the WebAssembly of each part that is fetched later).
//
// An island inside `data-lazy` is fetched when it comes near the view or when one of its buttons is pressed. The press
// is then repeated. If the fetch fails, `data-lazy-failed` is shown, and the next press tries again. Inside `data-native` the
// press then does what it does without script.
await client.default({ module_or_path: wasm });
client.hydrate();

const NEAR_PIXELS = 200;
const wake = (island) => client[island.dataset.component](island);
const isNear = (place) => {
  const { top, bottom } = place.getBoundingClientRect();
  return bottom > -NEAR_PIXELS && top < innerHeight + NEAR_PIXELS;
};
// The client cannot recover when it fails to load a part. So the part is fetched here first.
const fetchFile = async (address) => {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address} answered ${answer.status}`);
  await answer.arrayBuffer();
};
const fetchPart = (name) => Promise.all((parts[name] ?? []).map(fetchFile));

const sleep = (island, place) => {
  let waking;
  const rouse = () => (waking ??= tryToWake());
  const tryToWake = async () => {
    seen.disconnect();
    const failed = place.querySelector('[data-lazy-failed]');
    try {
      await fetchPart(place.dataset.lazy);
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
    else if ('native' in place.dataset && button.type === 'submit') button.form?.requestSubmit(button);
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
