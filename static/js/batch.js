// A batch as the page knows it: one row a document. The functions are pure: a row and what happened in, the new row out.
//
// A row: {id, name, state, progress, stage, seq, category, confidence, chunks, code, message}
// state: pending | processing | completed | failed | cancelled

const STATES = {
  pending: "pending",
  queued: "pending",
  processing: "processing",
  succeeded: "completed",
  failed: "failed",
  cancelled: "cancelled",
};

export const isEnded = (row) => ["completed", "failed", "cancelled"].includes(row.state);
export const isUnsuccessful = (row) => row.state === "failed" || row.state === "cancelled";

/** Return the row of one of the `documents` of a status, in the words of the classifier or of the sessions. */
export function rowOf(document) {
  const { error } = document;
  const code = document.error_code ?? error?.code ?? "";
  return {
    id: document.doc_id ?? document.job_id,
    name: document.filename,
    // The seeds know no cancelled document: it is a failed one with that error.
    state: code === "cancelled" ? "cancelled" : document.status === "running" ? runningState(document) : document.status,
    progress: document.progress,
    stage: document.stage ?? "",
    seq: document.seq,
    category: document.category ?? null,
    confidence: document.confidence ?? null,
    chunks: document.chunks ?? null,
    code,
    message: (typeof error === "string" ? error : error?.message) ?? "",
  };
}

// The sessions' `running` says of a document only that it has not ended.
const runningState = ({ progress, stage }) => (progress > 0 || stage ? "processing" : "pending");

/** Return the row after one event; an event that it has had already changes nothing. */
export function applyEvent(row, event) {
  if (event.seq <= row.seq) return row;
  const data = event.data ?? {};
  const state = STATES[event.state] ?? row.state;
  const after = { ...row, seq: event.seq, state, progress: event.progress, stage: event.stage };
  if (data.category) after.category = data.category;
  if (state === "failed") return { ...after, category: null, code: data.code ?? row.code, message: data.message ?? row.message };
  if (state === "cancelled") return { ...after, category: null, code: "cancelled", message: "" };
  if (event.type === "requeued" || event.type === "started") return { ...after, category: null, confidence: null, chunks: null, code: "", message: "" };
  return after;
}

/** Return the newer of what we have and what the server sent; two answers may overtake each other. */
export function newer(known, sent) {
  if (!known || sent.seq > known.seq) return sent;
  // The same step: the answer may know more of it than the event said.
  return sent.seq === known.seq ? { ...sent, category: sent.category ?? known.category } : known;
}

/** Count: {total, pending, processing, completed, failed, cancelled, ended, progress 0–100, categories: {Public: 3}}. */
export function totalsOf(rows) {
  const totals = { total: 0, pending: 0, processing: 0, completed: 0, failed: 0, cancelled: 0, ended: 0, progress: 0, categories: {} };
  let done = 0;
  for (const row of rows) {
    totals.total += 1;
    totals[row.state] += 1;
    done += isEnded(row) ? 100 : row.progress;
    if (row.state === "completed" && row.category) totals.categories[row.category] = (totals.categories[row.category] ?? 0) + 1;
  }
  totals.ended = totals.completed + totals.failed + totals.cancelled;
  totals.progress = totals.total ? done / totals.total : 0;
  return totals;
}
