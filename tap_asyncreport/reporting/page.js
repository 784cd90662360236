"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const classes = data.phases.map((phase) => "p-" + data.styles[phase]);
  const WAITING = 0;
  let ROW = 26;
  const SPARE = 8;
  const MANY = 60;

  const grid = document.getElementById("lanes");
  if (!grid) return;
  const body = document.getElementById("lanes-body");
  const ticks = document.getElementById("ticks");
  const details = document.getElementById("lane-details");
  const shownCount = document.getElementById("lanes-shown");
  const filters = document.getElementById("filters");
  const view = document.getElementById("view");
  const crowd = document.getElementById("crowd");

  // whatever scrolls can be reached by the keyboard

  const reach = () => {
    for (const box of document.querySelectorAll(".scroll")) {
      const scrolls = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
      for (const [name, value] of [["tabindex", "0"], ["role", "region"], ["aria-label", box.querySelector("caption").textContent]])
        scrolls ? box.setAttribute(name, value) : box.removeAttribute(name);
    }
  };

  const lanes = data.lanes.map((lane, number) => {
    const spans = lane.spans;
    const began = spans.length ? spans[0][1] : 0;
    const ended = spans.length ? spans[spans.length - 1][2] : began;
    const working = spans.filter((span) => span[0] !== WAITING);
    const from = working.length ? working[0][1] : began;
    const name = [lane.stream, lane.partition, lane.window].filter(Boolean).join(" ");
    const text = [name, ...lane.jobs, lane.error || ""].join(" ").toLowerCase();
    return { ...lane, number, ended, from, took: ended - from, name, text };
  });

  let shown = lanes;
  let chosen = -1;

  // words

  const count = (value) => value.toLocaleString("en");

  const duration = (seconds) => {
    if (seconds < 0.9995) return Math.round(seconds * 1000) + " ms";
    if (seconds < 9.95) return seconds.toFixed(1) + " s";
    const whole = Math.round(seconds);
    const units = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];
    for (const [unit, name, part, partName] of units) {
      if (whole >= unit) {
        const rest = Math.floor((whole % unit) / part);
        return Math.floor(whole / unit) + " " + name + (rest ? " " + rest + " " + partName : "");
      }
    }
    return whole + " s";
  };

  const clock = (seconds) => new Date(Date.parse(data.started_at) + seconds * 1000).toISOString().slice(11, 19);

  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  // the time axis: the whole run, the lanes in view, or each lane from its own beginning

  let start = 0;
  let length = 1;

  const aligned = () => filters?.elements.clock.value === "lane";
  const zoomed = () => filters?.elements.clock.value === "view";
  const place = (lane, at) => (100 * (at - (aligned() ? lane.from : start))) / length;

  const range = () => {
    const first = Math.floor(grid.scrollTop / ROW);
    const seen = shown.slice(first, first + Math.max(1, Math.floor(grid.clientHeight / ROW) - 1));
    return [Math.min(...seen.map((lane) => lane.from)), Math.max(...seen.map((lane) => lane.ended))];
  };

  const measure = () => {
    const [from, until] = shown.length ? range() : [0, data.seconds];
    start = zoomed() ? from : 0;
    const whole = zoomed() ? until - from : aligned() ? Math.max(...shown.map((lane) => lane.took)) : data.seconds;
    length = Math.max(whole * 1.01, 0.001);
    mark(from, until);
    const steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
    const most = Math.max(1, Math.min(6, Math.floor(ticks.clientWidth / 80)));
    const step = steps.find((candidate) => length / candidate <= most) || 86400 * Math.ceil(length / 86400 / most);
    const marks = [];
    for (let at = Math.ceil(start / step) * step; at <= start + length * 0.97; at += step) marks.push(at);
    ticks.replaceChildren(...marks.map((at) => tick(at)));
  };

  const tick = (at) => {
    const made = element("span", at === start ? "first" : "", at ? duration(at) : "0");
    made.style.left = (100 * (at - start)) / length + "%";
    return made;
  };

  const mark = (from, until) => {
    if (!view) return;
    view.hidden = !shown.length || lanes.length < MANY;
    view.style.left = (100 * from) / data.seconds + "%";
    view.style.width = (100 * (until - from)) / data.seconds + "%";
  };

  // rows: only those in view exist

  const summary = (lane) =>
    lane.spans
      .filter((span) => span[2] > span[1] || span[0] === data.phases.indexOf("failed"))
      .map((span) => data.phases[span[0]] + (span[2] > span[1] ? " " + duration(span[2] - span[1]) : ""))
      .join(", ");

  const track = (lane) => {
    const cell = element("div", "track");
    cell.setAttribute("role", "gridcell");
    cell.setAttribute("aria-label", summary(lane));
    for (const [phase, from, until] of lane.spans) {
      const left = Math.max(-1, place(lane, from));
      const right = Math.min(101, place(lane, until));
      if (right < 0 || left > 100 || (aligned() && until <= lane.from)) continue;
      const piece = element("i", classes[phase]);
      piece.style.left = left + "%";
      piece.style.width = right - left + "%";
      cell.append(piece);
    }
    return cell;
  };

  const cell = (className, text) => {
    const made = element("div", className, text);
    made.setAttribute("role", "gridcell");
    return made;
  };

  const row = (lane, index) => {
    const made = element("div");
    made.setAttribute("role", "row");
    made.setAttribute("aria-rowindex", index + 2);
    made.setAttribute("aria-selected", index === chosen);
    made.id = "lane-" + lane.number;
    made.style.top = index * ROW + "px";
    made.title = lane.name + "\n" + lane.outcome;
    made.dataset.index = index;
    const label = cell("label", "");
    label.append(element("b", "", lane.stream), " " + [lane.partition, lane.window].filter(Boolean).join(" "));
    made.append(
      label,
      cell("job mono", lane.jobs[lane.jobs.length - 1] || ""),
      track(lane),
      cell("number", duration(lane.took)),
      cell("number rows" + (lane.outcome === "failed" ? " bad" : ""), lane.outcome === "written" ? count(lane.rows) : data.ends[lane.outcome])
    );
    return made;
  };

  const none = (text) => {
    const made = element("div", "none");
    made.setAttribute("role", "row");
    made.append(cell("", text));
    return made;
  };

  const draw = () => {
    measure();
    const first = Math.max(0, Math.floor(grid.scrollTop / ROW) - SPARE);
    const last = Math.min(shown.length, Math.ceil((grid.scrollTop + grid.clientHeight) / ROW) + SPARE);
    const rows = [];
    for (let index = first; index < last; index += 1) rows.push(row(shown[index], index));
    body.replaceChildren(...rows);
    if (!shown.length) body.append(none(lanes.length ? "No lane matches." : "No job ran."));
    if (chosen >= first && chosen < last) grid.setAttribute("aria-activedescendant", "lane-" + shown[chosen].number);
    else grid.removeAttribute("aria-activedescendant");
  };

  // filters and order

  const orders = {
    begin: (a, b) => a.from - b.from || a.number - b.number,
    longest: (a, b) => b.took - a.took || a.number - b.number,
    rows: (a, b) => b.rows - a.rows || a.number - b.number,
  };

  const filter = () => {
    const { stream, outcome, text, order } = filters.elements;
    const wanted = text.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const kept = chosen >= 0 ? shown[chosen] : null;
    shown = lanes
      .filter((lane) => !stream.value || lane.stream === stream.value)
      .filter((lane) => !outcome.value || lane.outcome === outcome.value)
      .filter((lane) => wanted.every((word) => lane.text.includes(word)))
      .sort(orders[order.value]);
    chosen = kept ? shown.indexOf(kept) : -1;
    if (chosen < 0) details.replaceChildren(element("p", "soft", "Choose a lane with a click or the arrow keys to see its phases."));
    fit();
    grid.scrollTop = 0;
    draw();
  };

  const fit = () => {
    ROW = parseFloat(getComputedStyle(grid).getPropertyValue("--row"));
    grid.setAttribute("aria-rowcount", shown.length + 1);
    body.style.height = Math.max(shown.length * ROW, 80) + "px";
    grid.style.height = Math.min(Math.max(shown.length * ROW, 80) + ROW, 24 * 26) + 4 + "px";
    const all = count(lanes.length) + (lanes.length === 1 ? " lane" : " lanes");
    if (shownCount) shownCount.textContent = shown.length === lanes.length ? all : count(shown.length) + " of " + all;
  };

  // one lane in full

  const fact = (name, value) => {
    const pair = element("div");
    pair.append(element("dt", "", name), element("dd", "", value));
    return pair;
  };

  const tell = (lane) => {
    const facts = element("dl");
    facts.append(fact("Outcome", lane.outcome), fact("Rows", count(lane.rows)), fact("Bytes", count(lane.bytes)), fact("Polls", count(lane.polls)));
    facts.append(fact("Attempts", count(lane.attempts)), fact(lane.jobs.length === 1 ? "Job" : "Jobs", lane.jobs.join(", ") || "none"));
    const table = element("table");
    const head = table.createTHead().insertRow();
    for (const [title, className] of [["Phase", ""], ["At (UTC)", "number"], ["After", "number"], ["For", "number"]]) {
      const made = element("th", className, title);
      made.scope = "col";
      head.append(made);
    }
    const rows = table.createTBody();
    for (const [phase, start, end] of lane.spans) {
      const line = rows.insertRow();
      const name = element("td");
      name.append(element("span", "swatch " + classes[phase]), data.phases[phase]);
      line.append(name, element("td", "number", clock(start)), element("td", "number", duration(start)), element("td", "number", end > start ? duration(end - start) : ""));
    }
    details.replaceChildren(element("h3", "", lane.name), facts);
    if (lane.error) details.append(element("pre", "", lane.error));
    details.append(table);
  };

  const choose = (index) => {
    if (!shown.length) return;
    chosen = Math.max(0, Math.min(shown.length - 1, index));
    const top = chosen * ROW;
    const room = grid.clientHeight - ROW;
    if (top < grid.scrollTop) grid.scrollTop = top;
    else if (top + ROW > grid.scrollTop + room) grid.scrollTop = top + ROW - room;
    draw();
    tell(shown[chosen]);
  };

  grid.addEventListener("scroll", draw, { passive: true });
  window.addEventListener("resize", () => {
    reach();
    fit();
    draw();
  });
  reach();
  if (!filters) {
    fit();
    draw();
    return;
  }
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("input", filter);
  body.addEventListener("click", (event) => {
    const hit = event.target.closest("[role=row]");
    if (hit) choose(Number(hit.dataset.index));
  });
  grid.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(grid.clientHeight / ROW) - 2);
    const moves = { ArrowDown: chosen + 1, ArrowUp: chosen - 1, PageDown: chosen + page, PageUp: chosen - page, Home: 0, End: shown.length - 1 };
    if (event.key in moves && !event.altKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      choose(moves[event.key]);
    }
  });
  crowd?.addEventListener("click", (event) => {
    const box = crowd.getBoundingClientRect();
    const at = (data.seconds * (event.clientX - box.left)) / box.width;
    const found = shown.findIndex((lane) => lane.from >= at);
    choose(found < 0 ? shown.length - 1 : found);
  });
  if (lanes.length >= MANY) filters.elements.clock.value = "view";
  filter();
})();
