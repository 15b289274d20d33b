// SPDX-License-Identifier: Apache-2.0
// `vedette console`: asks a running Vedette for a ticket, and prints the address with which a browser comes
// in. The ticket stands behind a `#`, which a browser sends to nobody.
import { askControl } from "../control/control.js";
import { VedetteError } from "../errors.js";
import { print } from "./print.js";

interface Ticket {
  readonly ticket: string;
  readonly console: string | null;
}

/** Prints the address. Throws VEDETTE_CONTROL_UNANSWERED, VEDETTE_CONSOLE_OFF. */
export async function openConsole(socket: string): Promise<number> {
  const { ticket, console: at } = (await askControl(socket, "/api/v1/tickets", "POST")) as Ticket;
  if (at === null) throw new VedetteError("VEDETTE_CONSOLE_OFF", { path: socket });
  print([`${at}#t=${ticket}`]);
  return 0;
}
