// /app/sessions/: the user's sessions, and a new one by sending files into a name.

import { BatchUpload } from "./batch-upload.js";
import { formatTime } from "./clock.js";
import { showConnection } from "./connection-chip.js";
import { keepFresh } from "./live-list.js";
import { Live } from "./live.js";
import { PagedList, placesOf } from "./paged-list.js";
import { write } from "./parts.js";
import { showStatusWord } from "./session-status.js";
import { count, t } from "./texts.js";

const page = JSON.parse(document.getElementById("page").textContent);
const form = document.querySelector("[data-upload]");
const problem = document.querySelector("[data-problem]");
const PAGE = 50;

const nameField = form.elements.session_id;
const sessionPage = (name) => `${page.sessionPage}${encodeURIComponent(name)}/`;

function fill(parts, { session_id: name, documents, chunks, updated_at: at, latest_job: job }) {
  parts.link.href = sessionPage(name);
  write(parts.name, name);
  write(parts.about, [count("documents", documents), count("chunks", chunks), formatTime(at)].join(" · "));
  parts.state.hidden = !job;
  if (job) showStatusWord(parts.state, job.status);
}

/** Return what goes with the files, or null and say what is missing. */
function fields() {
  const name = nameField.value.trim();
  const wrong = !name ? "session.name_missing" : name.includes("/") ? "session.name_slash" : "";
  problem.hidden = !wrong;
  if (wrong) nameField.setAttribute("aria-invalid", "true");
  else nameField.removeAttribute("aria-invalid");
  if (!wrong) return { session_id: name };
  write(problem, t(wrong));
  nameField.focus();
  return null;
}

// A name that can stay as it is: the day and the time.
function suggestName() {
  const now = new Date();
  const two = (number) => String(number).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())} ${two(now.getHours())}.${two(now.getMinutes())}`;
}

const live = new Live();
showConnection(live, document.querySelector("[data-connection]"), document.body);
if (!nameField.value) nameField.value = suggestName();
new BatchUpload({
  form,
  path: page.upload,
  limits: page.limits,
  fields,
  onSent: (answers) => location.assign(sessionPage(answers.at(-1).session_id)),
});
const sessions = new PagedList({
  ...placesOf(document),
  path: page.sessions,
  page: PAGE,
  template: "session-row",
  idOf: ({ session_id: name }) => name,
  fill,
});
keepFresh(live, () => sessions.read());
live.start({ jobs: false });
