// The cloud of samples on a canvas: zoom, hover, click, lasso. What it says of a sample it asks of the app, one at a
// time, and writes it as text: words of the data never become HTML.

const NEAR = 12; // pixels from the pointer within which a point is meant
const CELLS = 96; // the plane is cut into CELLS x CELLS cells to find the nearest point
const AWAY = 2.2; // words of regions are written up to this zoom
const MOST = 400; // samples whose words are kept
const kept = new WeakMap();
const RAISED = { "-": "⁻", ".": "·", ...Object.fromEntries([..."⁰¹²³⁴⁵⁶⁷⁸⁹"].entries()) };
const short = new Intl.NumberFormat("en", { notation: "compact" });

export default function ({ data, parentElement, setTriggerValue }) {
  let cloud = kept.get(parentElement);
  if (!cloud) kept.set(parentElement, (cloud = new Cloud(parentElement)));
  cloud.tell = setTriggerValue;
  cloud.take(data);
  return () => {
    cloud.stop();
    kept.delete(parentElement);
  };
}

class Cloud {
  constructor(parent) {
    const find = (name) => parent.querySelector(`.${name}`);
    Object.assign(this, { frame: find("frame"), tip: find("tip"), legend: find("legend"), tools: find("tools") });
    this.points = find("points").getContext("2d");
    this.over = find("over").getContext("2d");
    this.canvas = this.over.canvas;
    this.said = new Map();
    this.view = { zoom: 1, x: 0, y: 0 };
    this.focus = -1;
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(this.frame);
    this.listen();
  }

  stop() {
    this.watch.disconnect();
  }

  listen() {
    const canvas = this.canvas;
    canvas.onpointermove = (event) => this.moved(event);
    canvas.onpointerdown = (event) => this.pressed(event);
    canvas.onpointerup = (event) => this.released(event);
    canvas.onpointercancel = () => this.forget();
    canvas.onpointerleave = () => this.hover(-1);
    canvas.onwheel = (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400), this.at(event));
    };
    canvas.ondblclick = () => this.fit();
    canvas.onkeydown = (event) => this.key(event);
    this.tools.onclick = (event) => {
      const what = event.target.closest("button")?.dataset.does;
      if (what === "lasso") this.arm(!this.armed);
      if (what === "nearer") this.zoom(1.6);
      if (what === "farther") this.zoom(1 / 1.6);
      if (what === "fit") this.fit();
    };
  }

  key(event) {
    if (event.key === "Escape") this.arm(false);
    else if (event.key === "Enter" && this.here >= 0) this.open(this.here);
    else if (event.key.startsWith("Arrow")) this.step(event.key.slice(5));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // The next point in the direction of an arrow key, so that the map can be read without a mouse.
  step(direction) {
    const sideways = direction === "Left" || direction === "Right";
    const sign = direction === "Left" || direction === "Up" ? -1 : 1;
    const [x0, y0] = this.here < 0 ? [this.width / 2, this.height / 2] : this.place(this.here);
    let best = -1;
    let least = Infinity;
    for (let i = 0; i < this.n; i++) {
      const [x, y] = this.place(i);
      const along = sign * (sideways ? x - x0 : y - y0);
      const across = Math.abs(sideways ? y - y0 : x - x0);
      const far = along + 3 * across;
      if (along > 2 && far < least && x > 0 && y > 0 && x < this.width && y < this.height) [best, least] = [i, far];
    }
    if (best >= 0) this.hover(best);
  }

  take(data) {
    const column = (name) => data.points.getChild(name)?.toArray();
    const moved = JSON.stringify(data.bounds) !== JSON.stringify(this.data?.bounds);
    if (data.hover !== this.data?.hover) this.said.clear();
    this.data = data;
    this.rows = column("row");
    this.x = column("x");
    this.y = column("y");
    this.group = column("group");
    this.size = column("size");
    this.n = this.rows.length;
    this.font = getComputedStyle(this.frame).fontFamily;
    this.base = this.n <= 2000 ? 3.6 : this.n <= 20000 ? 2.6 : 1.9;
    this.canvas.setAttribute("aria-label", data.alt);
    this.frame.style.setProperty("--tall", `${data.height}px`);
    this.ground = data.ground && this.picture(data.ground);
    this.shade = data.shade && this.picture(data.shade);
    if (moved) this.view = { zoom: 1, x: 0, y: 0 };
    this.hover(-1);
    this.index();
    this.name();
    this.resize();
  }

  picture(one) {
    const image = new Image();
    image.onload = () => this.draw();
    image.src = one.png;
    return { image, bounds: one.bounds };
  }

  index() {
    const [[x0, x1], [y0, y1]] = this.data.bounds;
    const cell = (i) => {
      const a = Math.min(CELLS - 1, Math.max(0, Math.floor(((this.x[i] - x0) / (x1 - x0)) * CELLS)));
      const b = Math.min(CELLS - 1, Math.max(0, Math.floor(((this.y[i] - y0) / (y1 - y0)) * CELLS)));
      return a * CELLS + b;
    };
    const ends = new Int32Array(CELLS * CELLS + 1);
    for (let i = 0; i < this.n; i++) ends[cell(i) + 1]++;
    for (let c = 0; c < CELLS * CELLS; c++) ends[c + 1] += ends[c];
    const next = ends.slice();
    this.order = new Int32Array(this.n);
    for (let i = 0; i < this.n; i++) this.order[next[cell(i)]++] = i;
    this.ends = ends;
  }

  resize() {
    if (!this.data) return;
    const dense = window.devicePixelRatio || 1;
    this.width = this.frame.clientWidth;
    this.height = this.frame.clientHeight;
    for (const context of [this.points, this.over]) {
      context.canvas.width = this.width * dense;
      context.canvas.height = this.height * dense;
      context.setTransform(dense, 0, 0, dense, 0, 0);
    }
    this.draw();
  }

  // Where the drawing lies in the frame: axes need room.
  room() {
    const [left, bottom] = this.data.axes ? [52, 44] : [6, 6];
    return { left, top: 8, wide: this.width - left - 10, tall: this.height - 8 - bottom };
  }

  spot(x, y) {
    const [[x0, x1], [y0, y1]] = this.data.bounds;
    const { left, top, wide, tall } = this.room();
    const { zoom, x: dx, y: dy } = this.view;
    return [left + ((x - x0) / (x1 - x0)) * wide * zoom + dx, top + ((y1 - y) / (y1 - y0)) * tall * zoom + dy];
  }

  value(px, py) {
    const [[x0, x1], [y0, y1]] = this.data.bounds;
    const { left, top, wide, tall } = this.room();
    const { zoom, x: dx, y: dy } = this.view;
    return [x0 + ((px - dx - left) / (wide * zoom)) * (x1 - x0), y1 - ((py - dy - top) / (tall * zoom)) * (y1 - y0)];
  }

  place(i) {
    return this.spot(this.x[i], this.y[i]);
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  nearest([px, py]) {
    const [[x0, x1], [y0, y1]] = this.data.bounds;
    const [low, high] = [this.value(px - NEAR, py + NEAR), this.value(px + NEAR, py - NEAR)];
    const cut = (v, a, b) => Math.min(CELLS - 1, Math.max(0, Math.floor(((v - a) / (b - a)) * CELLS)));
    let best = -1;
    let least = NEAR * NEAR;
    for (let a = cut(low[0], x0, x1); a <= cut(high[0], x0, x1); a++) {
      for (let b = cut(low[1], y0, y1); b <= cut(high[1], y0, y1); b++) {
        for (let k = this.ends[a * CELLS + b]; k < this.ends[a * CELLS + b + 1]; k++) {
          const [x, y] = this.place(this.order[k]);
          const far = (x - px) ** 2 + (y - py) ** 2;
          if (far < least) [best, least] = [this.order[k], far];
        }
      }
    }
    return best;
  }

  zoom(by, [px, py] = [this.width / 2, this.height / 2]) {
    const zoom = Math.min(60, Math.max(1, this.view.zoom * by));
    const ratio = zoom / this.view.zoom;
    const { left, top } = this.room();
    this.view = {
      zoom,
      x: px - left - (px - left - this.view.x) * ratio,
      y: py - top - (py - top - this.view.y) * ratio,
    };
    this.keep();
  }

  // No panning beyond the edge of the cloud.
  keep() {
    const { wide, tall } = this.room();
    const most = this.view.zoom - 1;
    this.view.x = Math.min(0, Math.max(-most * wide, this.view.x));
    this.view.y = Math.min(0, Math.max(-most * tall, this.view.y));
    this.hover(-1);
    this.draw();
  }

  fit() {
    this.view = { zoom: 1, x: 0, y: 0 };
    this.draw();
  }

  arm(on) {
    this.armed = on;
    this.tools.querySelector("[data-does=lasso]").setAttribute("aria-pressed", String(on));
    this.canvas.classList.toggle("armed", on);
    this.forget();
  }

  forget() {
    this.line = null;
    this.drag = null;
    this.mark();
  }

  pressed(event) {
    if (event.button) return;
    this.canvas.setPointerCapture(event.pointerId);
    const from = this.at(event);
    this.drag = { from, view: { ...this.view }, far: 0 };
    this.line = this.armed || event.shiftKey ? [from] : null;
  }

  moved(event) {
    const to = this.at(event);
    if (!this.drag) return this.hover(this.nearest(to));
    const [dx, dy] = [to[0] - this.drag.from[0], to[1] - this.drag.from[1]];
    this.drag.far = Math.max(this.drag.far, Math.hypot(dx, dy));
    if (this.line) {
      const last = this.line[this.line.length - 1];
      if (Math.hypot(to[0] - last[0], to[1] - last[1]) > 3) this.line.push(to);
      this.mark();
    } else if (event.pointerType !== "touch" && this.view.zoom > 1) {
      this.view = { ...this.drag.view, x: this.drag.view.x + dx, y: this.drag.view.y + dy };
      this.keep();
    }
  }

  released(event) {
    const { drag, line } = this;
    if (!drag) return;
    this.forget();
    if (line && line.length > 3) {
      const step = Math.ceil(line.length / 240);
      this.tell("lasso", line.filter((_, k) => k % step === 0).map(([x, y]) => this.value(x, y)));
      this.arm(false);
    } else if (drag.far < 5) {
      const point = this.nearest(this.at(event));
      if (point >= 0) this.open(point);
    }
  }

  // The card opens beside the map, or below it where there is no room: then it is brought into view.
  open(point) {
    this.tell("picked", this.rows[point]);
    const below = () => document.querySelector(".st-key-opened")?.scrollIntoView({ behavior: "smooth", block: "nearest" });
    if (window.innerWidth < 640) setTimeout(below, 1200);
  }

  async hover(i) {
    if (i === this.here) return;
    this.here = i;
    this.canvas.classList.toggle("pointing", i >= 0);
    this.mark();
    if (i < 0 || !this.data.hover) return this.tip.classList.remove("shown");
    const began = performance.now();
    const said = await this.words(this.rows[i]);
    if (this.here !== i || !said) return;
    this.show(said);
    this.tip.dataset.took = (performance.now() - began).toFixed(1);
  }

  async words(row) {
    if (!this.said.has(row)) {
      if (this.said.size > MOST) this.said.clear();
      const answer = fetch(new URL(`${this.data.hover}/${row}`, document.baseURI));
      this.said.set(row, answer.then((found) => (found.ok ? found.json() : null)).catch(() => null));
    }
    return this.said.get(row);
  }

  show(said) {
    const part = (name, text) => {
      const node = this.tip.querySelector(`.${name}`);
      node.textContent = text ?? "";
      node.hidden = !text;
      return node;
    };
    const image = this.tip.querySelector("img");
    image.hidden = !said.picture;
    if (said.picture) image.src = said.picture;
    image.alt = said.alt;
    part("text", said.text);
    part("was", said.was);
    part("label", said.label).style.textDecoration = said.dropped ? "line-through" : "";
    part("badge", said.mark);
    part("says", said.says);
    part("doubt", said.suspicion);
    part("id", said.id);
    this.tip.querySelector(".dot").style.background = said.colour;
    this.tip.classList.add("shown");
    const [x, y] = this.place(this.here);
    const { offsetWidth: wide, offsetHeight: tall } = this.tip;
    this.tip.style.left = `${Math.max(4, Math.min(this.width - wide - 4, x + (x > this.width / 2 ? -wide - 14 : 14)))}px`;
    this.tip.style.top = `${Math.max(4, Math.min(this.height - tall - 4, y - tall / 2))}px`;
  }

  // The legend: a name leads the eye to its points.
  name() {
    const entries = this.data.groups.map((group, k) => {
      const entry = document.createElement("span");
      const dot = document.createElement("i");
      dot.style.background = group.colour;
      entry.append(dot, group.name);
      entry.onpointerenter = () => this.light(k);
      entry.onpointerleave = () => this.light(-1);
      return entry;
    });
    this.legend.replaceChildren(...entries);
  }

  light(k) {
    this.focus = k;
    this.draw();
  }

  colour(name) {
    return getComputedStyle(this.frame).getPropertyValue(name).trim();
  }

  draw() {
    cancelAnimationFrame(this.soon);
    this.soon = requestAnimationFrame(() => this.paint());
  }

  paint() {
    const { points, width, height } = this;
    points.clearRect(0, 0, width, height);
    points.save();
    this.clip(points);
    const away = this.view.zoom < AWAY;
    if (this.ground) this.lay(this.ground);
    for (let k = 0; k < this.data.groups.length; k++) this.dots(k);
    if (this.shade && away) this.lay(this.shade);
    points.restore();
    if (this.data.axes) this.axes();
    if (away) this.regions();
    this.mark();
  }

  clip(context) {
    const { left, top, wide, tall } = this.room();
    context.beginPath();
    context.rect(left - 6, top - 6, wide + 12, tall + 12);
    context.clip();
  }

  lay({ image, bounds: [[x0, x1], [y0, y1]] }) {
    if (!image.complete || !image.naturalWidth) return;
    const [left, top] = this.spot(x0, y1);
    const [right, bottom] = this.spot(x1, y0);
    this.points.drawImage(image, left, top, right - left, bottom - top);
  }

  dots(k) {
    const { points, width, height } = this;
    const grown = this.base * Math.min(2.4, Math.sqrt(this.view.zoom));
    points.globalAlpha = this.focus < 0 || this.focus === k ? 0.86 : 0.08;
    for (let i = 0; i < this.n; i++) {
      if (this.group[i] !== k) continue;
      const [x, y] = this.place(i);
      if (x < -20 || y < -20 || x > width + 20 || y > height + 20) continue;
      const stamp = this.stamp(this.data.groups[k].colour, grown * (this.size ? this.size[i] / 32 : 1));
      points.drawImage(stamp, x - stamp.half, y - stamp.half, 2 * stamp.half, 2 * stamp.half);
    }
    points.globalAlpha = 1;
  }

  // A dot of a colour and size, drawn once and stamped many times.
  stamp(colour, radius) {
    const step = Math.max(2, Math.round(radius * 4));
    const name = `${colour}${step}`;
    this.stamps ??= new Map();
    if (!this.stamps.has(name)) {
      if (this.stamps.size > 500) this.stamps.clear();
      const dense = window.devicePixelRatio || 1;
      const stamp = document.createElement("canvas");
      stamp.half = Math.ceil(step / 4) + 1;
      stamp.width = stamp.height = 2 * stamp.half * dense;
      const context = stamp.getContext("2d");
      context.scale(dense, dense);
      context.arc(stamp.half, stamp.half, step / 4, 0, 2 * Math.PI);
      context.fillStyle = colour;
      context.fill();
      if (step >= 12) {
        context.strokeStyle = this.colour("--ground");
        context.lineWidth = 0.8;
        context.stroke();
      }
      this.stamps.set(name, stamp);
    }
    return this.stamps.get(name);
  }

  axes() {
    const { points } = this;
    const { left, top, wide, tall } = this.room();
    points.font = `12px ${this.font}`;
    points.fillStyle = this.colour("--ink");
    points.strokeStyle = this.colour("--line");
    points.textAlign = "center";
    points.beginPath();
    const [low, high] = [this.value(left, top + tall), this.value(left + wide, top)];
    for (const x of ticks(low[0], high[0])) {
      const [px] = this.spot(x, 0);
      points.moveTo(px, top);
      points.lineTo(px, top + tall);
      points.fillText(this.tick(x, 0), px, top + tall + 15);
    }
    points.textAlign = "right";
    for (const y of ticks(low[1], high[1])) {
      const [, py] = this.spot(0, y);
      points.moveTo(left, py);
      points.lineTo(left + wide, py);
      points.fillText(this.tick(y, 1), left - 6, py + 4);
    }
    points.lineWidth = 1;
    points.globalAlpha = 0.5;
    if (!this.ground) points.stroke();
    points.globalAlpha = 1;
    points.textAlign = "center";
    points.fillText(this.data.axes[0].name, left + wide / 2, top + tall + 34, wide);
    points.save();
    points.translate(11, top + tall / 2);
    points.rotate(-Math.PI / 2);
    points.fillText(this.data.axes[1].name, 0, 0, tall);
    points.restore();
  }

  tick(value, side) {
    const words = Math.abs(value) < 10000 ? String(Number(value.toPrecision(6))) : short.format(value);
    return this.data.axes[side].power ? `10${words.replace(/./g, (letter) => RAISED[letter] ?? letter)}` : words;
  }

  // Words of dense places, the largest first; those that would lie on others are left out.
  regions() {
    const { points } = this;
    const taken = [];
    points.textAlign = "center";
    points.lineJoin = "round";
    for (const { x, y, text, size } of this.data.words) {
      points.font = `600 ${size}px ${this.font}`;
      const half = points.measureText(text).width / 2 + 4;
      const [at, py] = this.spot(x, y);
      if (at < 0 || at > this.width || py < size || py > this.height || 2 * half > this.width) continue;
      const px = Math.max(half, Math.min(this.width - half, at));
      const box = [px - half, py - size, px + half, py + 6];
      if (taken.some((one) => box[0] < one[2] && one[0] < box[2] && box[1] < one[3] && one[1] < box[3])) continue;
      taken.push(box);
      points.lineWidth = 4;
      points.strokeStyle = this.colour("--ground");
      points.strokeText(text, px, py);
      points.fillStyle = this.colour("--ink");
      points.fillText(text, px, py);
    }
  }

  // What lies above the points: the hovered one, the marked ones, the lasso.
  mark() {
    const { over } = this;
    if (!this.data) return;
    over.clearRect(0, 0, this.width, this.height);
    for (const { x, y, kind, text } of this.data.marks) this.ring(this.spot(x, y), kind === "query" ? 9 : 8, kind, text);
    if (this.here >= 0) this.ring(this.place(this.here), 6);
    if (!this.line) return;
    over.beginPath();
    for (const [x, y] of this.line) over.lineTo(x, y);
    over.closePath();
    over.fillStyle = "rgba(15,143,132,0.12)";
    over.strokeStyle = "#0F8F84";
    over.lineWidth = 1.5;
    over.fill();
    over.stroke();
  }

  ring([x, y], radius, kind, text) {
    const { over } = this;
    over.beginPath();
    if (kind === "query") star(over, x, y, radius);
    else over.arc(x, y, radius, 0, 2 * Math.PI);
    over.lineWidth = 4;
    over.strokeStyle = this.colour("--ground");
    over.stroke();
    over.lineWidth = 2;
    over.strokeStyle = this.colour("--ink");
    over.stroke();
    if (kind === "query") {
      over.fillStyle = this.colour("--ink");
      over.fill();
    }
    if (!text) return;
    over.font = `600 13px ${this.font}`;
    over.textAlign = x > this.width - 160 ? "right" : "left";
    const beside = x + (x > this.width - 160 ? -14 : 14);
    over.lineWidth = 4;
    over.strokeStyle = this.colour("--ground");
    over.strokeText(text, beside, y - 8);
    over.fillStyle = this.colour("--ink");
    over.fillText(text, beside, y - 8);
  }
}

function star(context, x, y, radius) {
  for (let k = 0; k < 10; k++) {
    const far = k % 2 ? radius * 0.45 : radius;
    context.lineTo(x + far * Math.sin((k * Math.PI) / 5), y - far * Math.cos((k * Math.PI) / 5));
  }
  context.closePath();
}

function ticks(low, high) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((one) => one * power >= rough) * power;
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high; v += step) found.push(Math.abs(v) < step / 1e6 ? 0 : v);
  return found;
}
