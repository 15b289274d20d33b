// SPDX-License-Identifier: Apache-2.0
// A package's bill of materials, as SPDX 2.3 in JSON (https://spdx.github.io/spdx-spec/v2.3): npm's modules as
// `npm sbom` describes them, the libraries that are linked into the agent, the jail and the addon, and Node
// where the package brings it. `npm sbom --omit dev` leaves out what a development module needs as well. So
// npm is asked for all modules, and those that the host does not need are left out here. The same packages
// give the same bytes.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../paths.js";
import { architectureOf, askNpm, bundledModules, manifest, neededModules, OWN, type Processor } from "./staged.js";

interface SpdxPackage {
  readonly SPDXID: string;
  readonly name: string;
  readonly versionInfo: string;
  readonly packageFileName?: string;
  readonly [key: string]: unknown;
}
interface Relationship {
  readonly spdxElementId: string;
  readonly relatedSpdxElement: string;
  readonly relationshipType: string;
}
interface Document {
  readonly packages: readonly SpdxPackage[];
  readonly relationships: readonly Relationship[];
}

interface Linked {
  readonly name: string;
  readonly debian: string;
  readonly license: string;
  readonly only?: Processor;
}

/** Libraries that the linker took from Debian. `only`: of one processor. */
const LINKED: readonly Linked[] = [
  { name: "capstone", debian: "libcapstone-dev", license: "BSD-3-Clause", only: "x64" },
  { name: "glibc", debian: "libc6-dev", license: "LGPL-2.1-or-later" },
  { name: "gcc-14", debian: "libstdc++-14-dev", license: "GPL-3.0-or-later WITH GCC-exception-3.1" },
];
/** What Debian calls the libraries of its cross compilers. */
const crossOf = (debian: string, processor: Processor): string =>
  processor === OWN ? debian : `${debian}-${architectureOf(processor)}-cross`;
/** Compiled into the addon. */
const COMPILED = "node-addon-api";
const VEDETTE = `SPDXRef-Package-vedette-${manifest.version}`;
/** Of every date in it, so that the same content gives the same bytes. */
const DATE = "1980-01-01T00:00:00Z";

/** What is in one package. */
export class BillOfMaterials {
  readonly #packages: SpdxPackage[] = [];
  readonly #relationships: Relationship[] = [];

  constructor() {
    this.#packages.push(
      packageOf({
        id: VEDETTE,
        name: "vedette",
        version: manifest.version,
        license: manifest.license,
        purl: "npm/vedette",
      }),
    );
    this.#relate("SPDXRef-DOCUMENT", "DESCRIBES", VEDETTE);
  }

  /** The modules that the host needs, but those that are left out, and those in the console's script. */
  async withModules(leftOut: readonly string[] = []): Promise<this> {
    const { packages, relationships } = npmDocument();
    const isLeftOut = (folder: string): boolean => leftOut.includes(folder.replace("node_modules/", ""));
    const needed = new Set([...neededModules().filter((one) => !isLeftOut(one)), ...(await bundledModules())]);
    const kept = packages.filter(({ packageFileName = "" }) => needed.has(packageFileName));
    const ids = new Set([VEDETTE, ...kept.map(({ SPDXID }) => SPDXID)]);
    this.#packages.push(...kept.sort((a, b) => (a.SPDXID < b.SPDXID ? -1 : 1)));
    const isKept = ({ spdxElementId, relatedSpdxElement, relationshipType }: Relationship): boolean =>
      ids.has(spdxElementId) && ids.has(relatedSpdxElement) && relationshipType.endsWith("DEPENDENCY_OF");
    // What a module of ours and one of the tests need stands there as both.
    for (const one of relationships.filter(isKept))
      this.#relate(one.spdxElementId, "DEPENDENCY_OF", one.relatedSpdxElement);
    return this;
  }

  /** The libraries in what was compiled for a processor. */
  withLinked(processor: Processor = OWN): this {
    for (const { name, debian, license } of LINKED.filter(({ only = processor }) => only === processor)) {
      const version = debianVersion(crossOf(debian, processor));
      this.#add({ name, version, license, purl: `deb/debian/${name}` }, "STATIC_LINK");
    }
    const { version, license } = JSON.parse(
      readFileSync(join(ROOT, "node_modules", COMPILED, "package.json"), "utf8"),
    ) as { version: string; license: string };
    this.#add({ name: COMPILED, version, license, purl: `npm/${COMPILED}` }, "STATIC_LINK");
    return this;
  }

  /** The Node that the package brings: the one that runs this, or another. */
  withNode(version = process.versions.node): this {
    this.#add({ name: "node", version, license: "MIT", purl: "generic/node" }, "CONTAINED_BY");
    return this;
  }

  text(): string {
    const content = { packages: this.#packages, relationships: this.#relationships };
    const digest = createHash("sha256").update(JSON.stringify(content)).digest("hex");
    const document = {
      spdxVersion: "SPDX-2.3",
      dataLicense: "CC0-1.0",
      SPDXID: "SPDXRef-DOCUMENT",
      name: `vedette@${manifest.version}`,
      documentNamespace: `http://spdx.org/spdxdocs/vedette-${manifest.version}-${digest}`,
      creationInfo: { created: DATE, creators: [`Tool: vedette-${manifest.version}`] },
      ...content,
    };
    return `${JSON.stringify(document, null, 2)}\n`;
  }

  write(path: string): void {
    writeFileSync(path, this.text());
  }

  #add(facts: Omit<Facts, "id">, how: string): void {
    const id = `SPDXRef-Package-${facts.name.replace(/[^\w.-]/g, "-")}-${facts.version.replace(/[^\w.-]/g, "-")}`;
    this.#packages.push(packageOf({ ...facts, id }));
    if (how === "CONTAINED_BY") this.#relate(id, how, VEDETTE);
    else this.#relate(VEDETTE, how, id);
  }

  #relate(spdxElementId: string, relationshipType: string, relatedSpdxElement: string): void {
    this.#relationships.push({ spdxElementId, relationshipType, relatedSpdxElement });
  }
}

interface Facts {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** Without its version. https://github.com/package-url/purl-spec */
  readonly purl: string;
}

function packageOf({ id, name, version, license, purl }: Facts): SpdxPackage {
  return {
    name,
    SPDXID: id,
    versionInfo: version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseDeclared: license,
    externalRefs: [
      {
        referenceCategory: "PACKAGE-MANAGER",
        referenceType: "purl",
        referenceLocator: `pkg:${purl}@${encodeURIComponent(version)}`,
      },
    ],
  };
}

function npmDocument(): Document {
  return JSON.parse(askNpm("sbom", "--sbom-format", "spdx")) as Document;
}

/** What stood on the machine that built it. A machine without dpkg does not say. */
function debianVersion(name: string): string {
  try {
    const stdio: ["ignore", "pipe", "ignore"] = ["ignore", "pipe", "ignore"];
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own form
    return execFileSync("dpkg-query", ["-W", "-f", "${Version}", name], { encoding: "utf8", stdio });
  } catch {
    return "NOASSERTION";
  }
}
