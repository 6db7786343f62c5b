// Real here: every example of the guide, in a shell, with the program on the path and the files that the guide shows.
import { spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import { folder } from "../skein.ts"

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const guide = readFileSync(at("../../../../docs/guide/jobs-command.md"), "utf8")

const dir = folder()("guide")
const bin = join(dir, "bin")
mkdirSync(bin, { recursive: true })
writeFileSync(join(bin, "skein"), `#!/bin/sh\nexec ${process.execPath} ${at("../../src/main.ts")} "$@"\n`)
chmodSync(join(bin, "skein"), 0o755)
const files = [...guide.matchAll(/This is `([\w.]+)`:\n\n```\w+\n([\s\S]*?)^```/gm)]
for (const [, name, text] of files) writeFileSync(join(dir, name!), text!)

/** Lines after `$` are commands, those below are what they write. */
const examples = [...guide.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, fence]) =>
  fence!
    .split(/^\$ /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf("\n")), text.slice(text.indexOf("\n") + 1)] as const)
)

it("the guide has examples and shows files", () => {
  expect(examples.length).toBeGreaterThan(15)
  expect(files.map(([, name]) => name)).toEqual(["build.json"])
})

// They build on each other.
it.each(examples)("%s", (command, expected) => {
  const { SKEIN_STORE: _, ...inherited } = process.env
  const env = { ...inherited, PATH: `${bin}:${process.env["PATH"]}`, NO_COLOR: "1" }
  const { stdout } = spawnSync("sh", ["-c", command], { cwd: dir, env, encoding: "utf8" })
  expect(stdout).toBe(expected)
})
