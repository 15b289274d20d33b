// SPDX-License-Identifier: Apache-2.0
// Who we are to a registry. The first that holds:
//
//   what `docker login` left   $DOCKER_CONFIG or ~/.docker, config.json: its credential helper, or its `auths`
//   ECR                        AWS credentials of the environment, or of a task's role (ecr.ts)
//   nobody                     most registries show public images to anybody
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { ecrLogin } from "./ecr.js";

interface DockerConfig {
  readonly auths?: Readonly<Record<string, { readonly auth?: string; readonly identitytoken?: string }>>;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

const HELPER_MS_MAX = 10_000;
/** What Docker calls its own registry. */
const HUB_KEY = "https://index.docker.io/v1/";

/** The value of an `Authorization` header; null: we are nobody. */
export async function loginFor(registry: string, environment: NodeJS.ProcessEnv): Promise<string | null> {
  const config = dockerConfig(environment);
  const key = registry === "docker.io" ? HUB_KEY : registry;
  const helper = config.credHelpers?.[registry] ?? config.credsStore;
  const helped = helper === undefined ? null : await ofHelper(helper, key, environment);
  if (helped !== null) return helped;
  const auth = config.auths?.[key]?.auth ?? config.auths?.[`https://${registry}`]?.auth;
  return auth ? `Basic ${auth}` : ecrLogin(registry, environment);
}

/** A file that is not there or not JSON says nothing: Docker's own tools tell of that. */
function dockerConfig(environment: NodeJS.ProcessEnv): DockerConfig {
  try {
    const folder = environment.DOCKER_CONFIG ?? join(homedir(), ".docker");
    return Object(JSON.parse(readFileSync(join(folder, "config.json"), "utf8"))) as DockerConfig;
  } catch {
    return {};
  }
}

/** Null where it knows no password for this registry: not everybody logs in everywhere. */
function ofHelper(name: string, registry: string, environment: NodeJS.ProcessEnv): Promise<string | null> {
  if (!/^[\w.-]+$/.test(name)) return Promise.resolve(null);
  return new Promise((done) => {
    const options = { timeout: HELPER_MS_MAX, env: environment, encoding: "utf8" } as const;
    const child = execFile(`docker-credential-${name}`, ["get"], options, (error, stdout) => {
      if (error !== null) return done(null);
      try {
        const { Username: user, Secret: secret } = JSON.parse(stdout) as Record<string, string | undefined>;
        done(user && secret ? `Basic ${Buffer.from(`${user}:${secret}`).toString("base64")}` : null);
      } catch {
        done(null);
      }
    });
    child.stdin?.on("error", () => undefined).end(`${registry}\n`);
  });
}
