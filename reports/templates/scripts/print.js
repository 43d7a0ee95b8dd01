// Paper has no fold.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((item) => (item.open = true)));
