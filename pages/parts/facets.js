// A filter of the samples, column by column: names to click, histograms to brush, text to look for.
// What is chosen goes to the server as one term about one column; its words are written there.

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 56;
const WIDTH = 240;
const NARROW = 760;

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

function shape(tag, given) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(given)) made.setAttribute(name, String(value));
  return made;
}

function names(facet, send) {
  const box = element("div");
  const most = Math.max(1, ...facet.names.map((one) => one.all));
  for (const one of facet.names) {
    const on = facet.values.includes(one.name);
    const button = element("button", "name");
    button.type = "button";
    button.setAttribute("aria-pressed", String(on));
    const bar = element("span", "bar");
    bar.style.width = `${(100 * one.all) / most}%`;
    const part = element("span", "part");
    part.style.width = `${(100 * one.found) / most}%`;
    button.append(bar, part, element("span", "", one.name), element("span", "count", one.count));
    button.title = `${one.count} of ${one.whole}`;
    button.onclick = () => {
      const values = on ? facet.values.filter((value) => value !== one.name) : [...facet.values, one.name];
      send({ column: facet.name, values });
    };
    box.append(button);
  }
  if (facet.more) box.append(element("div", "summary", facet.more));
  return box;
}

function bars(facet, send) {
  const box = element("div");
  const drawn = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  drawn.setAttribute("aria-label", facet.words);
  const k = facet.all.length;
  const step = WIDTH / k;
  const most = Math.sqrt(Math.max(1, ...facet.all));
  const bar = (place, count, name) => {
    const height = (HEIGHT * Math.sqrt(count)) / most;
    const one = shape("rect", { x: place * step, y: HEIGHT - height, width: Math.max(step - 1, 0.5), height, class: name });
    const title = shape("title", {});
    title.textContent = facet.tips[place];
    one.append(title);
    drawn.append(one);
  };
  facet.all.forEach((count, place) => bar(place, count, "all-bar"));
  facet.found.forEach((count, place) => bar(place, count, "found-bar"));
  const first = facet.edges[0];
  const wide = facet.edges[k] - first;
  const brush = shape("rect", { y: 0.5, height: HEIGHT - 1, class: "brush", visibility: "hidden" });
  drawn.append(brush);
  const mark = (from, to) => {
    brush.setAttribute("x", String(from));
    brush.setAttribute("width", String(Math.max(1, to - from)));
    brush.setAttribute("visibility", "visible");
  };
  const at = (value) => Math.max(0, Math.min(WIDTH, (WIDTH * (value - first)) / wide));
  if (facet.low !== null || facet.high !== null) {
    mark(facet.low === null ? 0 : at(facet.low), facet.high === null ? WIDTH : at(facet.high));
  }
  const place = (event) => {
    const room = drawn.getBoundingClientRect();
    return Math.max(0, Math.min(WIDTH, (WIDTH * (event.clientX - room.left)) / room.width));
  };
  let start = null;
  drawn.onpointerdown = (event) => {
    start = place(event);
    drawn.setPointerCapture(event.pointerId);
    mark(start, start);
  };
  drawn.onpointermove = (event) => {
    if (start !== null) mark(Math.min(start, place(event)), Math.max(start, place(event)));
  };
  drawn.onpointerup = (event) => {
    if (start === null) return;
    const ends = [Math.min(start, place(event)), Math.max(start, place(event))];
    start = null;
    const from = Math.floor(ends[0] / step);
    const to = Math.max(from + 1, Math.ceil(ends[1] / step));
    send({
      column: facet.name,
      low: from === 0 ? null : facet.edges[from],
      high: to >= k ? null : facet.edges[to],
    });
  };
  const ends = element("div", "ends");
  const field = (words, value, other) => {
    const label = element("label", "", words);
    const input = element("input");
    input.type = "number";
    input.step = "any";
    input.value = value === null ? "" : String(value);
    input.placeholder = words === "from" ? facet.lowest : facet.highest;
    input.onchange = () => {
      const given = input.value === "" ? null : Number(input.value);
      send({ column: facet.name, low: words === "from" ? given : other, high: words === "from" ? other : given });
    };
    label.append(input);
    return label;
  };
  ends.append(field("from", facet.low, facet.high), field("to", facet.high, facet.low));
  box.append(drawn, ends);
  return box;
}

function text(facet, send) {
  const input = element("input");
  input.type = "search";
  input.placeholder = "holds these words";
  input.setAttribute("aria-label", `${facet.title} holds these words`);
  input.value = facet.values.join(" ");
  input.onchange = () => send({ column: facet.name, values: input.value ? [input.value] : [] });
  return input;
}

function content(facet, send) {
  const box = element("div");
  box.append(element("div", "summary", facet.summary));
  if (facet.kind === "number") box.append(bars(facet, send));
  else if (facet.kind === "text") box.append(text(facet, send));
  else box.append(names(facet, send));
  if (facet.missing) {
    const button = element("button", "plain", facet.missing);
    button.type = "button";
    button.onclick = () => send({ column: facet.name, none: true });
    box.append(button);
  }
  if (facet.used) {
    const clear = element("button", "plain", "Clear");
    clear.type = "button";
    clear.setAttribute("aria-label", `Clear ${facet.title}`);
    clear.onclick = () => send({ column: facet.name, values: [] });
    box.append(clear);
  }
  return box;
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".facets");
  const send = (term) => setTriggerValue("term", term);
  const before = root.querySelector("details.all");
  const all = element("details", "all");
  all.open = before ? before.open : window.innerWidth > NARROW;
  all.append(element("summary", "", "Filter by column"));
  for (const facet of data.facets) {
    const box = element("details");
    box.dataset.column = facet.name;
    box.open = facet.open;
    const head = element("summary", "", facet.title);
    if (facet.used) head.append(element("span", "used", facet.used));
    box.append(head);
    if (facet.open) box.append(content(facet, send));
    head.onclick = (event) => {
      event.preventDefault();
      setTriggerValue("unfolded", facet.name);
    };
    all.append(box);
  }
  root.replaceChildren(all);
}
