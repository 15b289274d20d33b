// SPDX-License-Identifier: Apache-2.0
// The console: a page that asks the control API. The part of the address behind `#` says which screen it
// shows.
import { render } from "preact";
import { Keys } from "./keys.js";
import { News } from "./news.js";
import { followPlace, path, query } from "./place.js";
import { Draft } from "./screens/draft.js";
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
import { Policy } from "./screens/policy.js";
import { Processes } from "./screens/processes.js";
import { Sensors } from "./screens/sensors.js";
import { Tenants } from "./screens/tenants.js";
import { access, enter, leave, mayAct, mayTest, tenant } from "./session.js";
import { followTheme, ThemeChoice } from "./theme.js";

const SCREENS = [
  { path: "/", letter: "o", title: "Overview", Screen: Overview },
  { path: "/incidents", letter: "i", title: "Incidents", Screen: Incidents },
  { path: "/findings", letter: "f", title: "Findings", Screen: Findings },
  { path: "/events", letter: "e", title: "Events", Screen: Events },
  { path: "/processes", letter: "p", title: "Processes", Screen: Processes },
  { path: "/network", letter: "n", title: "Network", Screen: Network },
  { path: "/policies", letter: "l", title: "Policies", Screen: Policies },
  { path: "/monitor", letter: "m", title: "Monitor", Screen: Monitor },
  { path: "/tenants", letter: "t", title: "Tenants", Screen: Tenants },
  { path: "/sensors", letter: "s", title: "Sensors", Screen: Sensors, isForOperator: true },
  { path: "/outputs", letter: "u", title: "Outputs", Screen: Outputs, isForOperator: true },
];
const OF_TENANT = SCREENS.filter(({ isForOperator = false }) => !isForOperator);

function Console() {
  if (access.value === "unknown") return <p class="quiet">Looking …</p>;
  if (access.value === "out") return <Entry />;
  const screens = tenant.value === null ? SCREENS : OF_TENANT;
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("content")?.focus()}>
        Skip to the content
      </button>
      <header>
        <strong>Vedette</strong>
        <nav aria-label="Screens">
          {screens.map(({ path: to, title }) => (
            <a key={to} href={`#${to}`} aria-current={isAt(to) ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <span class="quiet">{whoLooks()}</span>
        <ThemeChoice />
        <Keys screens={screens} />
        <button type="button" onClick={() => void leave()}>
          Leave
        </button>
      </header>
      <News />
      <main id="content" tabIndex={-1}>
        <Shown />
      </main>
    </>
  );
}

function Shown() {
  const [, id] = /^\/incidents\/([\w-]+)$/.exec(path.value) ?? [];
  if (id !== undefined) return <Incident id={id} />;
  const policy = query.value.get("policy");
  if (path.value === "/policies" && policy !== null) {
    const One = query.value.has("draft") && mayTest.value ? Draft : Policy;
    return <One key={String(query.value)} tenant={query.value.get("tenant") ?? ""} policy={policy} />;
  }
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

followTheme();
await enter().catch(() => {
  access.value = "out";
});
followPlace();
render(<Console />, document.getElementById("console")!);
