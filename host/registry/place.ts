// SPDX-License-Identifier: Apache-2.0
// Where an image is: `nginx` is docker.io/library/nginx:latest, `r.example:5000/a/b@sha256:...` is what it
// says.
// https://github.com/distribution/reference

/** What an image's name says. `reference`: a tag or a digest. */
export interface Place {
  readonly registry: string;
  readonly repository: string;
  readonly reference: string;
  /** Where the registry answers, without a slash at the end. */
  readonly url: string;
}

const HUB = "docker.io";
/** Docker asks these without TLS, and so do we. */
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/;

/** Null: it is no image's name. */
export function placeOf(name: string): Place | null {
  const [, path = "", tag, digest] = /^([^@\s]+?)(?::(\w[\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(name) ?? [];
  const [first = "", ...others] = path.split("/");
  const hasHost = others.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const registry = hasHost ? first : HUB;
  const named = hasHost ? others.join("/") : path;
  const repository = registry === HUB && !named.includes("/") ? `library/${named}` : named;
  if (!/^[a-z0-9]+([._-]+[a-z0-9]+)*(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/.test(repository)) return null;
  const host = registry === HUB ? "registry-1.docker.io" : registry;
  const url = `${isLoopback(host) ? "http" : "https"}://${host}`;
  if (!URL.canParse(url)) return null;
  return { registry, repository, reference: digest ?? tag ?? "latest", url };
}

const ARTIFACT = /^oci:\/\/([^/\s]+\/\S+)$/;

/**
 * Where `oci://r.example/team/policy:1.2` is, or with a digest in place of the tag. Null: it is no such
 * address. There is no registry and no tag that goes without saying.
 */
export function placeOfArtifact(address: string): Place | null {
  const name = ARTIFACT.exec(address)?.[1];
  const place = name === undefined || !/[:@][^/]+$/.test(name) ? null : placeOf(name);
  return place === null || !name?.startsWith(`${place.registry}/`) ? null : place;
}

/** Whether this host is this machine: it may be asked without TLS. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}
