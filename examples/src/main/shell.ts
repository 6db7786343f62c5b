/**
 * The same job from the shell, by `skein map`: its answers must be those of the first run.
 */
import { Command } from "@skein/node"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Flags } from "./flags.ts"
import type { Run, Setting } from "./run.ts"
import { answerOf } from "./summary.ts"
import { count, paint, time } from "./text.ts"

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const task = at("analysis.ts")
const skein = at("../../../packages/cli/src/main.ts")

/** What to look at next. */
const another = `${paint("cyan", "One more")}        $ node_modules/.bin/node examples/src/build.ts  a build that is killed by SIGKILL in the middle, and goes on\n`

interface Row {
  readonly index: number
  readonly status: string
  readonly value?: Parameters<typeof answerOf>[0]
  readonly error?: { readonly _tag: string; readonly kind?: string }
}

/** One line: the command that was run, and whether it found out what the run has found out. */
export const throughShell = (
  first: Run,
  flags: Flags,
  { folder, inputs }: Setting
): Effect.Effect<{ readonly line: string; readonly same: boolean }> =>
  Effect.gen(function* () {
    const files = join(folder, "files.ndjson")
    const done = join(folder, "done.ndjson")
    writeFileSync(files, inputs.map(({ path }) => `${JSON.stringify({ path })}\n`).join(""))
    const limit = `${Duration.toMillis(flags.timeout)}ms`
    const args = ["map", "--timeout", limit, "--jobs", `${Math.max(flags.size, 1)}`, "-a", files, `${task}#analyse`]
    const from = performance.now()
    // Its exit code counts the files that failed, as some do on purpose.
    const okCodes = Array.from({ length: 102 }, (_, code) => code)
    yield* Effect.orDie(Command.make(process.execPath, [skein, ...args], { stdout: { file: done }, stderr: "inherit", okCodes }))
    const rows = readFileSync(done, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Row)
    let answers = 0
    let same = rows.length === inputs.length
    for (const { error, index, status, value } of rows) {
      if (status === "timeout") continue
      answers++
      const answer = value === undefined ? (error?.kind ?? error?._tag) : answerOf(value)
      const expected = first.answers.get(inputs[index]!.name)
      if (expected !== undefined && expected !== answer) same = false
    }
    const short = `skein map --timeout ${limit} --jobs ${Math.max(flags.size, 1)} -a files.ndjson examples/src/main/analysis.ts#analyse`
    const verdict = same ? "the same answers" : paint("red", "other answers")
    return {
      same,
      line: `${paint("cyan", "From the shell")}  $ ${short}  ${count(answers)} files, ${verdict}, ${time(performance.now() - from)}\n${another}`
    }
  })
