// How long to wait before the next attempt: doubling, capped, and spread so that a restarted server is not met by
// all of its pages in the same moment.

const FIRST_MS = 400;
const LONGEST_MS = 15000;

/** attempt: 0 for the first wait. */
export function backoff(attempt) {
  const wait = Math.min(FIRST_MS * 2 ** attempt, LONGEST_MS);
  return wait * (0.5 + Math.random() * 0.5);
}
