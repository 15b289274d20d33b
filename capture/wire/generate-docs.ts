// SPDX-License-Identifier: Apache-2.0
// The event and error references, in Markdown.
import type { Field, Model } from "./model.js";

export function emitEventReference(model: Model): string {
  const events = model.events.map(
    (event) => `### ${event.name}

${event.doc}. Id ${event.id}; ${event.tier}; calls: ${event.calls.join(", ") || "none"}.

${table(event.params)}`,
  );
  return `# Events

Generated from capture/wire/events.yaml. Schema ${model.major}.${model.minor}, digest ${model.schema.toString(16)}.

## Process

${table(model.process)}

## Descriptor

${table(model.descriptor)}

## Events

${events.join("\n\n")}
`;
}

function table(fields: readonly Field[]): string {
  const rows = fields.map(
    (field) =>
      `| ${field.name} | ${field.type}${field.table ? ` ${field.table}` : ""} | ${field.from ? `= ${field.from}` : `slot ${field.slot}`} | ${field.doc} |`,
  );
  return `| name | type | where | meaning |\n|---|---|---|---|\n${rows.join("\n")}`;
}

export function emitErrorReference(model: Model): string {
  const rows = model.errors.map((row) => `| ${row.code} | ${row.message} | ${row.hint} | ${row.exit} |`);
  return `# Errors\n\nGenerated from capture/wire/errors.yaml.\n\n| code | message | what to do | exit |\n|---|---|---|---|\n${rows.join("\n")}\n`;
}
