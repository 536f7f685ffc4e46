// What happened to a job, read from its events. Pure: events in, steps and attempts out.
//
//   step     {seq, type, at, attempt, after, lane, data, progress: {count, percent, stages}}
//            one event that is not progress; after: milliseconds since the step before, null for the first
//   attempt  {seq, number, run, startedAt, endedAt, ending, error, stages: [{name, at}], lines: [event]}
//            seq: of the event that started it; ending: the type of the event that ended it, "" while it runs
//
// Progress is folded into the step and the attempt in which it was made.

const ENDINGS = new Set(["succeeded", "failed", "retry_scheduled", "snoozed", "released", "rescued", "cancelled", "requeued"]);
// Where the straight way from "created" to the end is left.
const DETOURS = new Set(["retry_scheduled", "snoozed", "released", "rescued", "requeued"]);
const NOTES = new Set(["cancel_requested", "superseded", "resource_held_long", "metadata"]);

export class Story {
  steps = []; // oldest first
  attempts = []; // oldest first
  last = 0; // the number of the newest event
  #run = 1;

  /** Take one event; false for one that was taken before. */
  add(event) {
    if (event.seq <= this.last) return false;
    this.last = event.seq;
    if (event.type === "progress") this.#progress(event);
    else this.#step(event);
    return true;
  }

  get running() {
    const latest = this.attempts.at(-1);
    return latest && !latest.ending ? latest : null;
  }

  #progress(event) {
    const step = this.steps.at(-1);
    const folded = NOTES.has(step?.type) ? (this.steps.findLast(({ type }) => !NOTES.has(type)) ?? step) : step;
    if (folded) {
      folded.progress.count += 1;
      folded.progress.percent = event.progress;
    }
    const attempt = this.running;
    if (!attempt) return; // a batch that waits tells how far its parts are
    attempt.lines.push(event);
    if (event.stage && event.stage !== attempt.stages.at(-1)?.name) attempt.stages.push({ name: event.stage, at: event.at });
  }

  #step(event) {
    const { seq, type, at, attempt, data } = event;
    const before = this.steps.at(-1);
    const after = before ? Math.max(0, Date.parse(at) - Date.parse(before.at)) : null;
    const lane = this.#lane(type, before);
    this.steps.push({ seq, type, at, attempt, after, lane, data: data ?? {}, progress: { count: 0, percent: 0 } });
    if (type === "started") {
      this.attempts.push({
        seq, number: attempt, run: this.#run, startedAt: at, endedAt: null, ending: "", error: null, stages: [], lines: [event],
      });
    } else this.#tellAttempt(event);
    if (type === "requeued") this.#run += 1;
  }

  #tellAttempt(event) {
    const attempt = this.running;
    if (!attempt) return;
    attempt.lines.push(event);
    if (!ENDINGS.has(event.type)) return;
    const { code, message } = event.data ?? {};
    Object.assign(attempt, { endedAt: event.at, ending: event.type, error: code ? { code, message } : null });
  }

  // A detour lasts until the job is worked on again, or ends.
  #lane(type, before) {
    if (DETOURS.has(type)) return "detour";
    const goesOn = NOTES.has(type) || type === "queued";
    return goesOn && before ? before.lane : "main";
  }
}

export const isNote = (step) => NOTES.has(step.type);
