// A short list that is read again when one of the user's jobs has taken a step: cheaper than to follow each of them.

const READ_AGAIN_MS = 1500;

/** Keep a list fresh over `live`. read: async, reads and shows it; it throws an ApiError when it could not. */
export function keepFresh(live, read) {
  let timer = 0;
  live.follow("jobs", read);
  live.addEventListener("told", ({ detail }) => {
    if (detail.topic !== "jobs") return;
    timer ||= setTimeout(() => {
      timer = 0;
      read().catch(() => {}); // it has said so itself; the next step tries again
    }, READ_AGAIN_MS);
  });
}
