// SPDX-License-Identifier: Apache-2.0
// One door of the API: an HTTP server whose connections, times and sizes are bounded, and who comes through
// it. It knows the tables of routes and acts, and none of their rows. No framework: some ten rows are a
// table, node:http parses, zod checks.
//
// Whoever opens a Unix socket is known by that. Over TCP a token says who it is, and what other pages of the
// operator's browser send is refused (own-page.ts). We send no CORS headers at all, and an act takes JSON
// alone: another page's script may not send that here without asking us first, and its form cannot.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type * as z from "zod";
import { ContainerBuckets } from "../engine/limiter.js";
import { VedetteError } from "../errors.js";
import { StoreSilent } from "../store/store.js";
import { boundVisitors, type Visitors } from "../visitors.js";
import { ACTS, type Act, mayDo } from "./acts.js";
import type { EventStreams } from "./events.js";
import { refuseOtherNames, refuseOtherPages } from "./own-page.js";
import { PAGE_HEADERS, type Page } from "./pages.js";
import { Problem } from "./problem.js";
import { ACTIVITY_PATH, type Answer, EVIDENCE_PATH, found, mayAsk, ROUTES, type Route, type Shown } from "./routes.js";
import type { Sessions } from "./sessions.js";
import type { TablesAsked } from "./tables.js";
import { tokenOf } from "./tokens.js";
import { shareOf, type Viewer } from "./viewer.js";

/** Of one door. An answer takes milliseconds; streams are counted apart. */
const VISITORS = { most: 32, ms: 5_000 };
/** With a condition, which may have to be compiled first, on a machine that has much to do. */
const CONDITION_MS = 30_000;
/** Of an act that tries something. */
const SLOW_MS = 30_000;
const HTTP = {
  maxHeaderSize: 8 << 10,
  headersTimeout: 4_000,
  requestTimeout: 4_000,
  keepAliveTimeout: 1_000,
  connectionsCheckingInterval: 1_000,
};
const NS_PER_MS = 1e6;
/** Of an act's body. */
const BODY_BYTES_MAX = 16 << 10;
/**
 * Requests of one viewer through one door: making the answers must not keep the main thread from its work.
 */
const REQUESTS = { burst: 100, perMinute: 1_200 };

/** What differs from door to door. */
export interface DoorOptions {
  readonly shown: Shown;
  readonly streams: EventStreams;
  /** Who asks; throws a Problem where nobody may. */
  readonly viewerOf: (request: IncomingMessage) => Viewer;
  readonly sessions: Sessions;
  readonly consoleAt: () => string | null;
  /** Acts that a viewer may do one at a time, through all doors: those that are underway. */
  readonly underway: Set<string>;
  /** The console's files by their path; none where it is not switched on. */
  readonly pages: ReadonlyMap<string, Page>;
  /** Null: over a Unix socket no name is asked for. */
  readonly names: ReadonlySet<string> | null;
}

/** A server that answers the API; the caller lets it listen. */
export function makeDoor(options: DoorOptions): Server {
  const rest = new ContainerBuckets(REQUESTS);
  const server = createServer(HTTP);
  const visitors = boundVisitors(server, VISITORS, (request, response) => {
    response.setHeader("cache-control", "no-store");
    response.setHeader("x-content-type-options", "nosniff");
    response.on("error", () => undefined);
    request.on("error", () => undefined);
    answer(options, visitors, rest, request, response)
      .catch((error: unknown) => refuse(response, error))
      .finally(() => request.resume()); // what nobody reads is not kept
  });
  server.maxRequestsPerSocket = 100;
  return server;
}

async function answer(
  options: DoorOptions,
  visitors: Visitors,
  rest: ContainerBuckets,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { shown, streams, viewerOf, names, pages } = options;
  if (names !== null) refuseOtherNames(request, names);
  const url = urlOf(request);
  const page = request.method === "GET" ? pages.get(url.pathname) : undefined;
  if (page !== undefined) {
    response.writeHead(200, { ...PAGE_HEADERS, "content-type": page.type }).end(page.body);
    return;
  }
  if (names !== null) refuseOtherPages(request);
  const act = actOf(request, url, names === null ? "socket" : "tcp");
  const viewer = act?.act.for === "strangers" ? null : viewerOf(request);
  // Whoever is nobody yet takes nothing of the operator's share: to look at a ticket costs next to nothing.
  if (viewer !== null && !rest.take(performance.now() * NS_PER_MS, shareOf(viewer)))
    throw new Problem(429, "That is asked too often. Wait a second.");
  if (act?.act.isSlow === true) visitors.extend(request.socket, SLOW_MS);
  if (act !== null) return send(response, await carryOut(act, viewer, options, request));
  const { route, query } = routeOf(request, url);
  if (!mayAsk(route, viewer!)) throw new Problem(403, "Only the operator may ask for this.");
  if (route.of === "stream") {
    // From here on the streams bound it: to compile a condition can take longer than an answer may. It ends
    // with this answer, also where that is a refusal: nothing would bound what is asked behind it.
    visitors.keep(request.socket);
    response.shouldKeepAlive = false;
    if (route.path === EVIDENCE_PATH) return shown.evidence.send(response, query.file as string);
    const asked = route.path === ACTIVITY_PATH ? (query as unknown as TablesAsked) : null;
    await streams.open(response, viewer!, query.filter as string | undefined, asked);
    return;
  }
  if (query.condition !== undefined || query.filter !== undefined) visitors.extend(request.socket, CONDITION_MS);
  send(
    response,
    await (route.of === "description"
      ? found(JSON.stringify((await import("./openapi.js")).openapi()))
      : route.of(shown, viewer!, query)),
  );
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { "content-type": type }).end(body);
}

interface FoundAct {
  readonly act: Act;
  readonly parts: Readonly<Record<string, string>>;
}

/** Null: it is asked for something, and nothing is to be done. */
function actOf({ method }: IncomingMessage, { pathname }: URL, door: Act["door"]): FoundAct | null {
  for (const act of ACTS) {
    const parts =
      act.method === method && (act.door === door || act.door === "any") ? partsOf(act.path, pathname) : null;
    if (parts !== null) return { act, parts };
  }
  return null;
}

/** What the path has where the pattern has braces; null: it is another one. */
function partsOf(pattern: string, path: string): Readonly<Record<string, string>> | null {
  const [wanted, given] = [pattern.split("/"), path.split("/")];
  if (wanted.length !== given.length) return null;
  const parts: Record<string, string> = {};
  for (const [index, want] of wanted.entries()) {
    const have = given[index] as string;
    if (want.startsWith("{")) parts[want.slice(1, -1)] = have;
    else if (want !== have) return null;
  }
  return parts;
}

async function carryOut(
  { act, parts }: FoundAct,
  viewer: Viewer | null,
  { sessions, consoleAt, shown, underway, viewerOf }: DoorOptions,
  request: IncomingMessage,
): Promise<Answer> {
  if (viewer !== null && !mayDo(act, viewer)) throw new Problem(403, "Who asks may not do this.");
  const token = tokenOf(request.headers.authorization) ?? null;
  const body = act.body === null ? {} : checked(act.body, await bodyOf(request, act.bodyMax));
  const acting = { sessions, consoleAt: consoleAt(), viewer, token, body, parts, shown };
  if (act.isAlone !== true || viewer === null) {
    const made = await act.of(acting);
    // It was long in the making: the session, the token or the tenant may be gone by now.
    if (act.isSlow === true && viewer !== null && shareOf(viewerOf(request)) !== shareOf(viewer))
      throw new Problem(403, "Who asks may not do this any more.");
    return made;
  }
  const own = `${act.path} ${shareOf(viewer)}`;
  if (underway.has(own)) throw new Problem(429, "You are doing that already. Wait until it is done.");
  underway.add(own);
  try {
    return await act.of(acting);
  } finally {
    underway.delete(own);
  }
}

/** JSON of a few KiB, or of as much as the act takes. */
async function bodyOf(request: IncomingMessage, most = BODY_BYTES_MAX): Promise<unknown> {
  if (request.headers["content-type"] !== "application/json") throw new Problem(415, "It must be application/json.");
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > most) throw new Problem(413, `What is sent has at most ${most} bytes.`);
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString());
  } catch {
    throw new Problem(400, "What is sent is not JSON.");
  }
}

function routeOf({ method }: IncomingMessage, url: URL): { route: Route; query: Record<string, unknown> } {
  if (method !== "GET") throw new Problem(405, "Only GET is answered here.");
  for (const route of ROUTES) {
    const parts = partsOf(route.path, url.pathname);
    if (parts === null) continue;
    const given = [...Object.entries(parts), ...url.searchParams];
    const twice = given.find(([name], i) => given.findIndex(([other]) => other === name) !== i);
    if (twice !== undefined) throw new Problem(400, `${JSON.stringify(twice[0])} is given twice.`);
    return { route, query: checked(route.query, Object.fromEntries(given)) };
  }
  throw new Problem(404, "There is nothing of that name; /api/v1/openapi.json says what there is.");
}

function checked(schema: z.ZodObject, given: unknown): Record<string, unknown> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Problem(400, `${[...(issue?.path ?? [])].join(".") || "What is asked"}: ${issue?.message ?? "is wrong"}`);
}

function urlOf({ url = "" }: IncomingMessage): URL {
  try {
    return new URL(url, "http://vedette");
  } catch {
    throw new Problem(400, "What is asked is no address.");
  }
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const problem = problemOf(error);
  if (problem.status === 401) response.setHeader("www-authenticate", "Bearer");
  if (problem.status === 405) response.setHeader("allow", "GET");
  response.writeHead(problem.status, { "content-type": "application/problem+json" }).end(problem.json);
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof VedetteError && error.code === "VEDETTE_STORE_BUSY")
    return new Problem(429, error.message, error.code, error.hint);
  if (error instanceof StoreSilent) return new Problem(503, `The store cannot be asked: ${error.message}.`);
  return new Problem(500, "That could not be answered.");
}
