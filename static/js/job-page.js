// /app/jobs/<id>/: one job, and everything that happened to it.

import { get } from "./api.js";
import { AttemptsView } from "./attempts-view.js";
import { Board } from "./board.js";
import { copyButtons } from "./clipboard.js";
import { showConnection } from "./connection-chip.js";
import { FileList } from "./file-list.js";
import { isFinished } from "./job.js";
import { JsonBlock } from "./json-block.js";
import { Live } from "./live.js";
import { MembersView } from "./members-view.js";
import { partsOf } from "./parts.js";
import { showProfile } from "./results.js";
import { Story } from "./story.js";
import { StoryView } from "./story-view.js";
import { t } from "./texts.js";

const page = JSON.parse(document.getElementById("page").textContent);
const part = (name) => document.querySelector(`[data-${name}]`);
const path = `/api/v1/jobs/${page.job}/`;
const problem = part("list-error");

const story = new Story();
const storyView = new StoryView(part("story"));
const attempts = new AttemptsView({ section: part("attempts"), list: part("attempt-list"), more: part("older-attempts") });
const files = new FileList({ section: part("files"), list: part("file-list"), lost: page.lostFiles });
const members = new MembersView({ section: part("members"), parent: page.job, jobPage: page.jobPage });
const saved = (name) => `${page.job}.${name}.json`;
const blocks = {
  input: new JsonBlock(part("input"), async () => (await get(`${path}input/`)).input, saved("input")),
  result: new JsonBlock(part("result"), readResult, saved("result")),
  metadata: new JsonBlock(part("metadata"), async () => job()?.metadata, saved("metadata")),
};

let counts = null; // of a batch's parts: events tell them sooner than answers
let before = null; // the job as it was shown last
let frame = 0;

const live = new Live();
showConnection(live, part("connection"), document.body);
const board = new Board({
  live,
  list: part("jobs"),
  decorate: () => ({ name: page.name, may: page.may }),
  shownUpTo: () => story.last,
  onShown,
  onEvent: (_, event) => append(event),
  onGone: () => location.reload(), // the address of a deleted job shows its receipt
});
const job = () => board.jobOf(page.job);

function append(event) {
  if (!story.add(event)) return;
  if (event.data?.children) counts = countsOf(event.data.children);
  if (event.type === "started") learnAttempts();
  redraw();
}

// Hundreds of steps come at once when one opens the page; they are drawn once.
function redraw() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    storyView.show(story, job());
    attempts.show(story.attempts, job());
  });
}

function onShown(card) {
  const { job: now } = card;
  if (now.kind === page.cvKind) showProfile(card, { open: true });
  if (now.children !== before?.children) counts = now.children;
  members.show(counts);
  files.show(now.files);
  if (before && now.state !== before.state) {
    blocks.result.refresh();
    if (isFinished(now)) learnAttempts();
  }
  if (before && JSON.stringify(now.metadata) !== JSON.stringify(before.metadata)) blocks.metadata.refresh();
  // What the attempt made belongs to the job from its end on.
  if (before && isFinished(now) && !isFinished(before)) refresh();
  before = now;
  redraw();
}

async function refresh() {
  try {
    board.add(await get(path));
  } catch {
    // The next answer brings it.
  }
}

// Workers and tracebacks are for staff; events, which go to everybody who may see the job, leave them out.
async function learnAttempts() {
  if (!page.isStaff) return;
  try {
    attempts.learn((await get(`${path}attempts/`)).results);
    redraw();
  } catch {
    // The attempt is shown without its worker.
  }
}

function countsOf(states) {
  const sum = (...names) => names.reduce((total, name) => total + (states[name] ?? 0), 0);
  const failed = sum("failed", "cancelled");
  return { total: sum(...Object.keys(states)), ended: sum("succeeded") + failed, succeeded: sum("succeeded"), failed };
}

async function readResult() {
  if (job()?.state !== "succeeded") throw new Error(t("json.no_result"));
  return (await get(`${path}result/`)).result;
}

async function load() {
  try {
    // The log first: the card then watches from its end on, and nothing is in neither.
    for (let after = story.last; ; ) {
      const { events, next_after: next } = await get(`${path}events/?after=${after}`);
      events.forEach(append);
      if (!events.length || next <= after) break;
      after = next;
    }
    if (story.last) live.watch(page.job, story.last);
    board.add(await get(path));
    problem.hidden = true;
  } catch (error) {
    problem.hidden = false;
    partsOf(problem).text.textContent = error.message;
  }
}

live.addEventListener("other", ({ detail }) => detail.id === page.job && load());
live.addEventListener("resumed", load);
copyButtons();

await load();
live.start();
