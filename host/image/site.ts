// SPDX-License-Identifier: Apache-2.0
// `npm run site`: the documentation as pages, in build/site or the folder that is given. They work from a
// disk, without a server and without a network; so does the search. Links between Markdown files lead to
// pages, and the few other files that docs link to lie beside them. A link that leads nowhere ends this with
// an error.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, normalize, relative, resolve } from "node:path";
import { build } from "esbuild";
import { Marked, type Tokens } from "marked";
import { getHeadingList, gfmHeadingId } from "marked-gfm-heading-id";
import MiniSearch from "minisearch";
import { builtFile, ROOT } from "../paths.js";
import { type Group, groupsOfPages } from "./site-pages.js";
import type { Page } from "./site-reference.js";

/** What the search finds: a section of a page. */
interface Section {
  readonly id: number;
  readonly title: string;
  readonly page: string;
  readonly href: string;
  readonly text: string;
}

interface Rendered {
  readonly page: Page;
  readonly title: string;
  readonly html: string;
  readonly anchors: ReadonlySet<string>;
}

const SOURCE = join(ROOT, "web/site");
const to = resolve(process.argv[2] ?? builtFile("site"));
/** Of whatever docs link to that is no page. */
const copied = new Set<string>();

async function main(): Promise<void> {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  const groups = await groupsOfPages();
  const pages = groups.flatMap((group) => group.pages);
  const known = new Set(pages.map(({ path }) => path));
  const rendered = pages.map((page) => render(page, known));
  const titles = new Map(rendered.map(({ page, title }) => [page.path, title]));
  const template = readFileSync(join(SOURCE, "page.html"), "utf8");
  for (const one of rendered) write(`${one.page.path}.html`, filled(template, one, sideOf(groups, titles, one.page)));
  for (const path of copied) copy(path);
  cpSync(join(SOURCE, "site.css"), join(to, "site.css"));
  cpSync(join(ROOT, "web/icon.svg"), join(to, "icon.svg"));
  await build({
    entryPoints: [join(SOURCE, "search.ts")],
    outfile: join(to, "search.js"),
    ...{ bundle: true, minify: true, format: "iife", target: ["es2023"], logLevel: "warning" },
  });
  write("search-index.js", `window.vedetteSearchIndex = ${JSON.stringify(indexOf(rendered))};\n`);
  const broken = rendered.flatMap((one) => brokenLinks(one, rendered));
  if (broken.length > 0) throw new Error(`links that lead nowhere:\n${broken.join("\n")}`);
  console.log(`${rendered.length} pages in ${relative(process.cwd(), to) || "."}`);
}

function render(page: Page, known: ReadonlySet<string>): Rendered {
  const marked = new Marked(gfmHeadingId());
  marked.use({
    renderer: {
      // Tables are wider than a phone: each scrolls by itself, with the keyboard too.
      table(
        this: { parser: { parseInline(tokens: Tokens.TableCell["tokens"]): string } },
        token: Tokens.Table,
      ): string {
        const row = (cells: readonly Tokens.TableCell[], tag: "td" | "th"): string =>
          `<tr>${cells.map(({ tokens }) => `<${tag}>${this.parser.parseInline(tokens)}</${tag}>`).join("")}</tr>`;
        const body = token.rows.map((cells) => row(cells, "td")).join("");
        return `<div class="wide" role="region" aria-label="Table" tabindex="0"><table><thead>${row(token.header, "th")}</thead><tbody>${body}</tbody></table></div>\n`;
      },
      code({ text }: Tokens.Code): string {
        return `<pre tabindex="0"><code>${escaped(text)}</code></pre>\n`;
      },
    },
    walkTokens(token) {
      if (token.type === "link" || token.type === "image") token.href = hrefFrom(page, token.href as string, known);
    },
  });
  const html = marked.parse(page.markdown, { async: false });
  const headings = getHeadingList();
  return { page, title: plain(headings[0]?.text ?? page.path), html, anchors: new Set(headings.map(({ id }) => id)) };
}

/** Where a link of a page leads on the site. */
function hrefFrom(page: Page, href: string, known: ReadonlySet<string>): string {
  if (/^[a-z]+:/.test(href) || href.startsWith("#")) return href;
  const [file = "", anchor] = href.split("#");
  const source = page.path === "index" ? "." : dirname(page.path);
  const path = normalize(join(source, file)).replace(/\/$/, "");
  const withoutEnd = path
    .replace(/\.md$/, "")
    .replace(/^README$/, "index")
    .replace(/^build\/generated\/docs\//, "reference/");
  const name = withoutEnd === "reference/calls" ? "reference/system-calls" : withoutEnd;
  const target = known.has(name) ? `${name}.html` : path;
  if (target === path) copied.add(path);
  return `${relative(source, target) || basename(target)}${anchor === undefined ? "" : `#${anchor}`}`;
}

function brokenLinks({ page, html }: Rendered, all: readonly Rendered[]): string[] {
  const anchors = new Map(all.map((one) => [`${one.page.path}.html`, one.anchors]));
  return [...html.matchAll(/ href="([^"]+)"/g)].flatMap(([, href = ""]) => {
    if (/^[a-z]+:/.test(href)) return [];
    const [file = "", anchor] = href.split("#");
    const target = file === "" ? `${page.path}.html` : normalize(join(dirname(page.path), file));
    if (copied.has(target)) return [];
    const there = anchors.get(target);
    return there !== undefined && (anchor === undefined || there.has(anchor)) ? [] : [`${page.path}: ${href}`];
  });
}

function sideOf(groups: readonly Group[], titles: ReadonlyMap<string, string>, here: Page): string {
  const link = ({ path }: Page): string => {
    const current = path === here.path ? ' aria-current="page"' : "";
    return `<li><a href="${relative(dirname(here.path), `${path}.html`)}"${current}>${escaped(titles.get(path) ?? path)}</a></li>`;
  };
  return groups
    .filter(({ pages }) => pages.length > 0)
    .map(({ title, pages }) => `${title === "" ? "" : `<h2>${title}</h2>`}<ul>${pages.map(link).join("")}</ul>`)
    .join("\n");
}

function filled(template: string, { page, title, html }: Rendered, side: string): string {
  const root = relative(dirname(page.path), ".") || ".";
  const values: Readonly<Record<string, string>> = { title: escaped(title), root, side, content: html };
  return template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? "");
}

/** A section is what stands below one heading. */
function indexOf(rendered: readonly Rendered[]): object {
  const sections: Section[] = [];
  for (const { page, title, html } of rendered)
    for (const part of html.split(/(?=<h[1-6] )/)) {
      const [, anchor = "", heading = title] = /^<h[1-6] id="([^"]*)">(.*?)<\/h[1-6]>/.exec(part) ?? [];
      const text = plain(part);
      if (text.trim() === "") continue;
      const href = `${page.path}.html${anchor === "" ? "" : `#${anchor}`}`;
      sections.push({ id: sections.length, title: plain(heading), page: title, href, text });
    }
  const index = new MiniSearch<Section>({ fields: ["title", "page", "text"], storeFields: ["title", "page", "href"] });
  index.addAll(sections);
  return index.toJSON();
}

function copy(path: string): void {
  mkdirSync(dirname(join(to, path)), { recursive: true });
  cpSync(join(ROOT, path), join(to, path), { recursive: true });
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(to, path)), { recursive: true });
  writeFileSync(join(to, path), text);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Without markup, for titles and the search. */
function plain(html: string): string {
  const signs: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
  return html
    .replace(/<[^>]*>/g, " ")
    .replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => signs[name] ?? "")
    .replace(/\s+/g, " ")
    .trim();
}

await main();
