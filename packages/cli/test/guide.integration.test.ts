// Real here: every example of the guide, in a shell, with the program on the path.
import { spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import { folder } from "./skein.ts"

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const guides = ["../../../docs/guide/command-line.md", "../README.md"]

interface Example {
  readonly command: string
  readonly expected: string
}

/** Lines after `$` are commands, those below are what they write. */
const examplesOf = (fence: string): ReadonlyArray<Example> =>
  fence
    .split(/^\$ /m)
    .slice(1)
    .map((text) => {
      const end = text.indexOf("\n")
      return { command: text.slice(0, end), expected: text.slice(end + 1) }
    })

const fences = guides.flatMap((guide) =>
  [...readFileSync(at(guide), "utf8").matchAll(/^```sh\n([\s\S]*?)^```/gm)]
    .map(([, fence]) => examplesOf(fence!))
    .filter((examples) => examples.length > 0)
    .map((examples) => [`${guide.split("/").at(-1)}: ${examples[0]!.command}`, examples] as const)
)

const dir = folder()("guide")
const bin = join(dir, "bin")
mkdirSync(bin, { recursive: true })
writeFileSync(join(bin, "skein"), `#!/bin/sh\nexec ${process.execPath} ${at("../src/main.ts")} "$@"\n`)
chmodSync(join(bin, "skein"), 0o755)

it("the guide has examples", () => {
  expect(fences.length).toBeGreaterThan(7)
})

it.each(fences)("%s", (_, examples) => {
  for (const { command, expected } of examples) {
    const env = { ...process.env, PATH: `${bin}:${process.env["PATH"]}`, NO_COLOR: "1" }
    const { stdout } = spawnSync("sh", ["-c", command], { cwd: dir, env, encoding: "utf8" })
    expect({ command, stdout }).toEqual({ command, stdout: expected })
  }
})
