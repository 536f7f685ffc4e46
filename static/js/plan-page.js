// A plan that is being carried out: how far it is, twice a second, and what came of each job when it is over.

const EVERY = 500;
const MARKS = [25, 50, 75];

const box = document.querySelector("[data-plan-progress]");
const told = document.querySelector("[data-plan-told]");
let toldOf = 0;

async function look() {
  if (document.hidden) {
    return true;
  }
  const answer = await fetch(`${location.pathname}?part=progress`, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) {
    return true; // signed out, or the server restarts: what is shown stays as it was
  }
  box.innerHTML = await answer.text();
  const state = box.querySelector("[data-plan-state]");
  const percent = Number(state.dataset.planPercent);
  const mark = MARKS.filter((each) => percent >= each).pop() ?? 0;
  if (mark > toldOf) {
    toldOf = mark;
    told.textContent = state.textContent;
  }
  return state.dataset.planState === "live";
}

async function watch() {
  try {
    if (!(await look())) {
      location.reload();
      return;
    }
  } catch {
    // The network is away for a moment.
  }
  setTimeout(watch, EVERY);
}

if (box?.dataset.planProgress === "live") {
  watch();
}
