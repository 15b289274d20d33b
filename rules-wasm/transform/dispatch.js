// SPDX-License-Identifier: Apache-2.0
// Writes the entry file of a policy: the exports of the ABI, and the loop over a frame's records with one
// case for each event type that a rule judges. A record of any other type costs two loads and the jump table.
//
//   case 41: { moveTo(i); judge(0, rule0(as<AnyOpen>(at)), at); meter0(as<AnyOpen>(at)); break; }
import { regionSize } from "./meters.js";

export const ENTRY_FILE = "vedette-entry.ts";

/**
 * @param {import("./types.js").FoundRule[]} rules
 * @param {import("./types.js").Contract} contract
 * @param {import("./types.js").FoundMeasures} measures
 * @param {{isTraced: boolean, asksForFacts: boolean}} how isTraced: judges one record of a frame, and says
 *   its way to an answer; asksForFacts: the host tells it of the container
 */
export function dispatchSource(rules, contract, { instruments, meters, facts }, { isTraced, asksForFacts }) {
  const tells = meters.length > 1;
  const classes = [...new Set([...rules, ...meters].map(({ className }) => className))].filter((name) => name !== "Event");
  return `import { FRAME, FRAME_SIZE, openFrame, recordsBegin, recordsLimit, recordAfter, recordType } from "vedette/wire/frame";
import { as, index, moveTo } from "vedette/wire/cursor";
import { judge, takeRaised } from "vedette/wire/alert";
import { closeSettings } from "vedette/wire/settings";
import "vedette/wire/abort";
${isTraced ? 'import { answered, beginTrace, tellTrace } from "vedette/wire/trace";' : ""}
import { layState, regionAddress, regionDirty, regionSchema, regionSize } from "vedette/state/table";
import { settle, empty } from "vedette/wire/memory";
import { Event } from "vedette/event";
${classes.length > 0 ? `import { ${classes.join(", ")} } from "vedette/generated/events";` : ""}
${rules.map((rule, i) => `import { ${rule.functionName} as rule${i} } from "./${rule.module}";`).join("\n")}
${meters.map((meter, i) => `import { ${meter.functionName} as meter${i} } from "./${meter.module}";`).join("\n")}
${rules.length + meters.length === 0 ? 'import "./index";' : ""}
${instruments.length === 0 ? "" : metricsSource(instruments)}
${asksForFacts ? FACTS_SOURCE : ""}
${facts.length === 0 ? "" : 'import { layFacts } from "vedette/fact";'}

export { index as vedette_record };
${tells ? "let judging: i32 = 0;\nexport { judging as vedette_judge };" : ""}
export { regionAddress as vedette_state, regionSchema as vedette_state_schema, regionSize as vedette_state_size, regionDirty as vedette_state_dirty };
export const vedette_abi: i32 = 1;
export const vedette_frame: i32 = <i32>FRAME;
export const vedette_frame_size: i32 = <i32>FRAME_SIZE;

export function vedette_init(size: i32): i32 {
  ${isTraced ? "tellTrace();" : ""}
  closeSettings();
  layState();
  ${instruments.length === 0 ? "" : `layMetrics(METRICS, METRICS_SIZE, ${JSON.stringify(instruments.map(({ name }) => name))});`}
  ${facts.length === 0 ? "" : `layFacts(${JSON.stringify(facts.map(({ name }) => name))});`}
  settle();
  return 0;
}

export function vedette_on_batch(size: i32): i32 {
  if (!openFrame(size)) return -1;
  const end = recordsLimit();
  ${isTraced ? "beginTrace();" : ""}
  let i: u32 = 0;
  for (let at = recordsBegin(); at < end; at = recordAfter(at)) {
    switch (recordType(at)) {
${cases(rules, meters, contract, { isTraced, tells })}
    }
    i++;
    ${isTraced ? "break;" : ""}
  }
  empty();
  return takeRaised();
}
`;
}

const FACTS_SOURCE = `import { FACTS } from "vedette/falco/container";
export const vedette_facts: i32 = <i32>FACTS;`;

/** The region's place and size are constants, so that the host knows them before anything runs. */
function metricsSource(instruments) {
  const size = regionSize(instruments);
  return `import { layMetrics, metricsDirty } from "vedette/metric/region";
export { metricsDirty as vedette_metrics_dirty };
const METRICS_SIZE: u32 = ${size};
const METRICS: usize = memory.data(${size}, 8);
export const vedette_metrics: i32 = <i32>METRICS;
export const vedette_metrics_size: i32 = ${size};`;
}

/** `tells`: says before each of several which one it is, since a trap has no name. */
function cases(rules, meters, contract, { isTraced, tells }) {
  /** @type {Map<string, string[]>} */
  const byEvent = new Map();
  let judges = 0;
  const call = (events, judged) => {
    const text = tells ? `judging = ${judges++}; ${judged}` : judged;
    for (const event of events) byEvent.set(event, [...(byEvent.get(event) ?? []), text]);
  };
  rules.forEach(({ events, className }, i) => {
    const answer = `rule${i}(as<${className}>(at))`;
    call(events, `judge(${i}, ${isTraced ? `answered(${i}, ${answer})` : answer}, at);`);
  });
  meters.forEach(({ events, className }, i) => call(events, `meter${i}(as<${className}>(at));`));
  // Types with the same calls have them once: nine meters of twenty types would be as many calls.
  /** @type {Map<string, string[]>} */
  const byCalls = new Map();
  for (const [event, calls] of byEvent)
    byCalls.set(calls.join(" "), [...(byCalls.get(calls.join(" ")) ?? []), `case ${contract.ids[event]}:`]);
  return [...byCalls].map(([calls, labels]) => `      ${labels.join(" ")} { moveTo(i); ${calls} break; }`).join("\n");
}
