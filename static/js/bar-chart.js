// Bars over time, drawn as SVG: stacked parts with a colour and a pattern each, or one bar with a mark above it. Its
// title and one sentence stand in the page and name the drawing; a table has all its numbers.

import { partsOf, write } from "./parts.js";
import { t } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 150;
const LEFT = 6, TOP = 20, BOTTOM = 22; // room for the labels, in pixels
const GAP = 0.24; // of a step, between two bars
const NARROW = 360;
const ROUND = [1, 1.5, 2, 3, 4, 5, 6, 8, 10];

export class BarChart {
  #steps = [];
  #drawn = "";

  /**
   * figure: from templates/parts/chart.html. series: names of the parts of a bar, from the bottom; the words are
   * `chart.<name>`. mark: the name of the mark. format: a value as text. ceilings: values that the axis may end at.
   * scale: such a value as text.
   */
  constructor(figure, { series, mark = "", format, ceilings = [], scale = format }) {
    Object.assign(this, { figure, series, mark, format, ceilings, scale, parts: partsOf(figure) });
    new ResizeObserver(() => this.#draw()).observe(this.parts.plot);
    this.parts.legend.append(...[...series, mark].filter(Boolean).map(legendOf));
    const head = [t("chart.from"), ...[...series, mark].filter(Boolean).map((name) => t(`chart.${name}`))];
    this.parts.head.append(...head.map((text) => Object.assign(document.createElement("th"), { scope: "col", textContent: text })));
  }

  /** steps: {label, values: one for each of the series or null, mark}, the last one not over yet. sentence: the main figures. */
  show(steps, sentence) {
    this.#steps = steps;
    write(this.parts.sentence, sentence);
    const nothing = this.#top() === 0;
    this.parts.plot.hidden = this.parts.legend.hidden = this.parts.table.hidden = nothing;
    if (nothing) return;
    this.#tabulate();
    this.#draw();
  }

  #top() {
    return Math.max(0, ...this.#steps.map(({ values, mark }) => Math.max(mark ?? 0, values.reduce((sum, value) => sum + (value ?? 0), 0))));
  }

  #tabulate() {
    const { body } = this.parts;
    this.#steps.forEach(({ label, values, mark }, place) => {
      const row = body.rows[place] ?? body.insertRow();
      const open = place === this.#steps.length - 1 ? ` ${t("chart.so_far")}` : "";
      const cells = [label + open, ...values.map(this.format), ...(this.mark ? [this.format(mark ?? null)] : [])];
      cells.forEach((text, column) => {
        const cell = row.cells[column] ?? row.appendChild(document.createElement(column ? "td" : "th"));
        if (!column) cell.scope = "row";
        write(cell, text);
      });
    });
  }

  #draw() {
    const { plot } = this.parts;
    const width = Math.floor(plot.clientWidth);
    const state = JSON.stringify([width, this.#steps]);
    if (!width || !this.#steps.length || state === this.#drawn) return;
    this.#drawn = state;
    const top = ceiling(this.#top(), this.ceilings);
    const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
    const step = (width - LEFT) / this.#steps.length;
    const drawing = make("g", {});
    for (const value of [top, top / 2]) {
      drawing.append(make("line", { class: "chart__grid", x1: 0, x2: width, y1: y(value), y2: y(value) }));
    }
    drawing.append(make("text", { class: "chart__label", x: 0, y: TOP - 6 }, this.scale(top)));
    this.#steps.forEach((entry, place) => drawing.append(this.#bar(entry, LEFT + place * step, step, y)));
    drawing.append(make("line", { class: "chart__base", x1: 0, x2: width, y1: y(0), y2: y(0) }), ...this.#times(width, step));
    this.parts.drawing.replaceChildren(drawing);
    this.parts.svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.parts.svg.setAttribute("height", String(HEIGHT));
  }

  #bar({ label, values, mark }, x, step, y) {
    const bar = make("g", {});
    const left = x + (step * GAP) / 2, width = step * (1 - GAP);
    let below = 0;
    values.forEach((value, index) => {
      if (!value) return;
      const high = y(below) - y(below + value);
      const shape = { x: left, y: y(below + value), width, height: Math.max(high, 1.5) };
      const name = this.series[index];
      const fill = name === "failed" ? { fill: "url(#chart-hatch)" } : {}; // a pattern as well as a colour
      bar.append(make("rect", { class: `chart__bar chart__bar--${name}`, ...fill, ...shape }));
      below += value;
    });
    if (mark) {
      const middle = left + width / 2;
      bar.append(make("line", { class: "chart__stem", x1: middle, x2: middle, y1: y(mark), y2: y(below) }));
      bar.append(make("line", { class: "chart__mark", x1: left, x2: left + width, y1: y(mark), y2: y(mark) }));
    }
    const told = [...this.series.map((name, index) => [name, values[index]]), [this.mark, mark]].filter(([name]) => name);
    const words = told.map(([name, value]) => `${t(`chart.${name}`)} ${this.format(value ?? null)}`);
    bar.append(make("title", {}, `${label}: ${words.join(", ")}`));
    return bar;
  }

  #times(width, step) {
    const middle = Math.floor(this.#steps.length / 2);
    const at = { class: "chart__label", y: HEIGHT - 6 };
    const times = [make("text", { ...at, x: 0 }, this.#steps[0].label)];
    if (width > NARROW / 2) times.push(make("text", { ...at, x: LEFT + middle * step, "text-anchor": "middle" }, this.#steps[middle].label));
    times.push(make("text", { ...at, x: width, "text-anchor": "end" }, t("chart.now")));
    return times;
  }
}

function make(name, attributes, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text) element.textContent = text;
  return element;
}

function legendOf(name) {
  const item = document.createElement("li");
  item.className = `legend legend--${name}`;
  item.textContent = t(`chart.${name}`);
  return item;
}

/** The axis ends at a round value: one of the ceilings, else a few times a power of ten. */
function ceiling(value, ceilings) {
  const fit = ceilings.find((candidate) => candidate >= value);
  if (fit) return fit;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ROUND.find((factor) => factor * power >= value);
}
