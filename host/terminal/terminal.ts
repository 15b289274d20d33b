// SPDX-License-Identifier: Apache-2.0
// `vedette top` at a terminal: keys and tables go into the state, frames come out. At most five frames a
// second are drawn for tables; a key is answered at once. Read aloud:
//
//   guard - raw mode and alternate screen - watch, keys, size - ... - everything back
import { ReadStream, WriteStream } from "node:tty";
import type { Table } from "../activity/activity.js";
import { reasonOf } from "../reason.js";
import { Guard } from "./guard.js";
import { keysOf } from "./keys.js";
import { type Look, pageOf, pictureOf, type Size } from "./picture.js";
import { Screen } from "./screen.js";
import type { Decision, Looked, Source, Watch, Watcher } from "./source.js";
import { type Effect, type Input, levelIn, type State, stateOf, update } from "./state.js";
import type { TopView } from "./views.js";

export { Counting, unjudged } from "./counting.js";
export { LiveSource } from "./live-source.js";
export { printOnce } from "./once.js";
export { RecordedSource } from "./recorded-source.js";
export { SocketSource } from "./socket-source.js";
export type { Looked, Source, Wanted, Watch, Watcher } from "./source.js";
export { isTold, TOP_VIEWS, type TopView, topViewOf } from "./views.js";

/** What is shown first. */
export interface TopOptions {
  readonly view: TopView;
  /** A condition of Falco's; empty: none. */
  readonly filter: string;
  readonly intervalMs: number;
}

const [STDIN, STDOUT] = [0, 1];
const FRAME_MS = 200;
const KEY_FRAME_MS = 40;
/** Of a terminal that does not say. */
const USUAL = { width: 80, height: 24 };
/** What somebody claims to be a terminal may claim any size. */
const MOST = { width: 500, height: 300 };
const ROWS_MIN = 60;
const ROWS_MAX = 200;

/** Shows the source until a key ends it. Standard input and output must be a terminal. */
export async function showTop(source: Source, options: TopOptions): Promise<void> {
  const guard = await Guard.start(STDOUT);
  const top = new Top(source, options, guard);
  const leave = (): void => top.leave();
  process.on("exit", leave);
  try {
    await top.run();
  } finally {
    top.leave();
    process.off("exit", leave);
  }
}

class Top implements Watcher {
  readonly #source: Source;
  readonly #intervalMs: number;
  readonly #guard: Guard;
  readonly #input = new ReadStream(STDIN);
  /** Asked for its size alone. */
  readonly #output = new WriteStream(STDOUT);
  readonly #screen = new Screen(STDOUT);
  #state: State;
  #watch: Watch | null = null;
  #frame: NodeJS.Timeout | null = null;
  #frameAt = 0;
  #drawnAt = 0;
  #end: () => void = () => undefined;
  #hasLeft = false;

  constructor(source: Source, { view, filter, intervalMs }: TopOptions, guard: Guard) {
    this.#source = source;
    this.#intervalMs = intervalMs;
    this.#guard = guard;
    this.#state = stateOf(source, view, filter);
  }

  async run(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#end = resolve;
    });
    const end = (): void => this.#end();
    const signals = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const;
    for (const signal of signals) process.on(signal, end);
    process.on("SIGCONT", this.#onContinue);
    process.on("SIGWINCH", this.#onResize);
    this.#input.on("data", (bytes: Buffer) => this.#onKeys(bytes.toString()));
    this.#input.on("end", end);
    this.#input.on("error", end);
    this.#enter();
    this.#look();
    this.#draw();
    await ended;
    for (const signal of signals) process.off(signal, end);
    process.off("SIGCONT", this.#onContinue);
    process.off("SIGWINCH", this.#onResize);
  }

  /** Gives the terminal back; once. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    clearTimeout(this.#frame ?? undefined);
    this.#watch?.close();
    this.#give();
    this.#guard.onDone();
    this.#input.destroy();
    this.#screen.close();
  }

  onTable(table: Table): void {
    this.#take({ kind: "table", table });
  }

  onGap(events: number, batches: number): void {
    this.#take({ kind: "gap", events, batches });
  }

  onLooked(looked: Looked): void {
    this.#take({ kind: "looked", looked });
  }

  #take(input: Input): void {
    this.#state = update(this.#state, input).state;
    this.#drawSoon(FRAME_MS);
  }

  #onKeys(text: string): void {
    for (const key of keysOf(text)) {
      const { state, effect } = update(this.#state, { kind: "key", key, page: pageOf(this.#size()) });
      this.#state = state;
      this.#carryOut(effect);
      if (effect === "quit") return;
    }
    this.#drawSoon(KEY_FRAME_MS);
  }

  #carryOut(effect: Effect): void {
    if (effect === "quit") this.#end();
    if (effect === "watch") this.#look();
    if (effect === "decide" && this.#state.decision !== null) this.#decide(this.#state.decision);
    if (effect === "redraw") this.#screen.clear();
    if (effect === "stop") this.#stop();
  }

  /** What comes of it is said in the line of words; the table tells it a moment later. */
  #decide(decision: Decision): void {
    const tell = (word: string): void => this.#take({ kind: "word", word });
    const done = decision.state === "open" ? "The case is open again." : "The case is closed.";
    const decided = this.#source.decide?.(decision) ?? Promise.reject(new Error("Nothing is judged here."));
    decided.then(
      () => tell(done),
      (error: unknown) => tell(reasonOf(error)),
    );
  }

  #look(): void {
    this.#watch?.close();
    const { view, filter, incident } = levelIn(this.#state);
    const limit = Math.min(ROWS_MAX, Math.max(ROWS_MIN, this.#size().height));
    const wanted = { view: view.id, filter, incident, intervalMs: this.#intervalMs, limit };
    // What a watch says once another one has begun is of no use to anybody.
    const current = (): boolean => this.#watched === wanted;
    this.#watched = wanted;
    this.#watch = this.#source.watch(wanted, {
      onTable: (table) => current() && this.onTable(table),
      onGap: (events, batches) => current() && this.onGap(events, batches),
      onLooked: (looked) => current() && this.onLooked(looked),
    });
  }
  #watched: unknown = null;

  /** Of what stands until then, one frame is drawn. */
  #drawSoon(afterMs: number): void {
    const at = Math.max(this.#drawnAt + afterMs, performance.now());
    if (this.#frame !== null && this.#frameAt <= at) return;
    clearTimeout(this.#frame ?? undefined);
    this.#frameAt = at;
    this.#frame = setTimeout(() => this.#draw(), Math.max(1, at - performance.now()));
  }

  #draw(): void {
    this.#frame = null;
    if (this.#hasLeft) return;
    this.#drawnAt = performance.now();
    if (this.#screen.isBusy) this.#drawSoon(FRAME_MS);
    else this.#screen.draw(pictureOf(this.#state, this.#size(), LOOK));
  }

  #size(): Size {
    const [columns, rows] = this.#output.getWindowSize();
    return {
      width: Math.min(MOST.width, columns > 0 ? columns : USUAL.width),
      height: Math.min(MOST.height, rows > 0 ? rows : USUAL.height),
    };
  }

  #enter(): void {
    this.#input.setRawMode(true);
    this.#guard.onRaw();
    this.#screen.enter();
  }

  #give(): void {
    this.#screen.leave();
    try {
      this.#input.setRawMode(false);
    } catch {
      // The terminal is gone.
    }
  }

  /** As Ctrl-Z does where no program reads it: the whole group stops, and the shell has the terminal. */
  #stop(): void {
    this.#give();
    this.#isGiven = true;
    process.kill(0, "SIGTSTP");
    // Where nobody could continue us, as in a container's own session, the kernel does not stop us.
    setImmediate(() => {
      if (this.#isGiven) this.#onContinue();
    });
  }
  #isGiven = false;

  readonly #onContinue = (): void => {
    this.#isGiven = false;
    this.#enter();
    this.#draw();
  };

  readonly #onResize = (): void => {
    // Node does this by itself for process.stdout alone.
    (this.#output as WriteStream & { _refreshSize?(): void })._refreshSize?.();
    this.#screen.clear();
    this.#drawSoon(KEY_FRAME_MS);
  };
}

/** What this terminal can show, by what its environment says. */
const LOOK: Look = {
  hasColours: (process.env.NO_COLOR ?? "") === "",
  isAscii: !/utf-?8/i.test(process.env.LC_ALL || process.env.LC_CTYPE || process.env.LANG || ""),
};
