// Light or dark: as the system has it, until somebody chooses.
{
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const dark = () => root.dataset.theme === "dark" || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const say = () => (button.textContent = dark() ? "Light theme" : "Dark theme");
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("ganbench-theme", root.dataset.theme); } catch { /* likewise */ }
    say();
  });
  say();
  button.hidden = false;
}
