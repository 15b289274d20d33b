// SPDX-License-Identifier: Apache-2.0
// What judges and what follows from it: the engine, the policy service beside it, what agents are to deny,
// and the outputs that alerts go to. It knows who sends only as peers of an intake.
import { hostname } from "node:os";
import type { HashAnswer, ResponseAnswer } from "../capture/agent.js";
import { Engine, type EngineHandlers } from "../engine/engine.js";
import { Bucket, SUPPRESSED } from "../engine/limiter.js";
import type { LoadedPolicy } from "../engine/policy.js";
import { explain, type VedetteError } from "../errors.js";
import type { Evidence, EvidenceSettings } from "../evidence/evidence.js";
import type { FactTeller } from "../fleet/fact-teller.js";
import type { Grouping, IncidentView } from "../incident/incident.js";
import type { Intake, IntakeHandlers, Peer } from "../intake/intake.js";
import type { Say } from "../log.js";
import type { Alert } from "../output/alert.js";
import { withFacts } from "../output/alert-facts.js";
import { configAlert } from "../output/config-alert.js";
import { type GuardNews, guardAlert } from "../output/guard-alert.js";
import type { IncidentNews } from "../output/incident-news.js";
import type { Outputs, OutputsChange } from "../output/outputs.js";
import { Prevention } from "../policy/prevention.js";
import type { PolicyService } from "../policy/service.js";
import { type PolicyStatus, policyStatus } from "../policy/status.js";
import {
  capturing,
  Responder,
  type ResponseRow,
  type ResponseStepNews,
  responseAlert,
  timelineStep,
} from "../response/response.js";
import { exchange } from "./exchange.js";
import { Executables } from "./executables.js";
import type { PolicyState, Running, WorkerHealth } from "./health.js";
import type { Monitor } from "./monitor.js";
import type { Opened } from "./opened.js";

/** What a command judges with, and where its alerts go. */
export interface Judging {
  readonly policies: readonly LoadedPolicy[];
  readonly outputs: Pick<
    Outputs,
    "write" | "update" | "queues" | "tell" | "tellsIncidents" | "reopen" | "stats" | "room" | "close"
  >;
  /** Where it was read again: what has yet to become of `outputs`; undefined: they are as they are to be. */
  readonly change?: OutputsChange;
  /**
   * The hostname that alerts are to have, as Falco takes it from FALCO_HOSTNAME; undefined: that of the
   * events.
   */
  readonly host: string | undefined;
  /** Some output leaves repeats out, and wants the last of each kind. */
  readonly leavesRepeats?: boolean;
  /** Which alerts are answered, and how; none: nothing is. */
  readonly responses?: readonly ResponseRow[] | undefined;
  /** What is kept of findings; undefined: nothing. */
  readonly keeps?: EvidenceSettings;
}

/** Policies, outputs and what they need. `budgetMs` is in milliseconds, by default the engine's. */
export interface JudgeOptions extends Judging {
  /** Tenants' policies, status and alerts; null: there are no tenants. */
  readonly service: PolicyService | null;
  readonly monitor: Monitor | null;
  /** Told what becomes of incidents, as outputs are. */
  readonly onIncident: (news: IncidentNews<IncidentView>) => void;
  /** Where each alert learns its repeat and its incident. */
  readonly grouping: Grouping;
  /** What keeps evidence of findings; null: nothing does. */
  readonly evidence: Pick<Evidence, "mark" | "canMark" | "identify"> | null;
  /** What tells a bus what policies told; null: nothing does. */
  readonly facts: Pick<FactTeller, "tell"> | null;
  /** Longest time for one batch in one policy. */
  readonly budgetMs?: number;
  readonly say: Say;
}

/** The number of no peer. */
const NOBODY = -1;
const MS_NS = 1_000_000n;
const LEVELS = ["debug", "info", "warning", "error"];

/** Engine, policy service and prevention of one sensor. `opened` owns what Judge.open() opens. */
export class Judge {
  readonly #options: JudgeOptions;
  readonly #intake: Intake;
  readonly #prevention: Prevention<Peer>;
  readonly #responder: Responder<Peer>;
  readonly #executables: Executables<Peer>;
  /** Words about agents that answer what nobody asked: one of them can do so without end. */
  readonly #unasked = new Bucket({ burst: 20, perMinute: 20 });
  #engine!: Engine;
  /** The operator's own, and those of the watched folder. */
  #policies: readonly LoadedPolicy[];
  #watched: readonly LoadedPolicy[] = [];

  /** Starts workers and the service; resolves when policies are ready. What it opens is added to `opened`. */
  static async open(options: JudgeOptions, intake: Intake, opened: Opened): Promise<Judge> {
    const judge = new Judge(options, intake);
    const { policies, service, budgetMs } = options;
    options.monitor?.onPolicies(policies);
    judge.#engine = await Engine.start({
      ring: intake.ring,
      readers: intake.readers,
      policies,
      isReplay: intake.isRecorded,
      hostname: (number) => options.host ?? intake.hostname(number),
      ...(budgetMs === undefined ? {} : { budgetMs }),
      ...judge.#handlers,
    });
    opened.add(judge.#engine, (engine) => engine.stop());
    if (service === null) return judge;
    opened.add(service, () => service.stop());
    await service.open(judge.#engine, intake.ring, judge.#handlers);
    return judge;
  }

  private constructor(options: JudgeOptions, intake: Intake) {
    this.#options = options;
    this.#policies = options.policies;
    this.#intake = intake;
    this.#prevention = new Prevention<Peer>(options.policies, {
      send: (peer, version, rows) => intake.prevent(peer, version, rows),
      watch: (peer, files) => intake.watch(peer, files),
      onFault: (error) => this.#handlers.onFault(error, null),
    });
    this.#executables = new Executables<Peer>((peer, request) => intake.hash(peer, request));
    this.#responder = new Responder<Peer>(this.#answering(options), {
      send: (peer, request) => intake.respond(peer, request),
      rowsOf: (tenant, peer) => (intake.isRecorded ? [] : (options.service?.responsesOf(tenant, peer.facts) ?? [])),
      deeds: {
        capture: capturing({
          capture: (alert, peer) => this.#capture(alert, peer),
          canCapture: (alert, peer) => options.evidence?.canMark(alert, peer) ?? false,
        }),
        "stop-task": async ({ finding, isDry }, over) =>
          (await import("../response/stop-task.js")).stopTask(finding, isDry, over),
      },
      onStep: (news) => this.#onResponseStep(news),
      now: () => BigInt(Date.now()) * MS_NS,
    });
  }

  /** Resolves when the ring has ended and every batch was judged. */
  get finished(): Promise<void> {
    return this.#engine.finished;
  }

  /** Whether any policy denies anything. */
  get prevents(): boolean {
    return this.#prevention.hasRows;
  }

  /** Whether any alert is answered. */
  get responds(): boolean {
    return this.#responder.hasRows || this.#options.service?.responds === true;
  }

  /** Another answer as long as its workers get on. */
  get pace(): string {
    return this.#engine.pace;
  }

  workers(): WorkerHealth {
    return this.#engine.workers();
  }

  policies(): PolicyState[] {
    return this.statuses().map(({ state }) => state);
  }

  /** How each policy is, also those of tenants. */
  statuses(): PolicyStatus[] {
    const { service } = this.#options;
    return service?.statuses() ?? policyStatus(this.#engine.status(), []);
  }

  /** The operator's own policies; tenants ask the control API for theirs. */
  runs(): Running[] {
    return this.#policies.map(({ name, version, place, rules }) => ({
      policy: name,
      version,
      from: place,
      rules: rules.length,
    }));
  }

  /**
   * Goes on with other policies of the operator's, and other answers to alerts: each batch is judged by the
   * old ones or by these. Throws VEDETTE_POLICY_INIT where one cannot start; then the old ones judge and
   * answer.
   */
  async take({ policies, responses }: Pick<Judging, "policies" | "responses">): Promise<void> {
    this.#policies = await exchange(this.#engine, this.#policies, policies);
    this.#responder.take(this.#answering({ responses }));
    this.#options.monitor?.onPolicies(policies);
    this.#onPolicies();
  }

  /** Nobody who was recorded can be asked. */
  #answering({ responses = [] }: Pick<Judging, "responses">): readonly ResponseRow[] {
    return this.#intake.isRecorded ? [] : responses;
  }

  /** Ends its workers now. */
  stop(): Promise<void> {
    return this.#engine.stop();
  }

  /** Gives a peer what it is to deny; false: it could not be given. */
  greet(peer: Peer): boolean {
    this.#engine.setContainer(peer.number, peer.facts);
    return this.#prevention.greet(peer);
  }

  /** Nothing more comes: tells the last of what repeated, and closes the incidents. */
  endIncidents(): void {
    this.#responder.end();
    for (const alert of this.#options.grouping.end()) this.#options.outputs.write(alert);
    this.#tellIncidents();
  }

  /** The clock goes on, also where no events come. */
  tick(now: bigint): void {
    this.#responder.tick(now);
    for (const alert of this.#options.grouping.tick(now)) this.#options.outputs.write(alert);
    this.#tellIncidents();
  }

  onPrevented(peer: Peer, obstacle: string): void {
    this.#prevention.onAnswer(peer, obstacle);
  }

  /** An agent that tells of what it was not asked for is not believed, and raises no alert by it. */
  onResponded(peer: Peer, answer: ResponseAnswer): void {
    if (this.#responder.onAnswer(peer, answer) === "heard") return;
    if (!this.#unasked.take(performance.now() * 1e6)) return;
    this.#options.say(`${peer.name}: ${Responder.unasked} (response ${answer.id})`, "warning");
  }

  /** What a process runs about which there was a finding: who has the finding is told. */
  onHashed(peer: Peer, answer: HashAnswer): void {
    if (!this.#executables.onAnswer(peer, answer) && this.#unasked.take(performance.now() * 1e6))
      this.#options.say(`${peer.name}: it says what an executable is, and was not asked`, "warning");
  }

  onLeft(peer: Peer): void {
    this.#executables.onLeft(peer);
    this.#responder.onLeft(peer);
    this.#prevention.leave(peer);
  }

  /** Nothing more of it is to be judged. */
  onForgotten(number: number): void {
    this.#engine.setContainer(number, null);
  }

  /** Tells what became of files that changed. `error`: why they were not taken; null: they were. */
  onConfig(paths: readonly string[], error: VedetteError | null): void {
    this.tell(configAlert({ paths, error, hostname: this.#options.host ?? hostname() }));
  }

  /** Tells the operator what happened to the guard itself. */
  readonly onNews: IntakeHandlers["onNews"] = (news: GuardNews, peer: Peer | null): void => {
    const { outputs, host, monitor, service } = this.#options;
    const alert = withFacts(guardAlert({ ...news, hostname: host ?? news.hostname }), peer?.facts ?? null);
    monitor?.onAlert(alert);
    outputs.write(alert);
    service?.deliver(alert);
  };

  /** An alert that is whole: to the operator, and to the tenant whose it is. */
  tell(alert: Alert): void {
    this.#options.monitor?.onAlert(alert);
    this.#deliver(alert);
  }

  readonly #handlers = {
    onAlert: (alert: Alert, number: number): void => {
      const { host } = this.#options;
      const author = this.#authorOf(alert, number);
      const hostname = host ?? author?.hostname ?? this.#intake.hostname(NOBODY);
      const grouped = this.#options.grouping.take({ ...withFacts(alert, author?.facts ?? null), hostname });
      if (grouped === null) return;
      const known = this.#executables.mark(grouped, author);
      const marked = this.#options.evidence?.mark(known, author) ?? known;
      this.tell(marked);
      this.#executables.ask(marked, author, (told) => {
        this.#options.evidence?.identify(told);
        this.#options.outputs.update(told);
      });
      this.#responder.onAlert(known, author);
    },
    onFault: (error: VedetteError, policy: LoadedPolicy | null): void => {
      const { host, monitor, service, say } = this.#options;
      monitor?.onFault(error);
      say(explain(error), "warning");
      if (service !== null) this.#deliver(service.faultAlert(error, policy, host ?? hostname()));
    },
    onLog: (policy: string, level: number, text: string): void =>
      this.#options.say(`${policy}: ${LEVELS[level] ?? "info"}: ${text}`),
    onFacts: (policy, told, number) => {
      const { host, facts } = this.#options;
      const hostname = host ?? this.#intake.hostname(number);
      facts?.tell(policy, told, { hostname, facts: this.#intake.peer(number)?.facts ?? null });
    },
    onMeasured: (policy, measured) => this.#options.monitor?.onMeasured(policy, measured),
    onUnmeasured: (policy) => this.#options.monitor?.onUnmeasured(policy),
    onPolicies: (watched: readonly LoadedPolicy[]): void => {
      this.#watched = watched;
      this.#options.monitor?.onPolicies(watched);
      this.#onPolicies();
    },
  } satisfies EngineHandlers & { onPolicies: unknown };

  #onPolicies(): void {
    const all = [...this.#policies, ...this.#watched];
    this.#options.monitor?.keepPolicies(all);
    this.#prevention.setPolicies(all);
  }

  /** Also of what makes no evidence by itself: the operator's row asks for it. */
  #capture(alert: Alert, peer: Peer): string | null {
    const { tenant: _whose, ...own } = alert;
    const { evidence } = this.#options;
    const marked = evidence?.mark(own, peer, true);
    if (marked?.evidence === undefined) return null;
    this.#executables.ask(marked, peer, (told) => evidence?.identify(told));
    return marked.evidence;
  }

  #onResponseStep(news: ResponseStepNews): void {
    const { host, grouping } = this.#options;
    grouping.step(timelineStep(news));
    this.tell(responseAlert({ ...news, hostname: host ?? news.hostname }));
  }

  /**
   * What a limit kept back is told of with the next batch, whoever's that is: it says itself which container
   * it is about.
   */
  #authorOf({ rule, source, outputFields }: Alert, number: number): Peer | null {
    if (source !== "internal" || rule !== SUPPRESSED) return this.#intake.peer(number);
    const id = outputFields.find(([name]) => name === "container.id")?.[1];
    return typeof id === "string" ? this.#intake.ofContainer(id) : null;
  }

  /**
   * Now and then, not with each alert. Only the operator's outputs, and the store: a tenant asks the control
   * API.
   */
  #tellIncidents(): void {
    const { grouping, outputs, onIncident } = this.#options;
    for (const news of grouping.news()) {
      outputs.tell(news);
      onIncident(news);
    }
  }

  /** To the operator, and to the tenant whose it is. */
  #deliver(alert: Alert): void {
    this.#options.outputs.write(alert);
    this.#options.service?.deliver(alert);
  }
}
