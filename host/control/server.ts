// SPDX-License-Identifier: Apache-2.0
// One door of the API: an HTTP server whose connections, times and sizes are bounded, and who comes through
// it. It knows the table of routes and no route. No framework: seven routes are a table, node:http parses,
// zod checks.
//
// Whoever opens a Unix socket is known by that. Over TCP a token says who it is, and the name under which we
// are asked must be this machine's: a page of the web could otherwise have its own name lead here (DNS
// rebinding). We send no CORS headers at all.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { ContainerBuckets } from "../engine/limiter.js";
import { boundVisitors, type Visitors } from "../visitors.js";
import type { EventStreams } from "./events.js";
import { Problem } from "./problem.js";
import { found, mayAsk, ROUTES, type Route, type Shown } from "./routes.js";
import type { Viewer } from "./viewer.js";

/** Of one door. An answer takes milliseconds; streams are counted apart. */
const VISITORS = { most: 32, ms: 5_000 };
const HTTP = {
  maxHeaderSize: 8 << 10,
  headersTimeout: 4_000,
  requestTimeout: 4_000,
  keepAliveTimeout: 1_000,
  connectionsCheckingInterval: 1_000,
};
const NS_PER_MS = 1e6;
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
  /** Null: over a Unix socket no name is asked for. */
  readonly names: ReadonlySet<string> | null;
}

/** A server that answers the API; the caller lets it listen. */
export function makeDoor(options: DoorOptions): Server {
  const rest = new ContainerBuckets(REQUESTS);
  const server = createServer(HTTP, (request, response) => {
    response.setHeader("cache-control", "no-store");
    response.setHeader("x-content-type-options", "nosniff");
    response.on("error", () => undefined);
    request.on("error", () => undefined);
    request.resume(); // nobody sends us anything; what comes all the same is not kept
    answer(options, visitors, rest, request, response).catch((error: unknown) => refuse(response, error));
  });
  const visitors = boundVisitors(server, VISITORS);
  server.maxRequestsPerSocket = 100;
  return server;
}

async function answer(
  { shown, streams, viewerOf, names }: DoorOptions,
  visitors: Visitors,
  rest: ContainerBuckets,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (names !== null && !names.has(hostOf(request))) throw new Problem(421, "This is not asked for by that name.");
  const viewer = viewerOf(request);
  if (!rest.take(performance.now() * NS_PER_MS, viewer.kind === "tenant" ? viewer.name : ""))
    throw new Problem(429, "That is asked too often. Wait a second.");
  const { route, query } = routeOf(request);
  if (!mayAsk(route, viewer)) throw new Problem(403, "Only the operator may ask for this.");
  if (route.of === "stream") {
    await streams.open(response, viewer, query.filter as string | undefined);
    visitors.keep(request.socket);
    return;
  }
  const { status, type, body } = await (route.of === "description"
    ? found(JSON.stringify((await import("./openapi.js")).openapi()))
    : route.of(shown, viewer, query));
  response.writeHead(status, { "content-type": type }).end(body);
}

function routeOf(request: IncomingMessage): { route: Route; query: Record<string, unknown> } {
  if (request.method !== "GET") throw new Problem(405, "Only GET is answered.");
  const url = urlOf(request);
  const route = ROUTES.find(({ path }) => path === url.pathname);
  if (route === undefined)
    throw new Problem(404, "There is nothing of that name; /api/v1/openapi.json says what there is.");
  const given = [...url.searchParams];
  const twice = given.find(([name], i) => given.findIndex(([other]) => other === name) !== i);
  if (twice !== undefined) throw new Problem(400, `${JSON.stringify(twice[0])} is given twice.`);
  const parsed = route.query.safeParse(Object.fromEntries(given));
  if (parsed.success) return { route, query: parsed.data };
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

/** `Host` without its port, in small letters. */
function hostOf({ headers }: IncomingMessage): string {
  return (headers.host ?? "").replace(/:\d+$/, "").toLowerCase();
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const problem = error instanceof Problem ? error : new Problem(500, "That could not be answered.");
  if (problem.status === 401) response.setHeader("www-authenticate", "Bearer");
  if (problem.status === 405) response.setHeader("allow", "GET");
  response.writeHead(problem.status, { "content-type": "application/problem+json" }).end(problem.json);
}
