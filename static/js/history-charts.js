// The last hour and the last day as four charts: what ended, and how long what began had waited.

import { BarChart } from "./bar-chart.js";
import { formatAbout, formatClock, formatDuration } from "./clock.js";
import { number, t } from "./texts.js";

// What the axis of a wait may end at, in seconds.
const SECONDS = [1, 2, 5, 10, 20, 30, 60, 120, 180, 300, 480, 600, 900, 1200, 1800, 2700, 3600, 7200, 14400, 28800, 43200, 86400];
const seconds = (value) => (value === null ? "–" : formatDuration(value * 1000));

export class HistoryCharts {
  /** section: with a figure for each chart, data-chart="hour-ended", "hour-waited", "day-ended", "day-waited". */
  constructor(section) {
    this.charts = {};
    for (const span of ["hour", "day"]) {
      const place = (what) => section.querySelector(`[data-chart="${span}-${what}"]`);
      this.charts[span] = {
        ended: new BarChart(place("ended"), { format: number, series: ["succeeded", "failed", "cancelled"] }),
        waited: new BarChart(place("waited"), { format: seconds, series: ["average"], mark: "longest", ceilings: SECONDS, scale: formatAbout }),
      };
    }
  }

  /** seen: the overview, with `hour` and `day`. */
  show(seen) {
    for (const span of ["hour", "day"]) {
      const { steps } = seen[span];
      this.charts[span].ended.show(steps.map(endedIn), endedSentence(span, steps));
      this.charts[span].waited.show(steps.map(waitedIn), waitedSentence(span, steps));
    }
  }
}

const endedIn = ({ begin, succeeded, failed, cancelled }) => ({ label: formatClock(begin), values: [succeeded, failed, cancelled] });

const waitedIn = ({ begin, average_wait_seconds: average, longest_wait_seconds: longest }) => ({
  label: formatClock(begin),
  values: [average],
  mark: longest,
});

const sum = (steps, name) => steps.reduce((total, step) => total + step[name], 0);

function endedSentence(span, steps) {
  const [succeeded, failed, cancelled] = ["succeeded", "failed", "cancelled"].map((name) => sum(steps, name));
  if (!succeeded && !failed && !cancelled) return t(`chart.${span}.nothing_ended`);
  return t(`chart.${span}.ended`, { succeeded: number(succeeded), failed: number(failed), cancelled: number(cancelled) });
}

function waitedSentence(span, steps) {
  const started = sum(steps, "started");
  if (!started) return t(`chart.${span}.nothing_started`);
  const waited = steps.reduce((total, step) => total + step.started * (step.average_wait_seconds ?? 0), 0);
  const longest = Math.max(...steps.map((step) => step.longest_wait_seconds ?? 0));
  return t(`chart.${span}.waited`, { n: number(started), average: seconds(waited / started), longest: seconds(longest) });
}
