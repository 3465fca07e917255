// The commands of a page of documentation as one shell script. A block fenced as `sh` is run, `sh background` runs until
// the end of the page, `sh elsewhere` is what another test runs; other languages are not run.

/** Says in the script's output which block comes next. */
const MARK = "== block of line";

/** Each background block is a process group of its own (`set -m`), so that it ends with all it started. */
const PROLOGUE = `set -euo pipefail -m
background=()
end() { for pid in "\${background[@]}"; do kill -TERM -- "-$pid" 2>/dev/null || true; done; }
trap end EXIT
`;

/** Throws for a block of another mark, which nobody would run. */
export function pageScript(page: string): string {
  const blocks = [...page.matchAll(/^```sh(?<mark>[^\n]*)\n(?<code>[\s\S]*?)^```$/gm)];
  const parts = blocks.map(({ groups, index }) => {
    const mark = (groups?.["mark"] ?? "").trim();
    const code = groups?.["code"] ?? "";
    const line = page.slice(0, index).split("\n").length;
    switch (mark) {
      case "":
        return `echo "${MARK} ${line}"\n${code}`;
      case "background":
        return `echo "${MARK} ${line}, in the background"\n( ${code} ) &\nbackground+=($!)\n`;
      case "elsewhere":
        return "";
      default:
        throw new Error(`Line ${line}: a block is fenced as "sh ${mark}"; write sh, sh background or sh elsewhere.`);
    }
  });
  return PROLOGUE + parts.join("\n");
}
