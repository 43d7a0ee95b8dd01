// The theme that somebody chose, before anything is painted.
try {
  const theme = localStorage.getItem("ganbench-theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch { /* a page from disk may have no storage */ }
