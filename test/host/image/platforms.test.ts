// SPDX-License-Identifier: Apache-2.0
//
// The image's archive: of one processor a manifest, of two an index with a manifest of each, as skopeo, which
// others wrote, reads them.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Platform, writeImage } from "../../../host/image/layers.js";
import { scratch } from "../../e2e/programs.js";

const OPTIONS = { name: "vedette:1", entryPoint: ["/bin/vedette"], command: ["serve"], volumes: ["/v"], labels: {} };
const ARCHITECTURES = ["amd64", "arm64"] as const;

/** A layout in `image/`, and beside it the archive. */
function imageOf(...architectures: readonly string[]): string {
  const folder = scratch();
  const platforms = architectures.map((architecture): Platform => {
    const rootfs = join(folder, architecture);
    mkdirSync(rootfs);
    writeFileSync(join(rootfs, "processor"), architecture);
    return { architecture, rootfs };
  });
  const archive = join(folder, "image.tar");
  assert.is(writeImage(platforms, join(folder, "image"), archive, OPTIONS).length, architectures.length);
  return archive;
}

const isMissing = spawnSync("skopeo", ["--version"]).status !== 0;
if (isMissing) console.log("skip: the image as skopeo reads it: skopeo is missing");
const skopeo = (...words: readonly string[]): string =>
  execFileSync("skopeo", words, { encoding: "utf8", stdio: "pipe" });

interface Descriptor {
  readonly mediaType: string;
  readonly platform?: { readonly architecture: string; readonly os: string };
}

test("an image of one processor is a manifest", () => {
  const index = JSON.parse(readFileSync(join(imageOf("arm64"), "../image/index.json"), "utf8")) as {
    manifests: Descriptor[];
  };
  assert.is(index.manifests.length, 1);
  assert.is(index.manifests[0]!.mediaType, "application/vnd.oci.image.manifest.v1+json");
  assert.is(index.manifests[0]!.platform!.architecture, "arm64");
});

test("an image of two is an index, and each machine takes what is its own", () => {
  if (isMissing) return;
  const archive = imageOf(...ARCHITECTURES);
  const index = JSON.parse(skopeo("inspect", "--raw", `oci-archive:${archive}`)) as {
    mediaType: string;
    manifests: Descriptor[];
  };
  assert.is(index.mediaType, "application/vnd.oci.image.index.v1+json");
  assert.equal(
    index.manifests.map(({ platform }) => platform),
    ARCHITECTURES.map((architecture) => ({ architecture, os: "linux" })),
  );
  for (const one of ARCHITECTURES) {
    const to = join(archive, "..", `copy-${one}`);
    skopeo(`--override-arch=${one}`, "--insecure-policy", "copy", `oci-archive:${archive}`, `dir:${to}`);
    const { layers } = JSON.parse(readFileSync(join(to, "manifest.json"), "utf8")) as { layers: { digest: string }[] };
    const layer = join(to, layers[0]!.digest.replace("sha256:", ""));
    assert.is(execFileSync("tar", ["-xzOf", layer, "./processor"], { encoding: "utf8" }), one);
  }
  skopeo("--insecure-policy", "copy", "--all", `oci-archive:${archive}`, `oci:${join(archive, "../all")}:vedette`);
});

test("the same folders are packed to the same bytes", () => {
  const [one, other] = [imageOf(...ARCHITECTURES), imageOf(...ARCHITECTURES)];
  assert.ok(readFileSync(one).equals(readFileSync(other)));
});

test.run();
