// Whether somebody may be looking: a page in a hidden tab needs no connection, but a short look elsewhere breaks none.

const GRACE_MS = 30000;

/** Call onAway when the page has been hidden for a while, onBack when it is shown again after any time. */
export function watchAttention({ onAway, onBack }) {
  let timer = 0;
  const look = () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(onAway, GRACE_MS);
    else onBack();
  };
  document.addEventListener("visibilitychange", look);
  // Opened in the background: nobody has looked at it yet.
  if (document.hidden) look();
}
