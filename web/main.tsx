// SPDX-License-Identifier: Apache-2.0
// The console: a page that asks the control API. The part of the address behind `#` says which screen it
// shows.
import { render } from "preact";
import { followPlace, path, query } from "./place.js";
import { Entry } from "./screens/entry.js";
import { Events } from "./screens/events.js";
import { Findings } from "./screens/findings.js";
import { Incident } from "./screens/incident.js";
import { Incidents } from "./screens/incidents.js";
import { Monitor } from "./screens/monitor.js";
import { Network } from "./screens/network.js";
import { Outputs } from "./screens/outputs.js";
import { Overview } from "./screens/overview.js";
import { Policies } from "./screens/policies.js";
import { Processes } from "./screens/processes.js";
import { Sensors } from "./screens/sensors.js";
import { Tenants } from "./screens/tenants.js";
import { access, enter, leave, mayAct, tenant } from "./session.js";

const SCREENS = [
  { path: "/", title: "Overview", Screen: Overview },
  { path: "/incidents", title: "Incidents", Screen: Incidents },
  { path: "/findings", title: "Findings", Screen: Findings },
  { path: "/events", title: "Events", Screen: Events },
  { path: "/processes", title: "Processes", Screen: Processes },
  { path: "/network", title: "Network", Screen: Network },
  { path: "/policies", title: "Policies", Screen: Policies },
  { path: "/monitor", title: "Monitor", Screen: Monitor },
  { path: "/tenants", title: "Tenants", Screen: Tenants },
  { path: "/sensors", title: "Sensors", Screen: Sensors, isForOperator: true },
  { path: "/outputs", title: "Outputs", Screen: Outputs, isForOperator: true },
];

function Console() {
  if (access.value === "unknown") return <p class="quiet">Looking …</p>;
  if (access.value === "out") return <Entry />;
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("content")?.focus()}>
        Skip to the content
      </button>
      <header>
        <strong>Vedette</strong>
        <nav aria-label="Screens">
          {SCREENS.filter(({ isForOperator = false }) => tenant.value === null || !isForOperator).map(
            ({ path: to, title }) => (
              <a key={to} href={`#${to}`} aria-current={isAt(to) ? "page" : undefined}>
                {title}
              </a>
            ),
          )}
        </nav>
        <span class="quiet">{whoLooks()}</span>
        <button type="button" onClick={() => void leave()}>
          Leave
        </button>
      </header>
      <main id="content" tabIndex={-1}>
        <Shown />
      </main>
    </>
  );
}

function Shown() {
  const [, id] = /^\/incidents\/([\w-]+)$/.exec(path.value) ?? [];
  if (id !== undefined) return <Incident id={id} />;
  const found = SCREENS.find(({ path: to }) => to === path.value);
  if (found === undefined) return <p class="problem">There is no such screen.</p>;
  return <found.Screen key={String(query.value)} />; // another query is another look
}

function whoLooks(): string {
  if (tenant.value !== null) return `tenant ${tenant.value}`;
  return mayAct.value ? "operator" : "viewer: may look, and change nothing";
}

function isAt(to: string): boolean {
  return path.value === to || (to !== "/" && path.value.startsWith(`${to}/`));
}

await enter().catch(() => {
  access.value = "out";
});
followPlace();
render(<Console />, document.getElementById("console")!);
