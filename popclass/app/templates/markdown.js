// The report of an evaluation, which is Markdown as popclass writes it: headings, paragraphs, lists, tables and pictures.

const INLINE = /\*\*(.+?)\*\*|`([^`]+)`|\[([^\]]+)\]\(([^)\s]+)\)/;

function plain(text) {
  return text.replace(/\\([\\|`*_<>[\]#&-])/g, "$1");
}

// Text with bold parts, code and links to pages of sources.
function inlineOf(text) {
  const found = INLINE.exec(text);
  if (!found) return text ? [plain(text)] : [];
  const [whole, bold, code, name, address] = found;
  const web = /^https?:/.test(address || "");
  const middle = bold !== undefined ? make("strong", plain(bold)) : code !== undefined ? make("code", code)
    : web ? make("a", plain(name), { href: address, rel: "noreferrer noopener", target: "_blank" }) : plain(name);
  return [...(found.index ? [plain(text.slice(0, found.index))] : []), middle, ...inlineOf(text.slice(found.index + whole.length))];
}

function filled(tag, parts, attributes) {
  const element = make(tag, null, attributes);
  element.append(...parts);
  return element;
}

function tableOf(lines) {
  const cells = (line) => line.replace(/^\|/, "").replace(/\|$/, "").split(/(?<!\\)\|/).map((cell) => cell.trim());
  const [head, rule, ...rows] = lines.map(cells);
  const number = rule.map((cell) => (cell.endsWith(":") ? { class: "number" } : {}));
  const line = (tag, row) => filled("tr", row.map((cell, at) => filled(tag, inlineOf(cell), number[at])));
  const table = filled("table", [filled("thead", [line("th", head)]), filled("tbody", rows.map((row) => line("td", row)))]);
  return filled("div", [table], { class: "scroller all report-table", tabindex: "0", role: "region", "aria-label": head.filter(Boolean).join(", ") });
}

// Elements of a text; pictures are files of `folder`.
function markdownOf(text, folder) {
  return text.split(/\n\s*\n/).filter((block) => block.trim()).map((block) => {
    const lines = block.trim().split("\n");
    const heading = /^(#{1,4}) (.*)$/.exec(lines[0]);
    if (heading && lines.length === 1) return filled("h" + Math.min(heading[1].length + 1, 4), inlineOf(heading[2]));
    const picture = /^!\[(.*)\]\(([\w.-]+)\)$/.exec(block.trim());
    if (picture) {
      const image = make("img", null, { src: folder + picture[2], alt: plain(picture[1]) });
      return filled("figure", [image, make("figcaption", plain(picture[1]), { class: "small" })]);
    }
    if (lines.length > 1 && lines.every((line) => line.startsWith("|"))) return tableOf(lines);
    if (lines.every((line) => /^(- | {2})/.test(line))) return filled("ul", block.trim().split(/\n- /).map((item) => filled("li", inlineOf(item.replace(/^- /, "")))));
    return filled("p", inlineOf(lines.join(" ")));
  });
}
