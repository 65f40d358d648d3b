// A script of its own in the head, not a module: the chosen theme must be there before anything is painted.
(() => {
  "use strict";
  const themes = { auto: "◐", light: "○", dark: "●" };
  let theme = "auto";
  try { theme = localStorage.getItem("theme") ?? "auto"; } catch { /* storage is forbidden: the system's choice */ }

  function apply(name) {
    theme = name in themes ? name : "auto";
    document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (!button) return;
    button.textContent = themes[theme];
    button.title = `Theme: ${theme} (t)`;
    button.setAttribute("aria-label", button.title);
  }

  apply(theme);
  addEventListener("DOMContentLoaded", () => {
    apply(theme);
    document.getElementById("theme").addEventListener("click", () => {
      const names = Object.keys(themes);
      apply(names[(names.indexOf(theme) + 1) % names.length]);
      try { localStorage.setItem("theme", theme); } catch { /* for this page only */ }
    });
  });
})();
