// Real here: a process that may have few files open.
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"

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
