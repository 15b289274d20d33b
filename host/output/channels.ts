// SPDX-License-Identifier: Apache-2.0
// Where the alerts of a command go: one or more of stderr, stdout, a file and an HTTP receiver, each with one line an alert. A
// terminal gets text for a person unless the form is settled; everybody else gets Falco's JSON. All that comes at once is
// written at once.
import { isatty } from "node:tty";
import type { VedetteError } from "../errors.js";
import { type Alert, type AlertStyle, alertJson, alertSentence } from "./alert.js";
import { alertText, escaped } from "./alert-text.js";
import type { HttpOutput, HttpSettings } from "./http.js";
import { openSink, type Sink } from "./sink.js";

export interface ChannelOptions {
  /** `stderr`, `stdout` or a file, each. */
  readonly targets: readonly string[];
  readonly http?: HttpSettings | null;
  readonly style?: AlertStyle;
  /** undefined: as is best for whoever reads. `text` is Falco's sentence, with control characters as JSON writes them. */
  readonly form?: "json" | "text";
  readonly onFault: (error: VedetteError) => void;
}

interface Target {
  readonly sink: Sink;
  readonly line: (alert: Alert) => string;
}

export class Channels {
  readonly #targets: readonly Target[];
  readonly #http: HttpOutput | null;
  readonly #style: AlertStyle;
  #isScheduled = false;

  /** The HTTP client is loaded only where there is a receiver. */
  static async open(options: ChannelOptions): Promise<Channels> {
    const { http = null, onFault } = options;
    if (http === null) return new Channels(options, null);
    const { HttpOutput } = await import("./http.js");
    return new Channels(options, new HttpOutput(http, onFault));
  }

  private constructor({ targets, style = {}, form, onFault }: ChannelOptions, http: HttpOutput | null) {
    this.#style = style;
    this.#http = http;
    this.#targets = targets.map((target) => ({
      sink: openSink(target, "a", "VEDETTE_SINK_UNWRITABLE", onFault),
      line: lineOf(form ?? (isTerminal(target) ? "person" : "json"), style),
    }));
  }

  write(alert: Alert): void {
    this.#http?.push(alertJson(alert, this.#style));
    for (const { sink, line } of this.#targets) sink.line(line(alert));
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      for (const { sink } of this.#targets) sink.flush();
    });
  }

  /** Gives how many alerts never got where they were to go, over all that they go to. */
  async close(): Promise<number> {
    for (const { sink } of this.#targets) sink.close();
    await this.#http?.close();
    return this.#targets.reduce((lost, { sink }) => lost + sink.lost, this.#http?.lost ?? 0);
  }
}

function lineOf(form: "person" | "text" | "json", style: AlertStyle): (alert: Alert) => string {
  if (form === "person") return alertText;
  return form === "text" ? (alert) => escaped(alertSentence(alert, style)) : (alert) => alertJson(alert, style);
}

function isTerminal(target: string): boolean {
  return (target === "stderr" && isatty(2)) || (target === "stdout" && isatty(1));
}
