// Real here: a process that may have few files open, and a worker thread.
import { Workers } from "@skein/node"
import { parallelMap } from "@skein/parallel"
import * as Effect from "effect/Effect"
import { execFile, execFileSync } from "node:child_process"
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { read } from "./fixtures/readTask.ts"

const program = `
  import { TextFile } from "@skein/node"
  import { parallelMap } from "@skein/parallel"
  import * as Effect from "effect/Effect"

  const read = () => TextFile.read("package.json")
  const all = (options) => parallelMap(Array.from({ length: 300 }), read, options)
  const result = await Effect.runPromise(all({ concurrency: "unbounded" }))
  const reasons = new Set(result.outcomes.flatMap(({ cause }) => cause === undefined ? [] : cause.reasons.map(({ error }) => error.reason._tag)))
  const again = await Effect.runPromise(all({ concurrency: 8 }))
  process.stdout.write(JSON.stringify({ some: result.completed > 0, reasons: [...reasons], again: again.completed }))
`

describe("TextFile.read in a process that may have few files open", () => {
  it("says Busy where there are too many, reads the rest, and reads all when there are fewer", async () => {
    const cwd = fileURLToPath(new URL("..", import.meta.url))
    const shell = `ulimit -n 100 && exec "$0" --input-type=module --eval "$1"`
    const { stdout } = await promisify(execFile)("sh", ["-c", shell, process.execPath, program], { cwd })
    expect(JSON.parse(stdout)).toEqual({ some: true, reasons: ["Busy"], again: 300 })
  })
})

describe("TextFile.read in a worker thread", () => {
  it("reads a named pipe to its end, waits for a writer, and closes no descriptor of others", async () => {
    const dir = mkdtempSync(join(tmpdir(), "textfile-"))
    const pipe = (name: string): string => {
      execFileSync("mkfifo", [join(dir, name)])
      return join(dir, name)
    }
    const warnings: Array<string> = []
    const warn = (warning: Error): number => warnings.push(warning.message)
    process.on("warning", warn)
    try {
      const [spoken, silent] = [pipe("spoken"), pipe("silent")]
      const fine = join(dir, "fine.txt")
      writeFileSync(fine, "fine")
      const program = Effect.gen(function* () {
        const stop = new AbortController()
        let ended = 0
        const reading = parallelMap([spoken, fine, silent, fine], (path) => read(path), {
          stop: stop.signal,
          onOutcome: () => void (++ended === 3 && stop.abort())
        })
        const writing = Effect.sync(() => createWriteStream(spoken).end("a word"))
        const [result] = yield* Effect.all([reading, writing], { concurrency: 2 })
        const after = yield* parallelMap(Array.from({ length: 20 }), () => read(fine))
        return [result.outcomes.map((outcome) => (outcome._tag === "Completed" ? outcome.value : outcome.status)), after.completed] as const
      })
      const layer = Workers.layer({ size: 1, concurrency: 4 })
      expect(await Effect.runPromise(Effect.provide(program, layer))).toEqual([["a word", "fine", "cancelled", "fine"], 20])
      expect(warnings).toEqual([])
    } finally {
      process.off("warning", warn)
      rmSync(dir, { recursive: true })
    }
  })
})
