// SPDX-License-Identifier: Apache-2.0
// Dark or light: as the system is, until somebody chooses.
import { keptChoice } from "./kept.js";
import { Choice } from "./parts.js";

const theme = keptChoice("theme", ["system", "dark", "light"]);
const WORDS = [
  ["system", "as the system"],
  ["dark", "dark"],
  ["light", "light"],
] as const;

/** The page is in the theme that was chosen, from here on. */
export function followTheme(): void {
  theme.subscribe((word) => {
    document.documentElement.dataset.theme = word;
  });
}

export function ThemeChoice() {
  return <Choice name="theme" label="Theme" of={theme} options={WORDS} />;
}
