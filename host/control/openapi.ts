// SPDX-License-Identifier: Apache-2.0
// The table of routes as OpenAPI 3.1, from the schemas by which requests are checked. `npm run check` holds
// docs/openapi.json to it; run by itself, this file writes it.
import { pathToFileURL } from "node:url";
import * as z from "zod";
import { ACTS, type Act } from "./acts.js";
import { ROUTES, type Route } from "./routes.js";

const PROBLEM = {
  description: "What is wrong: a sentence, and where there is one its code in the catalogue and a hint.",
  content: {
    "application/problem+json": {
      schema: {
        type: "object",
        required: ["status", "title"],
        properties: {
          status: { type: "integer" },
          title: { type: "string" },
          code: { type: "string" },
          hint: { type: "string" },
        },
      },
    },
  },
};

/** The document as an object, in the order in which docs/openapi.json has it. */
export function openapi(): object {
  return {
    openapi: "3.1.0",
    info: {
      title: "Vedette's control API",
      version: "1",
      description:
        "Over a Unix socket, whoever may open it may ask: the operator's shows all, a tenant's (its path ends with a dot and the name) " +
        "what is the tenant's. Over TCP a bearer token says whom it speaks for. Times in nanoseconds, and whole numbers of 16 digits " +
        "and more, are strings.",
    },
    security: [{}, { token: [] }],
    paths: pathsOf(),
    components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
  };
}

function pathsOf(): Record<string, object> {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of ROUTES) paths[route.path] = { get: operationOf(route) };
  for (const act of ACTS) paths[act.path] = { ...paths[act.path], [act.method.toLowerCase()]: operationOfAct(act) };
  return paths;
}

function operationOfAct({ method, path, summary, door, for: whom, body, answer }: Act): object {
  const json = (schema: z.ZodType, io: "input" | "output") => ({
    "application/json": { schema: schemaOf(schema, io) },
  });
  return {
    summary,
    operationId: `${method.toLowerCase()}_${nameOf(path)}`,
    "x-door": door,
    "x-for": whom,
    ...(path.includes("{")
      ? { parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }] }
      : {}),
    ...(body === null ? {} : { requestBody: { required: true, content: json(body, "input") } }),
    responses: {
      ...(answer === null
        ? { 204: { description: "It is done." } }
        : { 200: { description: "It is done.", content: json(answer, "output") } }),
      default: PROBLEM,
    },
  };
}

function operationOf({ summary, query, answer, type, for: whom, path }: Route): object {
  const content = { [type]: answer === null ? { schema: { type: "string" } } : { schema: schemaOf(answer, "output") } };
  return {
    summary,
    operationId: nameOf(path),
    "x-for": whom,
    parameters: parametersOf(path, query),
    responses: {
      200: { description: "What was asked for.", content },
      ...(path.endsWith("/health") ? { 503: { description: "Not all is well.", content } } : {}),
      default: PROBLEM,
    },
  };
}

/** What stands in braces in the path is a part of it. */
function parametersOf(path: string, query: z.ZodObject): object[] {
  const { properties = {} } = schemaOf(query, "input") as { properties?: Record<string, object> };
  return Object.entries(properties).map(([name, schema]) => {
    const isPart = path.includes(`{${name}}`);
    return { name, in: isPart ? "path" : "query", required: isPart, schema };
  });
}

/** `incidents_id` of `/api/v1/incidents/{id}`. */
function nameOf(path: string): string {
  return path.replace("/api/v1/", "").replace(/[{}]/g, "").replaceAll("/", "_").split(".")[0] as string;
}

function schemaOf(type: z.ZodType, io: "input" | "output"): object {
  const { $schema: _, ...schema } = z.toJSONSchema(type, { io });
  return schema;
}

/** By itself: prints it. */
if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  process.stdout.write(`${JSON.stringify(openapi(), null, 2)}\n`);
