// A job as the page knows it. Pure functions: a job and what happened in, the new job out.

export const isFinished = (job) => ["succeeded", "failed", "cancelled"].includes(job.state);
export const isWaiting = (job) => ["pending", "queued"].includes(job.state);

const NO_WAIT = { position: 0, waiting_for: null, waiting_sentence: "", waiting_until: null, eta: null };

/** Return the newer of what we have and what the server sent. Two answers may overtake each other. */
export function newer(known, sent) {
  return known && known.seq > sent.seq ? known : sent;
}

/** Return the job after one event. Only what the event says changes; reasons and ETAs come with the next answer. */
export function applyEvent(job, event) {
  if (event.seq <= job.seq) return job;
  const after = {
    ...job,
    seq: event.seq,
    state: event.state,
    attempt: event.attempt,
    progress: event.progress,
    stage: event.stage,
    updated_at: event.at,
  };
  const { code, message } = event.data ?? {};
  switch (event.type) {
    case "started":
      return { ...after, ...NO_WAIT, started_at: event.at };
    case "queued":
    case "released":
    case "rescued":
      return { ...after, ...NO_WAIT, queued_at: event.at };
    case "requeued":
      return { ...after, ...NO_WAIT, queued_at: event.at, finished_at: null, error: null, cancel_requested: false };
    case "retry_scheduled":
    case "snoozed":
      return {
        ...after,
        ...NO_WAIT,
        error: code ? { code, message } : job.error,
        waiting_for: event.type === "snoozed" ? "rate_limit" : "retry",
        waiting_sentence: message ?? "",
        waiting_until: new Date(Date.parse(event.at) + (event.data?.delay_seconds ?? 0) * 1000).toISOString(),
      };
    case "cancel_requested":
      return { ...after, cancel_requested: true };
    case "succeeded":
      return { ...after, ...NO_WAIT, finished_at: event.at, error: null };
    case "failed":
      return { ...after, ...NO_WAIT, finished_at: event.at, error: code ? { code, message } : job.error };
    case "cancelled":
      return { ...after, ...NO_WAIT, finished_at: event.at, cancel_requested: false };
    default:
      return after;
  }
}

/** Return the job with its new place in the queue, unless it has left the queue meanwhile. */
export function applyPosition(job, place) {
  if (!isWaiting(job)) return job;
  const { position, waiting_for, waiting_sentence, waiting_until, eta } = place;
  return { ...job, position, waiting_for, waiting_sentence, waiting_until, eta };
}

/** What to call it: as the page does, else its file, else its kind's title. */
export function nameOf(job) {
  if (job.name) return job.name;
  const inputs = (job.files ?? []).filter((file) => file.role === "input").map((file) => file.name);
  return inputs.join(", ") || job.title || job.kind;
}
