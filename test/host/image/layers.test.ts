// SPDX-License-Identifier: Apache-2.0
// A folder as an OCI image, and a bill of materials: each digest and name is of what it names, and the same
// content gives the same bytes.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { writeImage } from "../../../host/image/layers.js";
import { BillOfMaterials } from "../../../host/image/sbom.js";
import { scratch } from "../../e2e/programs.js";

const folder = scratch();
const rootfs = join(folder, "rootfs");
mkdirSync(join(rootfs, "bin"), { recursive: true });
writeFileSync(join(rootfs, "bin/tool"), "#!/bin/sh\n");
chmodSync(join(rootfs, "bin/tool"), 0o755);
const PLATFORMS = [{ architecture: "amd64", rootfs }];
const OPTIONS = {
  ...{ name: "vedette:1", entryPoint: ["/bin/tool"], command: ["serve"] },
  ...{ volumes: ["/vedette"], labels: { "org.opencontainers.image.title": "vedette" } },
};
const digestOf = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

test("every digest of the image is of the bytes that it names, and its layer holds the folder", () => {
  const layout = join(folder, "layout");
  const [size] = writeImage(PLATFORMS, layout, join(folder, "image.tar"), OPTIONS);
  const blob = ({ digest, size }: { digest: string; size: number }): Buffer => {
    const bytes = readFileSync(join(layout, "blobs", digest.replace(":", "/")));
    assert.equal([digestOf(bytes), bytes.length], [digest, size]);
    return bytes;
  };
  const [entry] = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")).manifests;
  assert.equal(entry.platform, { architecture: "amd64", os: "linux" });
  const manifest = JSON.parse(blob(entry).toString());
  const { config, rootfs: layers } = JSON.parse(blob(manifest.config).toString());
  assert.equal([config.Entrypoint, config.Cmd, config.Volumes], [["/bin/tool"], ["serve"], { "/vedette": {} }]);
  const layer = blob(manifest.layers[0]);
  assert.is(layer.length, size);
  assert.equal(layers.diff_ids, [digestOf(gunzipSync(layer))]);
  const listed = execFileSync("tar", ["-tvzf", "-"], { input: layer, encoding: "utf8" });
  assert.match(listed, /^-rwxr-xr-x 0\/0 .* \.\/bin\/tool$/m);
  assert.match(execFileSync("tar", ["-tf", join(folder, "image.tar")], { encoding: "utf8" }), /^\.\/oci-layout$/m);
});

test("the same folder gives the same bytes at another time, and leaves nothing of an earlier image", () => {
  const [first, layout] = [readFileSync(join(folder, "image.tar")), join(folder, "layout")];
  writeFileSync(join(layout, "blobs/left"), "of before");
  utimesSync(join(rootfs, "bin/tool"), 1, 1);
  writeImage(PLATFORMS, layout, join(folder, "again.tar"), OPTIONS);
  assert.ok(readFileSync(join(folder, "again.tar")).equals(first));
});

test("a bill of materials names each library and Node once, and the same things give the same bytes", () => {
  const bill = () => new BillOfMaterials().withLinked().withNode();
  const document = JSON.parse(bill().text());
  const ids: string[] = document.packages.map(({ SPDXID }: { SPDXID: string }) => SPDXID);
  assert.is(new Set(ids).size, ids.length);
  const names = document.packages.map(({ name }: { name: string }) => name);
  for (const name of ["vedette", "capstone", "glibc", "node-addon-api", "node"]) assert.ok(names.includes(name), name);
  for (const { spdxElementId, relatedSpdxElement } of document.relationships)
    for (const id of [spdxElementId, relatedSpdxElement])
      assert.ok(id === "SPDXRef-DOCUMENT" || ids.includes(id), `${id} is in no list`);
  assert.is(bill().text(), bill().text());
  assert.not.equal(new BillOfMaterials().text(), bill().text());
  const { documentNamespace } = JSON.parse(new BillOfMaterials().text());
  assert.not.equal(documentNamespace, document.documentNamespace, "the name is of the content");
  new BillOfMaterials().withNode().write(join(folder, "bill.json"));
  const [, node] = JSON.parse(readFileSync(join(folder, "bill.json"), "utf8")).packages;
  assert.equal([node.name, node.versionInfo], ["node", process.version.slice(1)]);
});

test.run();
