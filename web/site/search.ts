// SPDX-License-Identifier: Apache-2.0
// The documentation's search, in the browser: the index is a script beside the pages, because a page from a
// disk may not fetch, and is read when somebody begins to type.
import MiniSearch from "minisearch";

declare global {
  interface Window {
    vedetteSearchIndex?: object;
  }
}

interface Found {
  readonly title: string;
  readonly page: string;
  readonly href: string;
}

const SHOWN_MAX = 20;
const OPTIONS = { fields: ["title", "page", "text"], storeFields: ["title", "page", "href"] };
const HOW = { prefix: true, fuzzy: 0.1, boost: { title: 4, page: 2 }, combineWith: "AND" } as const;

const field = document.querySelector<HTMLInputElement>("#search")!;
const list = document.querySelector<HTMLOListElement>("#found")!;
const root = field.dataset.root ?? ".";
let loading: Promise<MiniSearch> | null = null;

field.addEventListener("input", () => void show());
field.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") field.value = "";
  if (key === "Enter") list.querySelector("a")?.click();
  if (key === "Escape") void show();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target instanceof HTMLInputElement) return;
  event.preventDefault();
  field.focus();
});

async function show(): Promise<void> {
  if (field.value.trim() !== "") loading ??= load();
  const index = await loading;
  const words = field.value.trim(); // as it is now, not as it was when the index was asked for
  const found = words === "" || index === null ? [] : (index.search(words, HOW) as unknown as Found[]);
  const rows = found.slice(0, SHOWN_MAX).map(row);
  list.replaceChildren(...(words !== "" && rows.length === 0 ? [nothing()] : rows));
  list.hidden = words === "";
}

function load(): Promise<MiniSearch> {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${root}/search-index.js`;
    script.onload = () => resolve(MiniSearch.loadJS(window.vedetteSearchIndex as never, OPTIONS));
    script.onerror = reject;
    document.head.append(script);
  });
}

function row({ title, page, href }: Found): HTMLLIElement {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = `${root}/${href}`;
  link.textContent = title === page ? title : `${page}: ${title}`;
  item.append(link);
  return item;
}

function nothing(): HTMLLIElement {
  const item = document.createElement("li");
  item.textContent = "Nothing is found.";
  return item;
}
