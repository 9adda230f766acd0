// One page of samples as tiles or lines: click, shift-click and keys choose, Enter or a double click opens.
// Words of the data reach the page as text nodes only.

const kept = new WeakMap();

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

function picture(item) {
  const image = element("img");
  image.src = item.picture;
  image.alt = item.alt;
  image.draggable = false;
  return image;
}

function openButton(item, open) {
  const button = element("button", "open", "Open");
  button.type = "button";
  button.tabIndex = -1;
  button.setAttribute("aria-label", `Open ${item.id}`);
  button.onclick = (event) => {
    event.stopPropagation();
    open(item.row);
  };
  return button;
}

function tile(item, open) {
  const box = element("div", "tile");
  if (item.picture) box.append(picture(item));
  else if (item.text) {
    const text = element("div", "text", item.text);
    text.title = item.text;
    box.append(text);
  }
  const label = element("div", "label");
  if (item.label) {
    const dot = element("span", "dot");
    dot.style.background = item.colour;
    label.append(dot);
  }
  if (item.was) label.append(element("span", "was", item.was), " ");
  label.append(element("span", "", item.label));
  for (const mark of item.marks) label.append(element("span", "mark", mark));
  box.append(label);
  if (item.says) box.append(element("div", item.wrong ? "wrong" : "small", item.says));
  if (item.fact) box.append(element("div", "small", item.fact));
  box.append(element("div", "small", item.id), openButton(item, open));
  return box;
}

function line(item, columns, open) {
  const row = element("tr", "line");
  const first = element("td");
  if (item.picture) first.append(picture(item));
  first.append(openButton(item, open));
  row.append(first);
  columns.forEach((column, place) => {
    const cell = element("td", column.number ? "number" : "", item.cells[place]);
    if (!column.number) cell.title = item.cells[place];
    row.append(cell);
  });
  return row;
}

function heading(columns, sort, sorted) {
  const row = element("tr");
  row.append(element("th", "", ""));
  for (const column of columns) {
    const cell = element("th", column.number ? "number" : "");
    const falls = sort === `-${column.name}`;
    const button = element("button", "", column.title + (falls ? " ↓" : sort === column.name ? " ↑" : ""));
    button.type = "button";
    button.title = column.help;
    cell.setAttribute("aria-sort", falls ? "descending" : sort === column.name ? "ascending" : "none");
    button.onclick = () => sorted(falls ? column.name : `-${column.name}`);
    cell.append(button);
    row.append(cell);
  }
  return row;
}

export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component;
  const list = parentElement.querySelector(".list");
  const state = kept.get(parentElement) || { chosen: new Set(), stamp: null, last: 0, timer: 0 };
  kept.set(parentElement, state);
  if (state.stamp !== data.stamp) {  // what the server says counts when it changed it; else this window is ahead
    state.chosen = new Set(data.chosen);
    state.stamp = data.stamp;
    state.last = 0;
  }
  const open = (row) => setTriggerValue("opened", row);
  const items = data.items;

  const send = () => {
    clearTimeout(state.timer);
    const rows = items.map((item) => item.row).filter((row) => state.chosen.has(row));
    state.timer = setTimeout(() => setStateValue("chosen", { token: data.token, rows }), 150);
  };
  const show = () => {
    boxes.forEach((box, place) => box.setAttribute("aria-selected", String(state.chosen.has(items[place].row))));
  };
  const toggle = (place, range) => {
    const on = range ? true : !state.chosen.has(items[place].row);
    const ends = range ? [Math.min(state.last, place), Math.max(state.last, place)] : [place, place];
    for (let at = ends[0]; at <= ends[1]; at += 1) {
      if (on) state.chosen.add(items[at].row);
      else state.chosen.delete(items[at].row);
    }
    state.last = place;
    show();
    send();
  };
  const focus = (place) => {
    const at = Math.max(0, Math.min(items.length - 1, place));
    boxes.forEach((box, other) => { box.tabIndex = other === at ? 0 : -1; });
    boxes[at].focus();
  };
  const across = () => {  // tiles in a row
    const top = boxes[0].offsetTop;
    const next = boxes.findIndex((box) => box.offsetTop !== top);
    return next < 0 ? boxes.length : next;
  };

  let boxes = [];
  list.replaceChildren();
  list.setAttribute("aria-label", data.words);
  list.style.setProperty("--tile", `${data.size}px`);
  list.style.setProperty("--lines", String(Math.max(3, Math.round(data.size / 24))));
  if (data.columns) {
    const scroll = element("div", "scroll");
    const table = element("table");
    const body = element("tbody");
    const head = element("thead");
    head.append(heading(data.columns, data.sort, (by) => setTriggerValue("sorted", by)));
    boxes = items.map((item) => line(item, data.columns, open));
    body.append(...boxes);
    table.append(head, body);
    scroll.append(table);
    list.append(scroll);
    list.setAttribute("role", "group");
    table.setAttribute("role", "grid");
    table.setAttribute("aria-multiselectable", "true");
  } else {
    const grid = element("div", "grid");
    boxes = items.map((item) => tile(item, open));
    grid.append(...boxes);
    list.append(grid);
    list.setAttribute("role", "listbox");
  }
  boxes.forEach((box, place) => {
    if (!data.columns) box.setAttribute("role", "option");
    box.tabIndex = place === Math.min(state.last, items.length - 1) ? 0 : -1;
    box.onclick = (event) => toggle(place, event.shiftKey);
    box.ondblclick = () => open(items[place].row);
    box.onkeydown = (event) => {
      const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across(), ArrowUp: -across() };
      if (event.key in steps) focus(place + steps[event.key]);
      else if (event.key === " ") toggle(place, event.shiftKey);
      else if (event.key === "Enter" && event.target === box) open(items[place].row);
      else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
        items.forEach((item) => state.chosen.add(item.row));
        show();
        send();
      } else if (event.key === "Escape") {
        items.forEach((item) => state.chosen.delete(item.row));
        show();
        send();
      } else return;
      event.preventDefault();
      event.stopPropagation();
    };
  });
  show();
  return () => clearTimeout(state.timer);
}
