/** The page's only script: columns of tables marked `data-sortable` get a button that sorts by them. Without it the table stays as it is. */
export const SORT_SCRIPT = `
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const headers = [...table.tHead.rows[0].cells];
  for (const header of headers) {
    const kind = header.dataset.sort;
    if (!kind) continue;
    const column = headers.indexOf(header);
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    const read = (row) => {
      const cell = row.cells[column];
      const text = (cell.querySelector(".text") ?? cell).textContent.trim();
      if (kind === "text") return text;
      const value = Number(text);
      return Number.isNaN(value) ? -Infinity : value;
    };
    button.addEventListener("click", () => {
      const descending = header.getAttribute("aria-sort") === "ascending";
      for (const other of headers) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const order = descending ? -1 : 1;
      const body = table.tBodies[0];
      const rows = [...body.rows].map((row, place) => ({ row, place, value: read(row) }));
      rows.sort((a, b) => order * (kind === "text" ? a.value.localeCompare(b.value) : a.value - b.value) || a.place - b.place);
      body.append(...rows.map(({ row }) => row));
    });
  }
}
document.documentElement.classList.add("scripted");
`;
