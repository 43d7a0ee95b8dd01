// Any two normalizers: what can be claimed, and seed by seed in which settings only one of them failed, or did not learn.
{
  const data = JSON.parse(document.getElementById("data").textContent);
  const section = document.getElementById("compare");
  if (section && data.names.length > 1) {
    const [first, second] = ["first", "second"].map((id) => document.getElementById(id));
    const [head, body] = [document.getElementById("pair").tHead, document.getElementById("pair").tBodies[0]];
    const quality = document.getElementById("pair-quality");
    const unlearnt = data.outcomes.some((setting) => setting.some((seeds) => seeds.includes("n")));
    const line = (kind, cells) => {
      const row = document.createElement("tr");
      cells.forEach((text, index) => {
        const cell = row.appendChild(document.createElement(kind === "th" || index === 0 ? "th" : "td"));
        cell.scope = kind === "th" ? "col" : "row";
        if (cell.tagName === "TD") cell.removeAttribute("scope");
        cell.appendChild(document.createElement("bdi")).textContent = text;
      });
      return row;
    };
    const show = () => {
      const [a, b] = [first.value, second.value].map(Number);
      const verdict = document.getElementById("verdict");
      const total = { shared: 0, a: 0, b: 0 };
      // Two of the order are compared in its settings.
      const where = a < data.ranked && b < data.ranked ? data.order : data.settings.keys();
      const rows = [...where].map((setting) => {
        const [one, other] = [data.outcomes[setting][a], data.outcomes[setting][b]];
        let [shared, onlyA, onlyB, slowA, slowB] = [0, 0, 0, 0, 0];
        for (let seed = 0; seed < Math.min(one.length, other.length); seed++) {
          if (" u".includes(one[seed]) || " u".includes(other[seed])) continue; // missing, or undecided
          shared += 1;
          onlyA += one[seed] === "x" && other[seed] !== "x";
          onlyB += other[seed] === "x" && one[seed] !== "x";
          slowA += one[seed] === "n" && other[seed] !== "n";
          slowB += other[seed] === "n" && one[seed] !== "n";
        }
        total.shared += shared;
        total.a += onlyA;
        total.b += onlyB;
        return [data.settings[setting], data.rates[setting][a], data.rates[setting][b], onlyA, onlyB, ...(unlearnt ? [slowA, slowB] : [])];
      });
      const [nameA, nameB] = [data.names[a], data.names[b]];
      const key = a < b ? `${a}-${b}` : `${b}-${a}`;
      if (a === b) verdict.textContent = "Choose two different normalizers.";
      else if (data.sentences[key]) verdict.innerHTML = data.sentences[key]; // escaped where it was made
      else
        verdict.textContent =
          `Of ${total.shared} shared pairs only ${nameA} failed in ${total.a} and only ${nameB} in ${total.b}: ` +
          ({
            here: "separated in these settings.",
            elsewhere: "separated on settings like these.",
            mixed: "mixed, so neither counts as the more stable.",
          }[data.separated[key]] ?? "not separated.") +
          (data.learns[key] ? ` ${data.learns[key]} learns significantly more often.` : "");
      head.replaceChildren(
        line("th", [
          ...["setting", nameA, nameB, `only ${nameA} failed`, `only ${nameB} failed`],
          ...(unlearnt ? [`only ${nameA} did not learn`, `only ${nameB} did not learn`] : []),
        ]),
      );
      quality.replaceChildren(
        ...(a === b ? [] : data.protocols).map((title, protocol) => {
          const item = document.createElement("li");
          item.textContent = `${title}: ${nameA} ${data.quality[protocol][a]}, ${nameB} ${data.quality[protocol][b]}`;
          return item;
        }),
      );
      body.replaceChildren(...(a === b ? [] : rows.map((cells) => line("td", cells))));
    };
    for (const select of [first, second]) {
      data.names.forEach((name, index) => select.add(new Option(name, index)));
      select.addEventListener("change", () => {
        location.replace(`#compare-${first.value}-${second.value}`);
        show();
      });
    }
    const chosen = location.hash.match(/^#compare-(\d+)-(\d+)$/)?.slice(1) ?? ["0", "1"];
    [first.value, second.value] = chosen.every((index) => Number(index) < data.names.length) ? chosen : ["0", "1"];
    show();
    section.hidden = false;
  }
}
