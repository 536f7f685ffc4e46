// Many requests, a few at a time.

/**
 * Call `work` for each item, at most `atOnce` at a time, and return [{item, value} or {item, error}] in their order.
 * onStep: called with (how many are done) after each.
 */
export async function forEachOf(items, work, { atOnce, onStep }) {
  const outcomes = new Array(items.length);
  let next = 0;
  let done = 0;
  const goOn = async () => {
    while (next < items.length) {
      const index = next++;
      const item = items[index];
      try {
        outcomes[index] = { item, value: await work(item) };
      } catch (error) {
        outcomes[index] = { item, error };
      }
      onStep(++done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, goOn));
  return outcomes;
}
