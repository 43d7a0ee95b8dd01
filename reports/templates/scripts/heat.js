// The map of failures: filters, and one failure mode at a time.
{
  const form = document.getElementById("filters");
  const table = document.getElementById("heat");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells].slice(1);
  for (const cell of body.querySelectorAll("td.cell")) cell.dataset.all = cell.firstElementChild.textContent;
  const words = (text) => text.toLowerCase();
  const order = {
    place: (a, b) => a.dataset.place - b.dataset.place,
    hard: (a, b) => b.dataset.rate - a.dataset.rate || order.place(a, b),
    easy: (a, b) => a.dataset.rate - b.dataset.rate || order.place(a, b),
  };
  const rate = (row) => Number.isNaN(Number(row.dataset.rate));
  const count = (cell, mode) => {
    // Undecided trials are in no rate: their share is of all trials.
    const total = Number(mode === "undecided" && cell.dataset.t ? cell.dataset.t : cell.dataset.all.split("/")[1]);
    if (!(total >= 0)) return; // missing
    const found = mode ? Number((cell.dataset.m ?? "").match(`(?:^| )${mode}:(\\d+)`)?.[1] ?? 0) : parseInt(cell.dataset.all, 10);
    cell.firstElementChild.textContent = `${found}/${total}`;
    cell.style.setProperty("--rate", total ? found / total : 0);
  };
  const show = () => {
    const wanted = Object.fromEntries(new FormData(form));
    for (const row of rows)
      row.hidden = ["dataset", "architecture", "setting"].some((key) => wanted[key] && row.dataset[key] !== wanted[key]);
    heads.forEach((head, column) => {
      const hidden = !words(head.dataset.name).includes(words(wanted.normalizer));
      head.hidden = hidden;
      for (const row of rows) row.cells[column + 1].hidden = hidden;
    });
    for (const cell of body.querySelectorAll("td.cell")) count(cell, wanted.mode);
    body.append(...[...rows].sort((a, b) => rate(a) - rate(b) || order[wanted.order](a, b)));
    document.getElementById("none-left").hidden = rows.some((row) => !row.hidden) && heads.some((head) => !head.hidden);
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const select of form.querySelectorAll("select"))
    if (select.name !== "order" && select.name !== "mode" && select.options.length < 3) select.parentElement.hidden = true;
  form.hidden = rows.length === 0;
}
