// Tables sort by their headers; buttons, so that a keyboard can do it too.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent.trim();
      const number = (text) => (text === "inf" ? Infinity : text === "-inf" ? -Infinity : text === "" ? NaN : Number(text));
      const compare = (a, b) => {
        const [p, q] = [key(a), key(b)];
        const [x, y] = [number(p), number(q)];
        const blank = Number(p === "nan") - Number(q === "nan");
        if (blank) return blank; // what is absent stays below
        const order = Number.isNaN(x) || Number.isNaN(y) ? p.localeCompare(q) : x === y ? 0 : x - y;
        return up ? order : -order;
      };
      body.append(...[...body.rows].sort(compare));
    });
  });
}
