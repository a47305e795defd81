// The console's page. Every text from outside goes through textContent, so nothing an executor says can become markup.

const stateLook = {
  running: "good",
  healthy: "good",
  "warming-up": "warn",
  initializing: "warn",
  restoring: "warn",
  progressing: "warn",
  stopped: "muted",
  "not running": "muted",
};
const stageLook = { running: "good", stopped: "muted" };
const columns = ["STRATEGY", "STAGE", "STATE", "EVENTS", "ORDERS", "FILLS", "EQUITY", "", "DRAWDOWN", "MEMORY"];

function element(tag, look, text) {
  const made = document.createElement(tag);
  if (look) made.className = look;
  if (text !== undefined) made.textContent = text;
  return made;
}

function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}

function cell(label, text, look) {
  const made = element("div", look);
  made.append(element("span", "label", label), document.createTextNode(text));
  return made;
}

/** Money with thin groups; the text is a decimal string, so no digit is lost. */
function money(text) {
  if (text === null) return "–";
  const [whole = "0", cents = ""] = text.split(".");
  return `${whole.replace(/\B(?=(\d{3})+$)/g, "\u202f")}.${cents.padEnd(2, "0").slice(0, 2)}`;
}

function memory(row) {
  if (row.memoryBytes === null) return "–";
  const used = Math.round(row.memoryBytes / 2 ** 20);
  return row.memoryLimitBytes === null ? `${used} MiB` : `${used} of ${Math.round(row.memoryLimitBytes / 2 ** 20)} MiB`;
}

function sparkline(values, strategy) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 100 28");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `equity of ${strategy} over the last ${values.length} readings`);
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const points = values.map(
    (value, index) =>
      `${((index / (values.length - 1)) * 100).toFixed(2)} ${(25 - ((value - low) / span) * 22).toFixed(2)}`,
  );
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", `M${points.join("L")}`);
  svg.append(path);
  return svg;
}

function strategyRow(row) {
  const made = element("li", "row");
  const spark = element("div", "sparkcell");
  if (row.equityTrail.length > 1) spark.append(sparkline(row.equityTrail, row.strategy));
  const number = (value) => (value === null ? "–" : String(value));
  made.append(
    element("div", "name", row.strategy),
    cell("stage", row.stage, stageLook[row.stage] ?? "warn"),
    cell("state", row.state, stateLook[row.state] ?? "bad"),
    cell("events", number(row.events), "number"),
    cell("orders", number(row.orders), "number"),
    cell("fills", number(row.fills), "number"),
    cell("equity", money(row.equity), "number"),
    spark,
    cell("drawdown", row.drawdown === null ? "–" : `${(Number(row.drawdown) * 100).toFixed(1)}%`, "number"),
    cell("memory", memory(row), "number"),
  );
  // A running strategy whose order was refused is no alarm: the limits work.
  if (row.problem !== null)
    made.append(element("div", row.stage === "running" ? "problem note" : "problem", row.problem));
  return made;
}

function headRow() {
  const made = element("li", "row head");
  made.setAttribute("aria-hidden", "true");
  for (const [index, name] of columns.entries())
    made.append(element("div", index > 2 && index !== 7 ? "number" : "", name));
  return made;
}

function proposalItem(proposal) {
  const made = element("li");
  const look = { passed: "good", refused: "bad" }[proposal.gate] ?? "warn";
  made.append(
    element("span", "mono", `#${proposal.number}`),
    element("span", "grow", proposal.title),
    element("span", look, `gate ${proposal.gate}: ${proposal.gateSummary}`),
    element("span", "muted", proposal.mergedAs === null ? proposal.state : `merged ${proposal.mergedAs.slice(0, 7)}`),
    element("span", "muted", proposal.author),
  );
  return made;
}

function commitItem(commit) {
  const made = element("li");
  const time = element("time", "muted", new Date(commit.timeSeconds * 1000).toLocaleString());
  time.dateTime = new Date(commit.timeSeconds * 1000).toISOString();
  made.append(
    element("span", "mono", commit.sha.slice(0, 7)),
    element("span", "grow", commit.subject),
    element("span", "muted", commit.author),
    time,
  );
  return made;
}

function fact(name, text, look) {
  const made = element("div");
  made.append(element("dt", "", name), element("dd", look, text));
  return made;
}

function facts(overview) {
  const short = (sha) => (sha === null ? "–" : sha.slice(0, 7));
  const made = [
    fact("main", short(overview.main), "mono"),
    fact("rendered", short(overview.environmentHead), "mono"),
    fact("synced", short(overview.revision), "mono"),
    fact(
      "gateway",
      overview.gatewayReason === null ? overview.gateway : `${overview.gateway} · ${overview.gatewayReason}`,
      overview.gateway === "online" ? "good" : "bad",
    ),
  ];
  for (const feed of overview.feeds) {
    const day = feed.ts === null ? "" : ` · at ${new Date(feed.ts / 1000).toISOString().slice(0, 10)}`;
    made.push(
      fact(
        `feed ${feed.name}`,
        `${feed.state} · ${feed.from} … ${feed.to}${day}`,
        feed.state === "online" ? "" : "bad",
      ),
    );
  }
  return made;
}

function show(overview) {
  document.title = `slipway · ${overview.environment}`;
  byId("environment").textContent = overview.environment;
  byId("branch").textContent = `env/${overview.environment}`;
  byId("facts").replaceChildren(...facts(overview));
  byId("none").hidden = overview.rows.length > 0;
  byId("strategies").hidden = overview.rows.length === 0;
  byId("strategies").replaceChildren(headRow(), ...overview.rows.map(strategyRow));
  byId("proposals").replaceChildren(
    ...(overview.proposals.length > 0 ? overview.proposals.map(proposalItem) : [element("li", "muted", "none yet")]),
  );
  byId("commits").replaceChildren(
    ...(overview.commits.length > 0 ? overview.commits.map(commitItem) : [element("li", "muted", "none yet")]),
  );
  byId("isolation").textContent = overview.isolation.length > 0 ? `Limits here: ${overview.isolation.join(" · ")}` : "";
}

function connection(text, look) {
  const status = byId("connection");
  if (status.textContent === text) return;
  status.textContent = text;
  status.className = `status ${look}`;
}

const events = new EventSource("/api/events");
events.addEventListener("overview", (event) => {
  show(JSON.parse(event.data));
  connection("● live", "good");
});
events.addEventListener("fault", (event) => connection(`● ${JSON.parse(event.data).message}`, "bad"));
events.onerror = () => connection("● connection lost; trying again. Is slipway up running?", "bad");
