// SPDX-License-Identifier: Apache-2.0
// `vedette console`: asks a running Vedette for a ticket, and prints the address with which a browser comes
// in. The ticket stands behind a `#`, which a browser sends to nobody. Or it shows a store by itself, where
// nothing runs any more.
import { askControl, Control } from "../control/control.js";
import { explain, VedetteError } from "../errors.js";
import { say, warn } from "./failure.js";
import { print } from "./print.js";

interface Ticket {
  readonly ticket: string;
  readonly console: string | null;
}

/** The command's flags, as they were typed. */
export interface ConsoleFlags {
  readonly socket?: string;
  readonly store?: string;
  /** The folder of evidence beside that store; left out: none is shown. */
  readonly evidence?: string;
  /** Where a store is shown. */
  readonly at: string;
}

/** Throws what openConsole and openStore throw, and VEDETTE_USAGE. */
export async function showConsole({ socket, store, evidence, at }: ConsoleFlags): Promise<number> {
  if (socket !== undefined && store === undefined) return openConsole(socket);
  if (store !== undefined && socket === undefined) return openStore(store, evidence ?? null, at);
  const problem = "Give either --socket PATH, of a Vedette that runs, or --store PLACE.";
  throw new VedetteError("VEDETTE_USAGE", { command: "console", problem });
}

/** Prints the address. Throws VEDETTE_CONTROL_UNANSWERED, VEDETTE_CONSOLE_OFF. */
export async function openConsole(socket: string): Promise<number> {
  const { ticket, console: at } = (await askControl(socket, "/api/v1/tickets", "POST")) as Ticket;
  if (at === null) throw new VedetteError("VEDETTE_CONSOLE_OFF", { path: socket });
  print([`${at}#t=${ticket}`]);
  return 0;
}

/** Prints the address, and answers until SIGTERM or SIGINT. Throws VEDETTE_STORE_UNUSABLE. */
async function openStore(place: string, evidence: string | null, address: string): Promise<number> {
  const stopped = new Promise((done) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, done);
  });
  const nothing = { status: "red", judging: "nothing is judged here: this is a store" };
  const sources = {
    health: () => ({ isWell: false, json: `${JSON.stringify(nothing)}\n` }),
    metrics: async () => "",
    policies: () => [],
    sensors: () => [],
    incidents: () => [],
    ring: null,
    containerOf: () => null,
    from: "store" as const,
    evidence: () => evidence,
    onFault: (error: VedetteError) => warn(`vedette: ${explain(error)}`),
  };
  const flags = { store: place, mustBeThere: true, console: true, controlTcp: address };
  const control = await Control.open(flags, sources, []);
  print([control.entry() ?? ""]);
  say("vedette: the address lets one browser in; press Ctrl-C to end");
  const alive = setInterval(() => undefined, 1 << 30); // the door by itself keeps nobody
  await stopped;
  clearInterval(alive);
  await control.close();
  return 0;
}
