// Light or dark: the system's choice until the reader presses the button. The cookie lets the server send the next
// page in the right colours at once.

const YEAR_SECONDS = 365 * 24 * 3600;
const button = document.querySelector("[data-theme-button]");
const system = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;

const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
const show = () => button.setAttribute("aria-pressed", String(isDark()));

if (button) {
  button.hidden = false;
  show();
  system.addEventListener("change", show);
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    const secure = location.protocol === "https:" ? ";secure" : "";
    document.cookie = `theme=${root.dataset.theme};path=/;max-age=${YEAR_SECONDS};samesite=lax${secure}`;
    show();
  });
}
