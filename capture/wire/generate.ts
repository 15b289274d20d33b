// SPDX-License-Identifier: Apache-2.0
// Writes build/generated/ from the tables beside this file. Run: npx tsx capture/wire/generate.ts
// A file is only touched when its content changed, so that make and tsc rebuild no more than they must.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { emitAssemblyScript } from "./generate-as.js";
import { emitErrorsHeader, emitEventsHeader } from "./generate-cpp.js";
import { emitErrorReference, emitEventReference } from "./generate-docs.js";
import { emitErrorsModule, emitEventsModule, emitFlagsModule } from "./generate-ts.js";
import { emitCallReference, readKernelCalls } from "./kernel-calls.js";
import { readModel } from "./model.js";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "../../build/generated");
const model = readModel(here);
const eventOf = new Map(
  model.events.flatMap((event) => event.calls.map((call): [string, string] => [call, event.name])),
);

const outputs: Record<string, string> = {
  "events.h": emitEventsHeader(model),
  "errors.h": emitErrorsHeader(model),
  "events.ts": emitEventsModule(model),
  "flags.ts": emitFlagsModule(model),
  "errors.ts": emitErrorsModule(model),
  ...emitAssemblyScript(model),
  "docs/events.md": emitEventReference(model),
  "docs/errors.md": emitErrorReference(model),
  "docs/calls.md": emitCallReference(readKernelCalls(here), eventOf),
};

for (const [file, text] of Object.entries(outputs)) writeIfChanged(join(target, file), text);

function writeIfChanged(path: string, text: string): void {
  try {
    if (readFileSync(path, "utf8") === text) return;
  } catch {
    mkdirSync(dirname(path), { recursive: true });
  }
  writeFileSync(path, text);
}
